package backend

import (
	"fmt"
	"slices"

	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	kernellinux "github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// hosts are the machines of a scenario on one real kernel, and the cables between them. The first is this process's own;
// each of the others has a network namespace and a mount namespace, which end with it.
type hosts struct {
	config Config
	first  *scenario.Machine
	real   map[string]kernel.Host // without what watches them
	apart  []*kernellinux.Apart
	cables []cable
}

// A cable is one between two of the hosts.
type cable struct {
	*kernellinux.Cable
	hosts [2]string
}

// add makes one more machine, with the plugins of the first.
func (h *hosts) add(name string) (kernel.Host, error) {
	var shared []string
	if h.config.PluginDir == "" {
		shared = append(shared, ownFolder)
	}
	host, err := kernellinux.NewApart(func() error {
		if err := sandbox.Apart(shared...); err != nil {
			return err
		}
		return ownConfigurations()
	})
	if err != nil {
		return nil, err
	}
	h.real[name], h.apart = host, append(h.apart, host)
	if h.config.CallOwn {
		again := func() (kernel.Host, func(), error) { return host, func() {}, nil }
		return h.watch(callingHost{host, h.first.Faults, again}), nil
	}
	return h.watch(host), nil
}

// watch makes the cables follow what is done to their cards: a line does it, or a program that a line runs.
func (h *hosts) watch(host kernel.Host) kernel.Host {
	movesCards := []intercept.Op{intercept.LinkSet, intercept.LinkDelete, intercept.NetNSDelete, intercept.ProgramExec}
	return intercept.Wrap(host, func(c intercept.Call, next func() error) error {
		err := next()
		if !slices.Contains(movesCards, c.Op) {
			return err
		}
		for _, cable := range h.cables {
			if broken := cable.Refresh(); err == nil {
				err = broken
			}
		}
		return err
	})
}

// close takes the cables away, and all machines but the first.
func (h *hosts) close() {
	for _, cable := range h.cables {
		cable.Close()
	}
	for _, host := range h.apart {
		host.Close()
	}
}

// cable does what a line says of a cable.
func (h *hosts) cable(c scenario.Cable) error {
	if err := carriesAtOnce(c); err != nil {
		return err
	}
	place, err := c.Among(h.laid())
	switch {
	case err != nil:
		return err
	case place >= 0 && c.State == nil:
		return nil // "delay 0s": it has none
	case place >= 0:
		return h.cables[place].Become(*c.State)
	}
	made, err := kernellinux.NewCable(h.plug(c.A), h.plug(c.B))
	if err == nil {
		h.cables = append(h.cables, cable{made, [2]string{c.A.Host, c.B.Host}})
	}
	return err
}

func (h *hosts) plug(end scenario.CableEnd) kernellinux.Plug {
	return kernellinux.Plug{Host: h.real[end.Host], Device: end.Device}
}

// carriesAtOnce refuses what no cable here does.
func carriesAtOnce(c scenario.Cable) error {
	word := ""
	switch {
	case c.Delay != nil && *c.Delay > 0:
		word = "delay"
	case c.Loss != nil && *c.Loss > 0:
		word = "loss"
	case c.Rate != nil && *c.Rate > 0:
		word = "rate"
	case c.Limit != nil:
		word = "limit"
	default:
		return nil
	}
	return fmt.Errorf("cable %s %s: on a real kernel a cable carries all that is sent, and at once: leave %q out, or say that"+
		" the scenario is for the simulation by a line \"# backend: sim, because ...\" among its first comments", c.A, c.B, word)
}

// laid are the cables that there are. One whose card is nowhere to be found has no device there.
func (h *hosts) laid() (all []scenario.LaidCable) {
	for _, cable := range h.cables {
		laid := scenario.LaidCable{Says: cable.State().String()}
		places, _ := cable.Ends()
		for i, p := range places {
			laid.Ends[i] = scenario.DeviceAt{Host: cable.hosts[i], NetNS: p.NetNS, Device: p.Device}
		}
		all = append(all, laid)
	}
	return all
}
