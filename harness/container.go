package harness

import "github.com/cnilab/cnilab/kernel"

// A Container is one of a pod: a process that has joined the namespace which the pause container holds.
type Container struct {
	ns    kernel.NetNS
	stops []func()
}

// StartContainer starts a container in the pod. Crash it.
func (p Pod) StartContainer(h kernel.Host) (*Container, error) {
	ns, err := h.OpenNetNS(p.NetNS)
	if err != nil {
		return nil, err
	}
	return &Container{ns: ns}, nil
}

// Serve listens in the container until it crashes.
func (c *Container) Serve(s kernel.Service) error {
	stop, err := c.ns.Serve(s)
	if err == nil {
		c.stops = append(c.stops, stop)
	}
	return err
}

// Crash ends the container: its sockets are closed, and the namespace stays where the pod still has it.
func (c *Container) Crash() {
	for _, stop := range c.stops {
		stop()
	}
	c.ns.Close()
}

// loopbackUp gives the pod's containers their own 127.0.0.1.
func (p Pod) loopbackUp(h kernel.Host) error {
	ns, err := h.OpenNetNS(p.NetNS)
	if err != nil {
		return err
	}
	defer ns.Close()
	lo, err := ns.LinkByName("lo")
	if err != nil {
		return err
	}
	return ns.ChangeLink(lo.Index, kernel.LinkChange{Up: new(true)})
}
