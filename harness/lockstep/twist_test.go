package lockstep_test

import (
	"github.com/cnilab/cnilab/kernel"
)

// A twist is one rule of a kernel that is wrong. Its functions are given what is asked and the right way to do it; a
// method whose function is nil is right.
type twist struct {
	addNetNS   func(h kernel.Host, path string) error
	delNetNS   func(h kernel.Host, path string) error
	addLink    func(ns kernel.NetNS, spec kernel.LinkSpec) error
	changeLink func(ns kernel.NetNS, index int, c kernel.LinkChange) error
	deleteLink func(ns kernel.NetNS, index int) error
	changePort func(ns kernel.NetNS, index int, c kernel.PortChange) error
	addAddress func(ns kernel.NetNS, a kernel.Address) error
	delAddress func(ns kernel.NetNS, a kernel.Address) error
	addRoute   func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error
	delRoute   func(ns kernel.NetNS, r kernel.Route) error
	addNeigh   func(ns kernel.NetNS, n kernel.Neighbour) error
	delNeigh   func(ns kernel.NetNS, n kernel.Neighbour) error
	sysctl     func(ns kernel.NetNS, key string) (string, error)
	setSysctl  func(ns kernel.NetNS, key, value string) error
}

// A twistedHost is right in all that its twist does not name.
type twistedHost struct {
	kernel.Host
	twist
}

func (h *twistedHost) OpenNetNS(path string) (kernel.NetNS, error) {
	ns, err := h.Host.OpenNetNS(path)
	if err != nil {
		return nil, err
	}
	return &twistedNetNS{ns, h.twist}, nil
}

func (h *twistedHost) AddNetNS(path string) error {
	if h.addNetNS != nil {
		return h.addNetNS(h.Host, path)
	}
	return h.Host.AddNetNS(path)
}

func (h *twistedHost) DeleteNetNS(path string) error {
	if h.delNetNS != nil {
		return h.delNetNS(h.Host, path)
	}
	return h.Host.DeleteNetNS(path)
}

type twistedNetNS struct {
	kernel.NetNS
	t twist
}

// right returns the backend's own handle, the only kind that it takes as an argument.
func right(ns kernel.NetNS) kernel.NetNS {
	if twisted, ok := ns.(*twistedNetNS); ok {
		return twisted.NetNS
	}
	return ns
}

// or calls the twist's function, or the right one where there is none.
func or[A any](ns kernel.NetNS, twisted func(kernel.NetNS, A) error, right func(A) error, a A) error {
	if twisted != nil {
		return twisted(ns, a)
	}
	return right(a)
}

func (n *twistedNetNS) AddLink(spec kernel.LinkSpec) error {
	spec.Peer.NetNS = right(spec.Peer.NetNS)
	return or(n.NetNS, n.t.addLink, n.NetNS.AddLink, spec)
}

func (n *twistedNetNS) ChangeLink(index int, c kernel.LinkChange) error {
	c.NetNS = right(c.NetNS)
	if n.t.changeLink != nil {
		return n.t.changeLink(n.NetNS, index, c)
	}
	return n.NetNS.ChangeLink(index, c)
}

func (n *twistedNetNS) DeleteLink(index int) error {
	return or(n.NetNS, n.t.deleteLink, n.NetNS.DeleteLink, index)
}

func (n *twistedNetNS) ChangePort(index int, c kernel.PortChange) error {
	if n.t.changePort != nil {
		return n.t.changePort(n.NetNS, index, c)
	}
	return n.NetNS.ChangePort(index, c)
}

func (n *twistedNetNS) AddAddress(a kernel.Address) error {
	return or(n.NetNS, n.t.addAddress, n.NetNS.AddAddress, a)
}

func (n *twistedNetNS) DeleteAddress(a kernel.Address) error {
	return or(n.NetNS, n.t.delAddress, n.NetNS.DeleteAddress, a)
}

func (n *twistedNetNS) AddRoute(r kernel.Route, mode kernel.RouteMode) error {
	if n.t.addRoute != nil {
		return n.t.addRoute(n.NetNS, r, mode)
	}
	return n.NetNS.AddRoute(r, mode)
}

func (n *twistedNetNS) DeleteRoute(r kernel.Route) error {
	return or(n.NetNS, n.t.delRoute, n.NetNS.DeleteRoute, r)
}

func (n *twistedNetNS) AddNeighbour(e kernel.Neighbour) error {
	return or(n.NetNS, n.t.addNeigh, n.NetNS.AddNeighbour, e)
}

func (n *twistedNetNS) DeleteNeighbour(e kernel.Neighbour) error {
	return or(n.NetNS, n.t.delNeigh, n.NetNS.DeleteNeighbour, e)
}

func (n *twistedNetNS) Sysctl(key string) (string, error) {
	if n.t.sysctl != nil {
		return n.t.sysctl(n.NetNS, key)
	}
	return n.NetNS.Sysctl(key)
}

func (n *twistedNetNS) SetSysctl(key, value string) error {
	if n.t.setSysctl != nil {
		return n.t.setSysctl(n.NetNS, key, value)
	}
	return n.NetNS.SetSysctl(key, value)
}
