package sim

import (
	"cmp"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// A vlanGroup is the VLANs that a bridge or a port is a member of. (net/bridge/br_private.h: net_bridge_vlan_group.)
type vlanGroup struct {
	pvid    uint16       // 0: none
	members []membership // by ID
}

// A membership is of one VLAN.
type membership struct {
	id       uint16
	untagged bool
}

func (g *vlanGroup) search(id int) (i int, member bool) {
	return slices.BinarySearchFunc(g.members, id, func(m membership, id int) int { return cmp.Compare(int(m.id), id) })
}

// has reports whether there is a membership.
func (g *vlanGroup) has(id int) bool {
	_, member := g.search(id)
	return member
}

// untagged reports whether there is a membership whose frames leave without a tag.
func (g *vlanGroup) untagged(id int) bool {
	i, member := g.search(id)
	return member && g.members[i].untagged
}

// add makes a membership, or sets anew what it is. (net/bridge/br_vlan.c: __vlan_add_flags.)
func (g *vlanGroup) add(id int, pvid, untagged bool) {
	i, member := g.search(id)
	if !member {
		g.members = slices.Insert(g.members, i, membership{id: uint16(id)})
	}
	g.members[i].untagged = untagged
	switch {
	case pvid:
		g.pvid = uint16(id)
	case int(g.pvid) == id:
		g.pvid = 0
	}
}

// remove ends a membership. (net/bridge/br_vlan.c: __vlan_del.)
func (g *vlanGroup) remove(id int) {
	if i, member := g.search(id); member {
		g.members = slices.Delete(g.members, i, i+1)
	}
	if int(g.pvid) == id {
		g.pvid = 0
	}
}

// isDefault reports whether the default PVID is as it was given. (net/bridge/br_vlan.c: vlan_default_pvid.)
func (g *vlanGroup) isDefault(id int) bool { return int(g.pvid) == id && g.untagged(id) }

// describe returns the memberships of a link.
func (g *vlanGroup) describe(link int) (list []kernel.VLAN) {
	for _, m := range g.members {
		list = append(list, kernel.VLAN{Link: link, ID: int(m.id), PVID: g.pvid == m.id, Untagged: m.untagged})
	}
	return list
}

// joinDefault makes a new port, or with nil a new bridge, an untagged member of the bridge's default VLAN.
// (net/bridge/br_vlan.c: nbp_vlan_init, br_vlan_bridge_event.)
func (l *link) joinDefault(p *link) {
	if id := l.bridge.defaultPVID; id > 0 {
		l.joinVLAN(p, id, true, true)
	}
}

// memberships are those of a port, or with nil of the bridge.
func (l *link) memberships(p *link) *vlanGroup {
	if p == nil {
		return &l.bridge.vlans
	}
	return &p.port.vlans
}

// joinVLAN makes a port, or with nil the bridge, a member of a VLAN, in which its MAC then is the bridge's own, or sets
// anew what it is there. (net/bridge/br_vlan.c: nbp_vlan_add, br_vlan_add, __vlan_add.)
func (l *link) joinVLAN(p *link, id int, pvid, untagged bool) {
	g := l.memberships(p)
	if !g.has(id) {
		l.addLocal(p, cmp.Or(p, l).mac, id)
	}
	g.add(id, pvid, untagged)
}

// leaveVLAN ends a membership, if there is one; what was learnt in the VLAN behind a port goes.
// (net/bridge/br_vlan.c: nbp_vlan_delete, br_vlan_delete.)
func (l *link) leaveVLAN(p *link, id int) {
	g := l.memberships(p)
	if !g.has(id) {
		return
	}
	l.dropLocal(p, cmp.Or(p, l).mac, id)
	if p != nil {
		l.bridge.forget(p, id)
	}
	g.remove(id)
}

// changeBridge is net/core/rtnetlink.c: rtnl_newlink for a link that is there, and net/bridge/br_netlink.c:
// br_changelink.
func (ns *namespace) changeBridge(index int, c kernel.BridgeChange) *refusal {
	known := !ns.world().config.Profile.Features.NoBridgeVLANs
	if r := checkBridge(c, known); r != nil {
		return r
	}
	l := ns.link(index)
	switch {
	case l == nil:
		return refuse(kernel.ENODEV) // __rtnl_newlink without NLM_F_CREATE
	case l.bridge == nil:
		return refuse(kernel.EOPNOTSUPP) // rtnl_changelink: another kind
	}
	if r := l.changeVLANSettings(c, known); r != nil {
		return r
	}
	if l.up {
		l.tellOfChange() // __rtnl_newlink: DO_SETLINK_NOTIFY
	}
	return nil
}

// checkBridge is net/bridge/br_netlink.c: br_validate, which a kernel without VLANs on bridges has nothing of.
func checkBridge(c kernel.BridgeChange, known bool) *refusal {
	if known && c.DefaultPVID != nil && (*c.DefaultPVID < 0 || *c.DefaultPVID > kernel.MaxVLAN) {
		return refuse(kernel.EINVAL)
	}
	return nil
}

// changeVLANSettings is net/bridge/br_netlink.c: br_changelink.
func (l *link) changeVLANSettings(c kernel.BridgeChange, known bool) *refusal {
	if c.Filtering != nil && !known {
		return refuse(kernel.EOPNOTSUPP) // br_vlan_filter_toggle without CONFIG_BRIDGE_VLAN_FILTERING
	}
	set(&l.bridge.filtering, c.Filtering)
	l.managePromiscuity()
	if c.DefaultPVID != nil && known {
		l.setDefaultPVID(*c.DefaultPVID)
	}
	return nil
}

// setDefaultPVID moves those from the old default VLAN to the new one that nobody has configured otherwise.
// (net/bridge/br_vlan.c: __br_vlan_set_default_pvid, br_vlan_disable_default_pvid.)
func (l *link) setDefaultPVID(id int) {
	old := l.bridge.defaultPVID
	for _, p := range append([]*link{nil}, l.bridge.ports...) {
		g := l.memberships(p)
		switch {
		case id == 0 && !g.isDefault(old), old != 0 && !g.isDefault(old), id != 0 && g.has(id):
			continue
		case id != 0:
			l.joinVLAN(p, id, true, true)
		}
		l.leaveVLAN(p, old)
	}
	l.bridge.defaultPVID = id
}

// changeVLANs adds or deletes memberships: net/core/rtnetlink.c: rtnl_bridge_setlink, rtnl_bridge_dellink, and
// net/bridge/br_netlink.c: br_afspec.
func (ns *namespace) changeVLANs(v kernel.VLANRange, each func(bridge, port *link, id int) *refusal) *refusal {
	l := ns.link(v.Link)
	if l == nil {
		return refuse(kernel.ENODEV, "unknown ifindex")
	}
	if l.vlanGroup(v.Self) == nil {
		return refuse(kernel.EOPNOTSUPP)
	}
	br, p := l.master, l
	if v.Self {
		br, p = l, nil
	}
	if r := checkVLANs(v); r != nil {
		return r
	}
	for id := v.First; id <= max(v.First, v.Last); id++ {
		if r := each(br, p, id); r != nil {
			return r
		}
	}
	return nil
}

// addVLANs makes memberships.
func (ns *namespace) addVLANs(v kernel.VLANRange) *refusal {
	known := !ns.world().config.Profile.Features.NoBridgeVLANs
	return ns.changeVLANs(v, func(br, p *link, id int) *refusal {
		if !known {
			return refuse(kernel.EOPNOTSUPP) // nbp_vlan_add, br_vlan_add without CONFIG_BRIDGE_VLAN_FILTERING
		}
		br.joinVLAN(p, id, v.PVID, v.Untagged)
		return nil
	})
}

// leaveVLANs ends memberships. Those that there are not do not matter (br_process_vlan_info), so that a kernel without
// VLANs on bridges has nothing against it.
func (ns *namespace) leaveVLANs(v kernel.VLANRange) *refusal {
	return ns.changeVLANs(v, func(br, p *link, id int) *refusal {
		br.leaveVLAN(p, id)
		return nil
	})
}

// vlanGroup returns what a request with BRIDGE_FLAGS_SELF, or with BRIDGE_FLAGS_MASTER, to the link is about.
func (l *link) vlanGroup(self bool) *vlanGroup {
	switch {
	case self && l.bridge != nil:
		return &l.bridge.vlans
	case !self && l.port != nil:
		return &l.port.vlans
	}
	return nil
}

// checkVLANs is net/bridge/br_private.h: br_vlan_valid_id and br_vlan_valid_range.
func checkVLANs(v kernel.VLANRange) *refusal {
	valid := func(id int) bool { return id > 0 && id <= kernel.MaxVLAN }
	switch {
	case !valid(v.First), v.Last != 0 && !valid(v.Last):
		return refuse(kernel.EINVAL, "Vlan id is invalid")
	case v.Last != 0 && v.PVID:
		return refuse(kernel.EINVAL, "VLAN range cannot contain pvid")
	case v.Last != 0 && v.Last <= v.First:
		return refuse(kernel.EINVAL, "End VLAN id is less than or equal to start VLAN id")
	}
	return nil
}

// admit returns the VLAN of a frame that comes in, and false where it may not. (net/bridge/br_vlan.c:
// __allowed_ingress.)
func (g *vlanGroup) admit(tag int) (id int, ok bool) {
	if tag == 0 {
		tag = int(g.pvid)
	}
	return tag, g.has(tag)
}

// tag returns the tag that a frame of a VLAN leaves with, 0 for none. (net/bridge/br_vlan.c: br_handle_vlan.)
func (g *vlanGroup) tag(id int) int {
	if g.untagged(id) {
		return 0
	}
	return id
}
