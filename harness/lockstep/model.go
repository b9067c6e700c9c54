package lockstep

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// A model is roughly what a kernel has after the operations so far. It only has to be right often enough that most of
// what is drawn from it makes sense.
type model struct {
	spaces     []string
	links      []*modelLink
	addresses  []modelAddress
	routes     []operation.RouteAdd
	neighbours []operation.NeighbourAdd
}

type modelLink struct {
	netns, name, kind string
	up, promisc       bool
	mtu               int  // as it was set; 0: as it was made
	no6               bool // IPv6 is disabled
	master            string
	peer              *modelLink
}

type modelAddress struct {
	netns, link string
	prefix      netip.Prefix
}

func newModel() *model {
	m := &model{}
	m.addSpace(kernel.HostNetNS)
	return m
}

func (m *model) addSpace(name string) {
	if !slices.Contains(m.spaces, name) {
		m.spaces = append(m.spaces, name)
		m.links = append(m.links, &modelLink{netns: name, name: "lo"})
	}
}

func (m *model) dropSpace(name string) {
	m.spaces = slices.DeleteFunc(m.spaces, func(s string) bool { return s == name })
	for _, l := range slices.Clone(m.links) {
		if l.netns == name {
			m.dropLink(l)
		}
	}
}

// link finds a link; nil where there is none.
func (m *model) link(netns, name string) *modelLink {
	i := slices.IndexFunc(m.links, func(l *modelLink) bool { return l.netns == netns && l.name == name })
	if i < 0 {
		return nil
	}
	return m.links[i]
}

// linksOf returns the links of a namespace that fit.
func (m *model) linksOf(netns string, fits func(*modelLink) bool) []*modelLink {
	var found []*modelLink
	for _, l := range m.links {
		if l.netns == netns && fits(l) {
			found = append(found, l)
		}
	}
	return found
}

func (m *model) dropLink(l *modelLink) {
	m.forget(l)
	m.links = slices.DeleteFunc(m.links, func(other *modelLink) bool { return other == l || other == l.peer })
	if l.peer != nil {
		m.forget(l.peer)
	}
}

// forget drops what hangs on a link.
func (m *model) forget(l *modelLink) {
	m.addresses = slices.DeleteFunc(m.addresses, func(a modelAddress) bool { return a.netns == l.netns && a.link == l.name })
	m.dropRoutes(l)
	m.neighbours = slices.DeleteFunc(m.neighbours, func(n operation.NeighbourAdd) bool {
		return n.NetNS == l.netns && n.Link == l.name
	})
	for _, port := range m.linksOf(l.netns, func(p *modelLink) bool { return p.master == l.name }) {
		port.master = ""
	}
}

func (m *model) dropRoutes(l *modelLink) {
	m.routes = slices.DeleteFunc(m.routes, func(r operation.RouteAdd) bool {
		return r.NetNS == l.netns && (r.Link == nil || *r.Link == l.name)
	})
}

// rename gives a link another name, with all that hangs on it.
func (m *model) rename(l *modelLink, name string) {
	for i, a := range m.addresses {
		if a.netns == l.netns && a.link == l.name {
			m.addresses[i].link = name
		}
	}
	for i, r := range m.routes {
		if r.NetNS == l.netns && r.Link != nil && *r.Link == l.name {
			m.routes[i].Link = &name
		}
	}
	for i, n := range m.neighbours {
		if n.NetNS == l.netns && n.Link == l.name {
			m.neighbours[i].Link = name
		}
	}
	for _, port := range m.linksOf(l.netns, func(p *modelLink) bool { return p.master == l.name }) {
		port.master = name
	}
	l.name = name
}

