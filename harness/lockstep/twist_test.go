package lockstep_test

import (
	"github.com/cnilab/cnilab/kernel"
)

// A twist is one rule of a kernel that is wrong. Its functions are given what is asked and the right way to do it; a
// method whose function is nil is right.
type twist struct {
	addNetNS     func(h kernel.Host, path string) error
	delNetNS     func(h kernel.Host, path string) error
	addLink      func(ns kernel.NetNS, spec kernel.LinkSpec) error
	changeLink   func(ns kernel.NetNS, index int, c kernel.LinkChange) error
	deleteLink   func(ns kernel.NetNS, index int) error
	changePort   func(ns kernel.NetNS, index int, c kernel.PortChange) error
	changeBridge func(ns kernel.NetNS, index int, c kernel.BridgeChange) error
	addAddress   func(ns kernel.NetNS, a kernel.Address) error
	delAddress   func(ns kernel.NetNS, a kernel.Address) error
	addRoute     func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error
	delRoute     func(ns kernel.NetNS, r kernel.Route) error
	addNeigh     func(ns kernel.NetNS, n kernel.Neighbour) error
	delNeigh     func(ns kernel.NetNS, n kernel.Neighbour) error
	addVLANs     func(ns kernel.NetNS, v kernel.VLANRange) error
	delVLANs     func(ns kernel.NetNS, v kernel.VLANRange) error
	addFDB       func(ns kernel.NetNS, e kernel.FDBEntry) error
	delFDB       func(ns kernel.NetNS, e kernel.FDBEntry) error
	addRule      func(ns kernel.NetNS, r kernel.Rule) error
	delRule      func(ns kernel.NetNS, r kernel.Rule) error
	sysctl       func(ns kernel.NetNS, key string) (string, error)
	setSysctl    func(ns kernel.NetNS, key, value string) error

	changeRuleset, checkRuleset func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error
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

func (n *twistedNetNS) ChangeBridge(index int, c kernel.BridgeChange) error {
	if n.t.changeBridge != nil {
		return n.t.changeBridge(n.NetNS, index, c)
	}
	return n.NetNS.ChangeBridge(index, c)
}

func (n *twistedNetNS) AddVLANs(v kernel.VLANRange) error {
	return or(n.NetNS, n.t.addVLANs, n.NetNS.AddVLANs, v)
}

func (n *twistedNetNS) DeleteVLANs(v kernel.VLANRange) error {
	return or(n.NetNS, n.t.delVLANs, n.NetNS.DeleteVLANs, v)
}

func (n *twistedNetNS) AddFDB(e kernel.FDBEntry) error {
	return or(n.NetNS, n.t.addFDB, n.NetNS.AddFDB, e)
}

func (n *twistedNetNS) DeleteFDB(e kernel.FDBEntry) error {
	return or(n.NetNS, n.t.delFDB, n.NetNS.DeleteFDB, e)
}

func (n *twistedNetNS) AddRule(r kernel.Rule) error {
	return or(n.NetNS, n.t.addRule, n.NetNS.AddRule, r)
}

func (n *twistedNetNS) DeleteRule(r kernel.Rule) error {
	return or(n.NetNS, n.t.delRule, n.NetNS.DeleteRule, r)
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

func (n *twistedNetNS) ChangeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	if n.t.changeRuleset != nil {
		return n.t.changeRuleset(n.NetNS, b, changes)
	}
	return n.NetNS.ChangeRuleset(b, changes)
}

func (n *twistedNetNS) CheckRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	if n.t.checkRuleset != nil {
		return n.t.checkRuleset(n.NetNS, b, changes)
	}
	return n.NetNS.CheckRuleset(b, changes)
}
