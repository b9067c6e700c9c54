package lockstep

import (
	"net"
	"net/netip"
	"slices"
	"strings"

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
	vlans      []operation.VLANAdd
	fdb        []operation.FDBAdd
	rules      []operation.RuleAdd
	rulesets   map[rulesetPlace]*modelRuleset
}

type modelLink struct {
	netns, name, kind string
	mac               net.HardwareAddr // nil: unknown
	up, promisc       bool
	mtu               int  // as it was set; 0: as it was made
	no6               bool // IPv6 is disabled
	master            string
	peer              *modelLink
	parent            *modelLink // of a vlan
	id                int        // of a vlan
}

type modelAddress struct {
	netns, link string
	prefix      netip.Prefix
}

func newModel() *model {
	m := &model{rulesets: map[rulesetPlace]*modelRuleset{}}
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
	m.rules = slices.DeleteFunc(m.rules, func(r operation.RuleAdd) bool { return r.NetNS == name })
	m.dropRulesets(name)
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
	for _, v := range slices.Clone(m.links) {
		if v.parent != nil && (v.parent == l || v.parent == l.peer) {
			m.dropLink(v)
		}
	}
}

// forget drops what hangs on a link.
func (m *model) forget(l *modelLink) {
	m.addresses = slices.DeleteFunc(m.addresses, func(a modelAddress) bool { return a.netns == l.netns && a.link == l.name })
	m.dropRoutes(l)
	m.neighbours = slices.DeleteFunc(m.neighbours, func(n operation.NeighbourAdd) bool {
		return n.NetNS == l.netns && n.Link == l.name
	})
	m.leave(l)
	for _, port := range m.linksOf(l.netns, func(p *modelLink) bool { return p.master == l.name }) {
		m.leave(port)
	}
}

// leave takes a link off its bridge.
func (m *model) leave(l *modelLink) {
	l.master = ""
	m.vlans = slices.DeleteFunc(m.vlans, func(v operation.VLANAdd) bool { return v.NetNS == l.netns && v.Link == l.name })
	m.fdb = slices.DeleteFunc(m.fdb, func(e operation.FDBAdd) bool { return e.NetNS == l.netns && e.Link == l.name })
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
	for i, v := range m.vlans {
		if v.NetNS == l.netns && v.Link == l.name {
			m.vlans[i].Link = name
		}
	}
	for i, e := range m.fdb {
		if e.NetNS == l.netns && e.Link == l.name {
			m.fdb[i].Link = name
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
	default:
		m.doneOther(o)
	}
}

// doneOther is done for VLANs, FDB entries and rules.
func (m *model) doneOther(o operation.Operation) {
	switch o := o.(type) {
	case operation.VLANAdd:
		if m.link(o.NetNS, o.Link) != nil {
			m.vlans = append(m.vlans, o)
		}
	case operation.VLANDelete:
		m.vlans = slices.DeleteFunc(m.vlans, func(v operation.VLANAdd) bool {
			return v.NetNS == o.NetNS && v.Link == o.Link && v.VLANs.First == o.VLANs.First
		})
	case operation.FDBAdd:
		if l := m.link(o.NetNS, o.Link); l != nil && l.master != "" {
			m.fdb = append(m.fdb, o)
		}
	case operation.FDBDelete:
		m.fdb = slices.DeleteFunc(m.fdb, func(e operation.FDBAdd) bool {
			return e.NetNS == o.NetNS && e.Link == o.Link && e.Entry.MAC.String() == o.Entry.MAC.String()
		})
	case operation.RulesetChange:
		m.rulesetChanged(o)
	case operation.RuleAdd:
		m.rules = append(m.rules, o)
	case operation.RuleDelete:
		i := slices.IndexFunc(m.rules, func(r operation.RuleAdd) bool {
			return r.NetNS == o.NetNS && r.Rule.Family == o.Rule.Family && r.Rule.From == o.Rule.From && r.Rule.Table == o.Rule.Table
		})
		if i >= 0 {
			m.rules = slices.Delete(m.rules, i, i+1)
		}
	}
}

func (m *model) added(o operation.LinkAdd) {
	if !slices.Contains(m.spaces, o.NetNS) || m.link(o.NetNS, o.Spec.Name) != nil || !m.sound(o) {
		return
	}
	l := &modelLink{netns: o.NetNS, name: o.Spec.Name, kind: o.Spec.Kind, up: o.Spec.Up, mac: o.Spec.MAC, id: o.Spec.VLAN}
	if o.Spec.Kind == kernel.KindVLAN {
		if l.parent = m.parentOf(o); l.parent == nil {
			return
		}
	}
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
		l.peer = &modelLink{netns: where, name: o.Spec.Peer.Name, kind: kernel.KindVeth, peer: l, mac: o.Spec.Peer.MAC}
		m.links = append(m.links, l.peer)
	}
	l.mtu = o.Spec.MTU
	m.links = append(m.links, l)
}

// sound reports whether nothing about a new link is to be refused at first sight.
func (m *model) sound(o operation.LinkAdd) bool {
	s := o.Spec
	if pvid := s.Bridge.DefaultPVID; pvid != nil && (*pvid < 0 || *pvid > kernel.MaxVLAN) {
		return false
	}
	if o.Master != nil && (s.Kind == kernel.KindBridge || !m.isBridge(o.NetNS, *o.Master)) {
		return false
	}
	return soundEnd(s.Name, s.MAC, s.MTU) && (s.Kind != kernel.KindVeth || soundEnd(s.Peer.Name, s.Peer.MAC, s.Peer.MTU))
}

func soundEnd(name string, mac net.HardwareAddr, mtu int) bool {
	return name != "" && name != "." && name != ".." && len(name) <= kernel.MaxNameLen && !strings.ContainsAny(name, "/: \t\x00") &&
		(mac == nil || len(mac) == 6 && mac[0]&1 == 0 && mac.String() != "00:00:00:00:00:00") &&
		(mtu == 0 || mtu >= kernel.MinMTU && mtu <= kernel.MaxMTU)
}

// parentOf returns what a new vlan will be on; nil where it will be refused.
func (m *model) parentOf(o operation.LinkAdd) *modelLink {
	if o.Parent == nil || o.Spec.VLAN < 0 || o.Spec.VLAN > kernel.MaxVLAN {
		return nil
	}
	parent := m.link(o.NetNS, *o.Parent)
	taken := slices.ContainsFunc(m.links, func(l *modelLink) bool { return l.parent == parent && l.id == o.Spec.VLAN })
	if parent == nil || parent.kind == "" || taken || o.Spec.Up && !parent.up {
		return nil
	}
	return parent
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
	if o.Master != nil && canBePort(l) && m.isBridge(l.netns, *o.Master) {
		m.leave(l)
		l.master = *o.Master
	} else if c.Master != nil {
		m.leave(l)
	}
	if c.MAC != nil {
		l.mac = c.MAC
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