// done notes what an operation has changed, if it has succeeded as it probably has.
func (m *model) done(o operation.Operation) {
	switch o := o.(type) {
	case operation.NetNSAdd:
		if slices.Contains(netnsNames, o.Name) {
			m.addSpace(o.Name)
		}
	case operation.NetNSDelete:
		m.dropSpace(o.Name)
	case operation.LinkAdd:
		m.added(o)
	case operation.LinkSet:
		if l := m.link(o.NetNS, o.Link); l != nil {
			m.changed(l, o)
		}
	case operation.LinkDelete:
		if l := m.link(o.NetNS, o.Link); l != nil && l.kind != "" {
			m.dropLink(l)
		}
	case operation.AddressAdd:
		if m.link(o.NetNS, o.Link) != nil && o.Address.Prefix.IsValid() {
			m.addresses = append(m.addresses, modelAddress{o.NetNS, o.Link, o.Address.Prefix})
		}
	case operation.AddressDelete:
		gone := modelAddress{o.NetNS, o.Link, o.Prefix}
		m.addresses = slices.DeleteFunc(m.addresses, func(a modelAddress) bool { return a == gone })
	case operation.SysctlSet:
		for _, l := range m.linksOf(o.NetNS, anyLink) {
			if o.Key == disableIPv6(l.name) {
				l.no6 = o.Value == "1"
			}
		}
	case operation.RouteAdd:
		m.routes = append(m.routes, o)
	case operation.RouteDelete:
		i := slices.IndexFunc(m.routes, func(r operation.RouteAdd) bool {
			return r.NetNS == o.NetNS && r.Route.Dst == o.Route.Dst && r.Route.Table == o.Route.Table
		})
		if i >= 0 {
			m.routes = slices.Delete(m.routes, i, i+1)
		}
	case operation.NeighbourAdd:
		m.neighbours = append(m.neighbours, o)
	case operation.NeighbourDelete:
		m.neighbours = slices.DeleteFunc(m.neighbours, func(n operation.NeighbourAdd) bool {
			return n.NetNS == o.NetNS && n.Link == o.Link && n.Neighbour.IP == o.IP
		})
	}
}

func (m *model) added(o operation.LinkAdd) {
	if !slices.Contains(m.spaces, o.NetNS) || m.link(o.NetNS, o.Spec.Name) != nil {
		return
	}
	l := &modelLink{netns: o.NetNS, name: o.Spec.Name, kind: o.Spec.Kind, up: o.Spec.Up}
	if o.Master != nil && m.isBridge(o.NetNS, *o.Master) {
		l.master = *o.Master
	}
	if o.Spec.Kind == kernel.KindVeth {
		where := o.NetNS
		if o.PeerNetNS != nil {
			where = *o.PeerNetNS
		}
		if !slices.Contains(m.spaces, where) || m.link(where, o.Spec.Peer.Name) != nil {
			return
		}
		l.peer = &modelLink{netns: where, name: o.Spec.Peer.Name, kind: kernel.KindVeth, peer: l}
		m.links = append(m.links, l.peer)
	}
	l.mtu = o.Spec.MTU
	m.links = append(m.links, l)
}

func (m *model) changed(l *modelLink, o operation.LinkSet) {
	c := o.Change
	if o.To != nil && *o.To != l.netns && slices.Contains(m.spaces, *o.To) && m.link(*o.To, l.name) == nil {
		m.forget(l)
		l.netns, l.master, l.up = *o.To, "", false
	}
	if c.Name != nil && m.link(l.netns, *c.Name) == nil {
		m.rename(l, *c.Name)
	}
	if o.Master != nil && l.kind == kernel.KindVeth && m.isBridge(l.netns, *o.Master) {
		l.master = *o.Master
	} else if c.Master != nil {
		l.master = ""
	}
	if c.MTU != nil {
		l.mtu = *c.MTU
	}
	if c.Promisc != nil {
		l.promisc = *c.Promisc
	}
	if c.Up != nil {
		l.up = *c.Up
		if !l.up {
			m.dropRoutes(l)
		}
	}
}

func (m *model) isBridge(netns, name string) bool {
	l := m.link(netns, name)
	return l != nil && l.kind == kernel.KindBridge
}
