package intercept

import (
	"path"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// ask makes a call in this namespace that is a request to the kernel.
func (n *netns) ask(o operation.Operation, object string, backend func() error) error {
	c := Call{Op: Op(o.Op()), NetNS: n.Name(), Object: object, Operation: o}
	return n.line.through(0, n.line.number(c), backend)
}

// ask makes a call on the host that is a request to the kernel, if it is about a namespace that has a name.
func (h *host) ask(op Op, file string, o operation.Operation, backend func() error) error {
	c := Call{Op: op, Object: file}
	if path.Dir(file) == kernel.NetNSDir {
		c.Operation = o
	}
	return h.line.through(0, h.line.number(c), backend)
}

// named is the name of a link as a line has it; nil for index 0.
func (n *netns) named(index int) *string {
	if index == 0 {
		return nil
	}
	name := n.line.names.linkOr(n.ID(), index, operation.Numbered)
	return &name
}

// on is the name of the link that a request is about.
func (n *netns) on(index int) string { return n.line.names.linkOr(n.ID(), index, operation.Numbered) }

// label is the name of a namespace as a line has it; nil for none.
func label(ns kernel.NetNS) *string {
	if ns == nil {
		return nil
	}
	name := ns.Name()
	return &name
}

func (n *netns) linkAdd(s kernel.LinkSpec) operation.Operation {
	o := operation.LinkAdd{NetNS: n.Name(), Spec: s, Master: n.named(s.Master), PeerNetNS: label(s.Peer.NetNS)}
	o.Spec.Master, o.Spec.Peer.NetNS = 0, nil
	return o
}

func (n *netns) linkSet(index int, c kernel.LinkChange) operation.Operation {
	o := operation.LinkSet{NetNS: n.Name(), Link: n.on(index), Change: c, To: label(c.NetNS)}
	o.Change.NetNS = nil
	if c.Master != nil && *c.Master != 0 {
		o.Master, o.Change.Master = n.named(*c.Master), nil
	}
	return o
}

func (n *netns) linkDelete(index int) operation.Operation {
	return operation.LinkDelete{NetNS: n.Name(), Link: n.on(index)}
}

func (n *netns) portSet(link int, c kernel.PortChange) operation.Operation {
	return operation.PortSet{NetNS: n.Name(), Link: n.on(link), Change: c}
}

func (n *netns) addressAdd(a kernel.Address) operation.Operation {
	o := operation.AddressAdd{NetNS: n.Name(), Link: n.on(a.Link), Address: a}
	o.Address.Link = 0
	return o
}

func (n *netns) addressDelete(a kernel.Address) operation.Operation {
	return operation.AddressDelete{NetNS: n.Name(), Link: n.on(a.Link), Prefix: a.Prefix}
}

func (n *netns) routeAdd(r kernel.Route, mode kernel.RouteMode) operation.Operation {
	o := operation.RouteAdd{NetNS: n.Name(), Link: n.named(r.Link), Mode: mode}
	o.Route, o.HopLinks = n.namedRoute(r)
	return o
}

func (n *netns) routeDelete(r kernel.Route) operation.Operation {
	o := operation.RouteDelete{NetNS: n.Name(), Link: n.named(r.Link)}
	o.Route, o.HopLinks = n.namedRoute(r)
	return o
}

// namedRoute is a route without indexes, and the names of the links of its next hops.
func (n *netns) namedRoute(r kernel.Route) (_ kernel.Route, hops []*string) {
	r.Link, r.NextHops = 0, slices.Clone(r.NextHops)
	for i := range r.NextHops {
		hops = append(hops, n.named(r.NextHops[i].Link))
		r.NextHops[i].Link = 0
	}
	return r, hops
}

func (n *netns) neighbourAdd(e kernel.Neighbour) operation.Operation {
	o := operation.NeighbourAdd{NetNS: n.Name(), Link: n.on(e.Link), Neighbour: e}
	o.Neighbour.Link = 0
	return o
}

func (n *netns) neighbourDelete(e kernel.Neighbour) operation.Operation {
	return operation.NeighbourDelete{NetNS: n.Name(), Link: n.on(e.Link), IP: e.IP}
}

func (n *netns) sysctlSet(key, value string) operation.Operation {
	return operation.SysctlSet{NetNS: n.Name(), Key: key, Value: value}
}
