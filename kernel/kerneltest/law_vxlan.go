package kerneltest

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// vxlanLaws are about links of the kind vxlan, as flannel uses them. All are of drivers/net/vxlan/vxlan_core.c.
var vxlanLaws = []Law{
	{"vxlan/new", "vxlan_newlink, vxlan_fill_info; nothing ever fires linkwatch", func(e *env) {
		ns, parent := e.overlay()
		local := netip.MustParseAddr("10.0.0.1")
		spec := vxlan("x", parent, 7)
		spec.VXLAN.Local, spec.MAC, spec.Up = local, mac(macLow), true
		e.ok(ns.AddLink(spec), "add a vxlan")
		l := ns.link("x")
		want := kernel.VXLAN{ID: 7, Local: local, Port: kernel.VXLANPort}
		equal(e, []any{l.Kind, l.VXLAN, l.Parent, l.ParentHere, l.MAC, l.LowerUp, l.Oper},
			[]any{kernel.KindVXLAN, want, parent, true, mac(macLow), true, kernel.OperUnknown}, "new vxlan")
	}},
	{"vxlan/id-invalid", "vxlan_validate: IFLA_VXLAN_ID", func(e *env) {
		ns, parent := e.overlay()
		for _, id := range []int{-1, kernel.MaxVXLAN + 1} {
			e.refused(ns.AddLink(vxlan("x", parent, id)), kernel.ERANGE, "add a vxlan with the ID %d", id)
		}
		e.ok(ns.AddLink(vxlan("least", parent, 0)), "add a vxlan with the ID 0")
		e.ok(ns.AddLink(vxlan("most", parent, kernel.MaxVXLAN)), "add a vxlan with the greatest ID")
	}},
	{"vxlan/id-taken", "vxlan_config_validate", func(e *env) {
		ns, parent := e.overlay()
		e.ok(ns.AddLink(vxlan("x", parent, 7)), "add a vxlan")
		e.refused(ns.AddLink(vxlan("y", 0, 7)), kernel.EEXIST, "add another with its ID")
		other := vxlan("y", parent, 7)
		other.VXLAN.Port = 4789
		e.ok(ns.AddLink(other), "add one with its ID and another port")
		e.ok(ns.DeleteLink(ns.link("x").Index), "delete the first")
		e.ok(ns.AddLink(vxlan("z", parent, 7)), "add one like it")
	}},
	{"vxlan/parent-missing", "vxlan_config_validate: __dev_get_by_index", func(e *env) {
		ns, parent := e.overlay()
		e.refused(ns.AddLink(vxlan("x", parent+1000, 7)), kernel.ENODEV, "add a vxlan on no link")
	}},
	{"vxlan/local", "the contract: IPv4", func(e *env) {
		ns, parent := e.overlay()
		spec := vxlan("x", parent, 7)
		spec.VXLAN.Local = netip.MustParseAddr("fd00::1")
		e.refused(ns.AddLink(spec), kernel.EAFNOSUPPORT, "add a vxlan with a local address of IPv6")
	}},
	{"vxlan/mtu", "vxlan_config_apply, vxlan_change_mtu", func(e *env) {
		ns, parent := e.overlay()
		free, wide := vxlan("free", 0, 6), vxlan("wide", parent, 8)
		wide.MTU = 9000
		e.ok(ns.AddLink(vxlan("x", parent, 7)), "add a vxlan on a link with the MTU 1400")
		e.ok(ns.AddLink(free), "add a vxlan on no link")
		e.ok(ns.AddLink(wide), "add a vxlan with a greater MTU than its parent's")
		equal(e, []int{ns.link("x").MTU, ns.link("free").MTU, ns.link("wide").MTU}, []int{1350, 1500, 1350}, "MTUs")
		x := ns.link("x").Index
		e.refused(ns.ChangeLink(x, kernel.LinkChange{MTU: new(1351)}), kernel.EINVAL, "set an MTU that its parent has no room for")
		ns.resize(x, 1200)
		ns.resize(ns.link("free").Index, 9000)
	}},
	{"vxlan/parent-deleted", "vxlan_netdevice_event: NETDEV_UNREGISTER", func(e *env) {
		ns, parent := e.overlay()
		e.ok(ns.AddLink(vxlan("x", parent, 7)), "add a vxlan")
		e.ok(ns.DeleteLink(parent), "delete its parent")
		equal(e, ns.names(), []string{}, "links that are left")
	}},
	{"vxlan/moved", "vxlan_get_link_net: its packets stay where it was made", func(e *env) {
		ns, parent := e.overlay()
		other := e.netns("b")
		e.ok(ns.AddLink(vxlan("x", parent, 7)), "add a vxlan")
		ns.move(ns.link("x").Index, other)
		l := other.link("x")
		equal(e, []any{l.Parent, l.ParentHere}, []any{parent, false}, "vxlan in another namespace than its parent")
		e.refused(ns.AddLink(vxlan("y", parent, 7)), kernel.EEXIST, "add one with the ID of one that was moved away")
	}},
	{"vxlan/fdb", "vxlan_fdb_add, vxlan_fdb_info, vxlan_fdb_delete", func(e *env) {
		ns, parent := e.overlay()
		e.ok(ns.AddLink(vxlan("x", parent, 7)), "add a vxlan")
		x := ns.link("x").Index
		all, one := behind(x, "00:00:00:00:00:00", "10.0.0.3"), behind(x, macMid, "10.0.0.2")
		ns.addFDB(one)
		ns.addFDB(all)
		equal(e, ns.everyFDB(), []kernel.FDBEntry{all, one}, "entries of a vxlan")
		e.refused(ns.AddFDB(one), kernel.EEXIST, "add an entry again")
		e.refused(ns.AddFDB(behind(x, macMid, "10.0.0.3")), kernel.EEXIST, "add one with another host")
		e.ok(ns.DeleteFDB(behind(x, macMid, "10.0.0.3")), "delete one with another host, which is not there")
		equal(e, ns.everyFDB(), []kernel.FDBEntry{all, one}, "entries after that")
		e.ok(ns.DeleteFDB(one), "delete an entry")
		e.refused(ns.DeleteFDB(one), kernel.ENOENT, "delete it again")
		equal(e, ns.everyFDB(), []kernel.FDBEntry{all}, "entries that are left")
	}},
	{"vxlan/fdb-refused", "vxlan_fdb_parse, and the contract", func(e *env) {
		ns, parent := e.overlay()
		e.ok(ns.AddLink(vxlan("x", parent, 7)), "add a vxlan")
		x := ns.link("x").Index
		e.refused(ns.AddFDB(behind(parent, macMid, "10.0.0.2")), kernel.EOPNOTSUPP, "say of a veth what is behind a host")
		e.refused(ns.AddFDB(behind(x, macMid, "fd00::2")), kernel.EAFNOSUPPORT, "say that a MAC is behind an address of IPv6")
		e.refused(ns.AddFDB(behind(x+1000, macMid, "10.0.0.2")), kernel.ENODEV, "say it of no link")
		short, static := behind(x, macMid, "10.0.0.2"), behind(x, macMid, "10.0.0.2")
		short.MAC, static.State = short.MAC[:5], kernel.FDBStatic
		e.refused(ns.AddFDB(short), kernel.EINVAL, "say it of a MAC of 5 bytes")
		e.refused(ns.AddFDB(static), kernel.EINVAL, "say that it is static")
	}},
	{"vxlan/packet", "vxlan_xmit, vxlan_rcv", func(e *env) {
		a, _ := e.vxlans()
		e.ok(a.ping("10.8.0.2"), "ping from vxlan to vxlan")
		e.ok(a.DeleteFDB(behind(a.link("x").Index, macMid, "10.0.0.2")), "forget the host")
		e.refused(a.pingShort("10.8.0.2"), kernel.ETIMEDOUT, "ping what is behind no host")
	}},
}

