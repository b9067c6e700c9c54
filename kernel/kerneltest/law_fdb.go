package kerneltest

import (
	"net"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// fdbLaws are about the forwarding databases of bridges.
var fdbLaws = []Law{
	{"fdb/new", "net/bridge/br_fdb.c br_fdb_add_local: only what is the bridge's own", func(e *env) {
		ns, _, _ := e.twoPorts()
		equal(e, ns.fdb(), nil, "entries of a bridge that has seen nothing")
	}},
	{"fdb/added", "net/bridge/br_fdb.c fdb_add_entry, fdb_to_nud", func(e *env) {
		ns, p, q := e.twoPorts()
		want := []kernel.FDBEntry{station(p, "02:00:00:00:01:01", kernel.FDBStatic), station(q, "02:00:00:00:01:02", kernel.FDBPermanent)}
		for _, entry := range want {
			ns.addFDB(entry)
		}
		equal(e, ns.fdb(), want, "entries that were added")
	}},
	{"fdb/usual-state", "the contract: that of bridge(8), fdb_modify", func(e *env) {
		ns, p, _ := e.twoPorts()
		ns.addFDB(station(p, "02:00:00:00:01:01", ""))
		equal(e, ns.fdb(), []kernel.FDBEntry{station(p, "02:00:00:00:01:01", kernel.FDBPermanent)}, "entry without a state")
	}},
	{"fdb/multicast", "net/bridge/br_fdb.c br_fdb_add: only is_zero_ether_addr is looked at", func(e *env) {
		ns, p, _ := e.twoPorts()
		want := station(p, "33:33:00:00:00:77", kernel.FDBStatic)
		ns.addFDB(want)
		equal(e, ns.fdb(), []kernel.FDBEntry{want}, "entry for a multicast MAC")
	}},
	{"fdb/dynamic/down", "net/bridge/br_fdb.c fdb_add_entry: BR_STATE_FORWARDING", func(e *env) {
		ns, p, _ := e.twoPorts()
		e.refused(ns.AddFDB(station(p, "02:00:00:00:01:01", kernel.FDBDynamic)), kernel.EPERM, "add a dynamic entry to a port that is down")
	}},
	{"fdb/dynamic/up", "net/bridge/br_fdb.c fdb_add_entry", func(e *env) {
		ns, p, _ := e.runningPorts()
		want := station(p, "02:00:00:00:01:01", kernel.FDBDynamic)
		ns.addFDB(want)
		equal(e, ns.fdbOf(want.MAC), []kernel.FDBEntry{want}, "dynamic entry")
	}},
	{"fdb/twice", "net/bridge/br_fdb.c fdb_add_entry: NLM_F_EXCL", func(e *env) {
		ns, p, q := e.twoPorts()
		ns.addFDB(station(p, "02:00:00:00:01:01", kernel.FDBStatic))
		for _, again := range []kernel.FDBEntry{
			station(p, "02:00:00:00:01:01", kernel.FDBStatic), station(p, "02:00:00:00:01:01", ""), station(q, "02:00:00:00:01:01", ""),
		} {
			e.refused(ns.AddFDB(again), kernel.EEXIST, "add %+v where the MAC has an entry", again)
		}
	}},
	{"fdb/own-mac", "net/bridge/br_fdb.c fdb_add_entry: br_fdb_find, br_fdb_add_local", func(e *env) {
		ns, p, q := e.twoPorts()
		e.refused(ns.AddFDB(station(q, macLow, "")), kernel.EEXIST, "add an entry for the MAC of another port")
		e.refused(ns.AddFDB(station(p, macLow, kernel.FDBStatic)), kernel.EEXIST, "add one for the port's own MAC")
	}},
	{"fdb/link-absent", "net/core/rtnetlink.c rtnl_fdb_add, rtnl_fdb_del: __dev_get_by_index", func(e *env) {
		ns, _, _ := e.twoPorts()
		for _, index := range []int{absent, 0, -1} {
			entry := kernel.FDBEntry{Link: index, MAC: mac(macHigh)[:3], VLAN: 4095}
			e.refused(ns.AddFDB(entry), kernel.ENODEV, "add a wrong entry to the link %d", index)
			e.refused(ns.DeleteFDB(entry), kernel.ENODEV, "delete a wrong entry of the link %d", index)
		}
	}},
	{"fdb/no-port", "net/core/rtnetlink.c rtnl_fdb_add, rtnl_fdb_del: netif_is_bridge_port", func(e *env) {
		ns, p, _ := e.twoPorts()
		for _, link := range []int{ns.at(p).Peer, ns.link("br").Index} {
			zero := station(link, "00:00:00:00:00:00", "")
			e.refused(ns.AddFDB(zero), kernel.EOPNOTSUPP, "add a zero MAC to what is no port")
			e.refused(ns.DeleteFDB(zero), kernel.EOPNOTSUPP, "delete a zero MAC of what is no port")
		}
	}},
	{"fdb/wrong", "net/core/rtnetlink.c rtnl_fdb_add: NDA_LLADDR, fdb_vid_parse", func(e *env) {
		ns, p, _ := e.twoPorts()
		for _, entry := range []kernel.FDBEntry{
			{Link: p},
			{Link: p, MAC: mac(macHigh)[:5]},
			{Link: p, MAC: append(mac(macHigh), 1)},
			{Link: p, MAC: mac(macHigh), VLAN: 4095},
			{Link: p, MAC: mac(macHigh), VLAN: -1},
			{Link: ns.at(p).Peer, MAC: mac(macHigh)[:5]},
			{Link: ns.at(p).Peer, MAC: mac(macHigh), VLAN: 4095},
			{Link: ns.link("lo").Index, MAC: mac(macHigh)},
		} {
			e.refused(ns.AddFDB(entry), kernel.EINVAL, "add %+v", entry)
			e.refused(ns.DeleteFDB(entry), kernel.EINVAL, "delete %+v", entry)
		}
	}},
	{"fdb/zero-mac", "net/bridge/br_fdb.c br_fdb_add: is_zero_ether_addr, br_fdb_delete", func(e *env) {
		ns, p, _ := e.twoPorts()
		e.refused(ns.AddFDB(station(p, "00:00:00:00:00:00", "")), kernel.EINVAL, "add an entry for no MAC")
		e.refused(ns.DeleteFDB(station(p, "00:00:00:00:00:00", "")), kernel.ENOENT, "delete one for no MAC")
	}},
	{"fdb/vlan-not-member", "net/bridge/br_fdb.c br_fdb_add: br_vlan_find", func(e *env) {
		ns, p, _ := e.twoPorts()
		entry := station(p, "02:00:00:00:01:01", "")
		entry.VLAN = 77
		e.refused(ns.AddFDB(entry), kernel.EINVAL, "add an entry in a VLAN that the port is no member of")
	}},
	{"fdb/delete/vlan-not-member", "net/bridge/br_fdb.c br_fdb_delete", func(e *env) {
		ns, p, _ := e.twoPorts()
		entry := station(p, "02:00:00:00:01:01", "")
		entry.VLAN = 77
		e.refused(ns.DeleteFDB(entry), kernel.ENOENT, "delete an entry in a VLAN that the port is no member of")
	}},
	{"fdb/vlan-given", "net/bridge/br_fdb.c br_fdb_add: vid", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		want := station(p, "02:00:00:00:01:01", kernel.FDBStatic)
		want.VLAN = 1
		ns.addFDB(want)
		equal(e, ns.everyFDB(), []kernel.FDBEntry{want}, "entry in one VLAN")
	}},
	{"fdb/vlan-every", "net/bridge/br_fdb.c br_fdb_add: vg->vlan_list", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 20})
		none := station(p, "02:00:00:00:01:01", kernel.FDBStatic)
		one, twenty := none, none
		one.VLAN, twenty.VLAN = 1, 20
		ns.addFDB(none)
		equal(e, ns.everyFDB(), []kernel.FDBEntry{none, one, twenty}, "entries of one that named no VLAN")
		e.ok(ns.DeleteFDB(twenty), "delete one of them")
		e.ok(ns.DeleteFDB(none), "delete the rest")
		equal(e, ns.everyFDB(), nil, "entries after all were deleted")
	}},
	{"fdb/vlan-left", "net/bridge/br_vlan.c nbp_vlan_delete: br_fdb_delete_by_port keeps what is static", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		want := station(p, "02:00:00:00:01:01", kernel.FDBStatic)
		want.VLAN = 1
		ns.addFDB(want)
		ns.leaveVLAN(kernel.VLANRange{Link: p, First: 1})
		equal(e, ns.everyFDB(), []kernel.FDBEntry{want}, "static entry in a VLAN that the port has left")
	}},
	{"fdb/delete", "net/bridge/br_fdb.c fdb_delete_by_addr_and_port", func(e *env) {
		ns, p, q := e.twoPorts()
		ns.addFDB(station(p, "02:00:00:00:01:01", kernel.FDBStatic))
		e.refused(ns.DeleteFDB(station(q, "02:00:00:00:01:01", "")), kernel.ENOENT, "delete it of another port")
		e.refused(ns.DeleteFDB(station(p, "02:00:00:00:01:02", "")), kernel.ENOENT, "delete another MAC")
		e.ok(ns.DeleteFDB(station(p, "02:00:00:00:01:01", "")), "delete an entry, whatever its state")
		equal(e, ns.fdb(), nil, "entries after that")
		e.refused(ns.DeleteFDB(station(p, "02:00:00:00:01:01", "")), kernel.ENOENT, "delete it again")
	}},
	{"fdb/port-left", "net/bridge/br_if.c del_nbp: br_fdb_delete_by_port, do_all", func(e *env) {
		ns, p, q := e.twoPorts()
		ns.addFDB(station(p, "02:00:00:00:01:01", kernel.FDBStatic))
		ns.addFDB(station(p, "02:00:00:00:01:02", ""))
		stays := station(q, "02:00:00:00:01:03", kernel.FDBPermanent)
		ns.addFDB(stays)
		ns.enslave(p, 0)
		equal(e, ns.fdb(), []kernel.FDBEntry{stays}, "entries once a port has left")
	}},
	{"fdb/port-down", "net/bridge/br_stp_if.c br_stp_disable_port: br_fdb_delete_by_port", func(e *env) {
		ns, p, _ := e.runningPorts()
		static, dynamic := station(p, "02:00:00:00:01:01", kernel.FDBStatic), station(p, "02:00:00:00:01:02", kernel.FDBDynamic)
		ns.addFDB(static)
		ns.addFDB(dynamic)
		ns.down(p)
		equal(e, ns.fdbOf(static.MAC), []kernel.FDBEntry{static}, "static entry of a port that was set down")
		equal(e, ns.fdbOf(dynamic.MAC), nil, "dynamic entry of it")
	}},
	{"fdb/learnt", "net/bridge/br_fdb.c br_fdb_update", func(e *env) {
		node, a, _ := e.bridged()
		e.ok(a.ping("10.0.0.3"), "ping through a bridge")
		got := node.fdbOf(a.link("eth0").MAC)
		want := []kernel.FDBEntry{{Link: node.link("v-a").Index, MAC: a.link("eth0").MAC, State: kernel.FDBDynamic}}
		equal(e, got, want, "what the bridge has learnt of the one who pinged")
	}},
	{"fdb/static-moves", "net/bridge/br_fdb.c br_fdb_update: no BR_FDB_STICKY", func(e *env) {
		node, a, b := e.bridged()
		entry := station(node.link("v-a").Index, "02:00:00:00:01:01", kernel.FDBStatic)
		node.addFDB(entry)
		b.setMAC(b.link("eth0").Index, "02:00:00:00:01:01")
		e.ok(b.ping("10.0.0.2"), "ping from a MAC that is said to be behind another port")
		e.ok(a.ping("10.0.0.3"), "ping to it")
		entry.Link = node.link("v-b").Index
		equal(e, node.fdbOf(entry.MAC), []kernel.FDBEntry{entry}, "static entry of a MAC that was seen behind another port")
	}},
	{"fdb/packet/permanent", "net/bridge/br_input.c br_handle_frame_finish: BR_FDB_LOCAL", func(e *env) {
		node, a, _ := e.bridged()
		eth0 := a.link("eth0").Index
		n := kernel.Neighbour{Link: eth0, IP: netip.MustParseAddr("10.0.0.3"), MAC: mac("02:00:00:00:01:01")}
		e.ok(a.AddNeighbour(n), "say a MAC that nobody has")
		node.addFDB(station(node.link("v-b").Index, "02:00:00:00:01:01", kernel.FDBPermanent))
		e.refused(a.pingShort("10.0.0.3"), kernel.ETIMEDOUT, "ping what is said to be the bridge's own")
	}},
}

// twoPorts makes a bridge br with two ports that are down, with the MACs macLow and macMid.
func (e *env) twoPorts() (ns *netns, p, q int) {
	ns = e.netns("a")
	br := ns.bridge("br")
	return ns, ns.port(br, macLow), ns.port(br, macMid)
}

// runningPorts is twoPorts, with all up.
func (e *env) runningPorts() (ns *netns, p, q int) {
	ns, p, q = e.twoPorts()
	ns.up(ns.link("br").Index, p, ns.at(p).Peer, q, ns.at(q).Peer)
	ns.oper(p, kernel.OperUp, "port, both ends up")
	ns.oper(ns.link("br").Index, kernel.OperUp, "bridge with running ports")
	return ns, p, q
}

func station(link int, address string, state kernel.FDBState) kernel.FDBEntry {
	return kernel.FDBEntry{Link: link, MAC: mac(address), State: state}
}

func (n *netns) addFDB(entry kernel.FDBEntry) { n.e.ok(n.AddFDB(entry), "add %+v", entry) }

func (n *netns) everyFDB() []kernel.FDBEntry {
	entries, err := n.FDB()
	n.e.ok(err, "list the forwarding databases")
	return entries
}

// fdb returns the entries that are of no VLAN: those that all kernels have.
func (n *netns) fdb() (entries []kernel.FDBEntry) {
	for _, entry := range n.everyFDB() {
		if entry.VLAN == 0 {
			entries = append(entries, entry)
		}
	}
	return entries
}

// fdbOf returns those of a MAC.
func (n *netns) fdbOf(address net.HardwareAddr) (entries []kernel.FDBEntry) {
	for _, entry := range n.fdb() {
		if entry.MAC.String() == address.String() {
			entries = append(entries, entry)
		}
	}
	return entries
}