// vxlans is cable with a vxlan x at either end, 10.8.0.1 and 10.8.0.2.
func (e *env) vxlans() (a, b *netns) {
	a, b = e.cable()
	e.needsKind(a, vxlan("try", 0, 9))
	ends := []struct {
		ns                              *netns
		link, mac, address, peer, other string
	}{
		{a, "v", macLow, "10.8.0.1", macMid, "10.0.0.2"},
		{b, "w", macMid, "10.8.0.2", macLow, "10.0.0.1"},
	}
	for i, end := range ends {
		spec := vxlan("x", end.ns.link(end.link).Index, 7)
		spec.MAC, spec.Up = mac(end.mac), true
		e.ok(end.ns.AddLink(spec), "add a vxlan")
		x := end.ns.link("x").Index
		end.ns.give(x, end.address+"/24")
		end.ns.addFDB(behind(x, end.peer, end.other))
		peer := kernel.Neighbour{Link: x, IP: netip.MustParseAddr(ends[1-i].address), MAC: mac(end.peer)}
		e.ok(end.ns.AddNeighbour(peer), "add the other end's MAC")
	}
	return a, b
}

// vxlan describes a vxlan on a link.
func vxlan(name string, parent, id int) kernel.LinkSpec {
	return kernel.LinkSpec{Name: name, Kind: kernel.KindVXLAN, Parent: parent, VXLAN: kernel.VXLAN{ID: id}}
}

// behind says that a vxlan finds a MAC at a host.
func behind(link int, address, host string) kernel.FDBEntry {
	return kernel.FDBEntry{Link: link, MAC: mac(address), Dst: netip.MustParseAddr(host), State: kernel.FDBPermanent}
}

// overlay makes a namespace with a veth that has the MTU 1400, on which vxlans can be.
func (e *env) overlay() (ns *netns, parent int) {
	ns = e.netns("a")
	e.needsKind(ns, vxlan("try", 0, 9))
	parent, _ = ns.veth("v", "w")
	ns.resize(parent, 1400)
	return ns, parent
}
