package kerneltest

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// vlanLaws are about the VLANs of bridges and ports.
var vlanLaws = []Law{
	{"vlan/new-bridge", "net/bridge/br_vlan.c br_vlan_init, br_vlan_bridge_event: NETDEV_REGISTER", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		equal(e, ns.at(br).Bridge, kernel.Bridge{DefaultPVID: 1}, "VLAN settings of a new bridge")
		equal(e, ns.vlansOf(br), []kernel.VLAN{standing(br, 1)}, "VLANs of a new bridge")
	}},
	{"vlan/new-port", "net/bridge/br_vlan.c nbp_vlan_init", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		equal(e, ns.vlansOf(p), []kernel.VLAN{standing(p, 1)}, "VLANs of a new port")
		equal(e, ns.vlansOf(ns.at(p).Peer), nil, "VLANs of a link that is no port")
	}},
	{"vlan/at-creation", "net/bridge/br_netlink.c br_dev_newlink: br_changelink", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{Filtering: new(true), DefaultPVID: new(20)})
		p := ns.port(br, macLow)
		equal(e, ns.at(br).Bridge, kernel.Bridge{Filtering: true, DefaultPVID: 20}, "VLAN settings of a bridge made with them")
		equal(e, ns.vlans(), []kernel.VLAN{standing(br, 20), standing(p, 20)}, "VLANs of that bridge and its port")
	}},
	{"vlan/at-creation/no-default", "net/bridge/br_vlan.c br_vlan_disable_default_pvid", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{DefaultPVID: new(0)})
		ns.port(br, macLow)
		equal(e, ns.vlans(), nil, "VLANs of a bridge that was made without a default, and of its port")
	}},
	{"vlan/at-creation/invalid", "net/bridge/br_netlink.c br_validate: IFLA_BR_VLAN_DEFAULT_PVID", func(e *env) {
		ns, _ := e.vlanBridge(kernel.BridgeChange{})
		for _, id := range []int{4095, 4096, -1, 65537} {
			spec := kernel.LinkSpec{Name: "other", Kind: kernel.KindBridge, Bridge: kernel.BridgeChange{DefaultPVID: &id}}
			e.refused(ns.AddLink(spec), kernel.EINVAL, "add a bridge with the default VLAN %d", id)
		}
		equal(e, ns.names(), []string{"br"}, "links after that")
	}},
	{"vlan/change/filtering", "net/bridge/br_vlan.c br_vlan_filter_toggle", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		for _, on := range []bool{true, true, false} {
			ns.setBridge(br, kernel.BridgeChange{Filtering: &on})
			equal(e, ns.link("br").Bridge, kernel.Bridge{Filtering: on, DefaultPVID: 1}, "VLAN settings after a change")
		}
	}},
	{"vlan/change/refused", "net/core/rtnetlink.c rtnl_newlink, net/bridge/br_netlink.c br_validate", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		e.refused(ns.ChangeBridge(p, kernel.BridgeChange{Filtering: new(true)}), kernel.EOPNOTSUPP, "change a port as a bridge")
		e.refused(ns.ChangeBridge(absent, kernel.BridgeChange{Filtering: new(true)}), kernel.ENODEV, "change an absent bridge")
		both := kernel.BridgeChange{Filtering: new(true), DefaultPVID: new(4095)}
		e.refused(ns.ChangeBridge(br, both), kernel.EINVAL, "change a bridge to an invalid default VLAN")
		e.refused(ns.ChangeBridge(absent, both), kernel.EINVAL, "change an absent bridge to an invalid default VLAN")
		equal(e, ns.at(br).Bridge, kernel.Bridge{DefaultPVID: 1}, "VLAN settings after changes that were refused")
	}},
	{"vlan/default/moves", "net/bridge/br_vlan.c __br_vlan_set_default_pvid", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{Filtering: new(true)})
		p := ns.port(br, macLow)
		ns.setBridge(br, kernel.BridgeChange{DefaultPVID: new(30)})
		equal(e, ns.vlans(), []kernel.VLAN{standing(br, 30), standing(p, 30)}, "VLANs once the default is another")
		ns.setBridge(br, kernel.BridgeChange{DefaultPVID: new(0)})
		equal(e, ns.vlans(), nil, "VLANs once there is no default")
		ns.setBridge(br, kernel.BridgeChange{DefaultPVID: new(40)})
		equal(e, ns.vlans(), []kernel.VLAN{standing(br, 40), standing(p, 40)}, "VLANs once there is a default again")
	}},
	{"vlan/default/not-touched", "net/bridge/br_vlan.c __br_vlan_set_default_pvid: vlan_default_pvid", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		tagged, other, member := ns.port(br, macLow), ns.port(br, macMid), ns.port(br, macHigh)
		ns.joinVLAN(kernel.VLANRange{Link: tagged, First: 1, PVID: true})
		ns.joinVLAN(kernel.VLANRange{Link: other, First: 5, PVID: true, Untagged: true})
		ns.joinVLAN(kernel.VLANRange{Link: member, First: 30})
		before := slices.DeleteFunc(ns.vlans(), func(v kernel.VLAN) bool { return v.Link == br })
		ns.setBridge(br, kernel.BridgeChange{DefaultPVID: new(30)})
		equal(e, slices.DeleteFunc(ns.vlans(), func(v kernel.VLAN) bool { return v.Link == br }), before,
			"VLANs of ports that were configured by hand, once the default is another")
		equal(e, ns.vlansOf(br), []kernel.VLAN{standing(br, 30)}, "VLANs of the bridge")
	}},
	{"vlan/default/kept-by-hand", "net/bridge/br_vlan.c br_vlan_disable_default_pvid: vlan_default_pvid", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 1, Untagged: true})
		ns.setBridge(br, kernel.BridgeChange{DefaultPVID: new(0)})
		equal(e, ns.vlans(), []kernel.VLAN{{Link: p, ID: 1, Untagged: true}}, "VLAN 1 of a port, by hand no PVID, without a default")
	}},
	{"vlan/add/port", "net/bridge/br_vlan.c nbp_vlan_add", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 4094})
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 20, PVID: true, Untagged: true})
		equal(e, ns.vlansOf(p), []kernel.VLAN{{Link: p, ID: 1, Untagged: true}, standing(p, 20), {Link: p, ID: 4094}},
			"VLANs of a port, with one PVID")
		equal(e, ns.vlansOf(br), []kernel.VLAN{standing(br, 1)}, "VLANs of the bridge")
	}},
	{"vlan/add/self", "net/bridge/br_netlink.c br_vlan_info: BRIDGE_VLAN_INFO_BRENTRY", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 7}) // the bridge keeps a note of it, which is no membership
		ns.joinVLAN(kernel.VLANRange{Link: br, Self: true, First: 7, Untagged: true})
		equal(e, ns.vlansOf(br), []kernel.VLAN{standing(br, 1), {Link: br, ID: 7, Untagged: true}}, "VLANs of the bridge itself")
	}},
	{"vlan/add/again", "net/bridge/br_vlan.c __vlan_add_flags", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 1, PVID: true})
		equal(e, ns.vlansOf(p), []kernel.VLAN{{Link: p, ID: 1, PVID: true}}, "VLAN that is not untagged any more")
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 1, Untagged: true})
		equal(e, ns.vlansOf(p), []kernel.VLAN{{Link: p, ID: 1, Untagged: true}}, "VLAN that is no PVID any more")
	}},
	{"vlan/add/range", "net/bridge/br_netlink.c br_process_vlan_info: BRIDGE_VLAN_INFO_RANGE_END", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{DefaultPVID: new(0)})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 10, Last: 12, Untagged: true})
		equal(e, ns.vlansOf(p), []kernel.VLAN{
			{Link: p, ID: 10, Untagged: true}, {Link: p, ID: 11, Untagged: true}, {Link: p, ID: 12, Untagged: true},
		}, "VLANs of a range")
	}},
	{"vlan/add/invalid", "net/bridge/br_private.h br_vlan_valid_id, br_vlan_valid_range", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		for _, v := range []kernel.VLANRange{
			{First: 0},
			{First: 4095},
			{First: -1},
			{First: 5, Last: 4095},
			{First: 0, Last: 5},
			{First: 5, Last: 4},
			{First: 5, Last: 5},
			{First: 5, Last: 6, PVID: true},
		} {
			v.Link = p
			e.refused(ns.AddVLANs(v), kernel.EINVAL, "add %+v", v)
		}
		equal(e, ns.vlansOf(p), []kernel.VLAN{standing(p, 1)}, "VLANs after all were refused")
	}},
	{"vlan/add/no-place", "net/core/rtnetlink.c rtnl_bridge_setlink", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		for _, v := range []kernel.VLANRange{{Link: br}, {Link: p, Self: true}, {Link: ns.at(p).Peer}} {
			e.refused(ns.AddVLANs(v), kernel.EOPNOTSUPP, "add an invalid VLAN to what has none: %+v", v)
			e.refused(ns.DeleteVLANs(v), kernel.EOPNOTSUPP, "delete an invalid VLAN of what has none: %+v", v)
		}
		e.refused(ns.AddVLANs(kernel.VLANRange{Link: absent}), kernel.ENODEV, "add a VLAN to an absent link")
		e.refused(ns.DeleteVLANs(kernel.VLANRange{Link: absent}), kernel.ENODEV, "delete a VLAN of an absent link")
	}},
	{"vlan/delete/port", "net/bridge/br_vlan.c nbp_vlan_delete", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 10, Last: 12})
		ns.leaveVLAN(kernel.VLANRange{Link: p, First: 1})
		ns.leaveVLAN(kernel.VLANRange{Link: p, First: 11, Last: 20})
		equal(e, ns.vlansOf(p), []kernel.VLAN{{Link: p, ID: 10}}, "VLANs that are left")
	}},
	{"vlan/delete/absent", "net/bridge/br_netlink.c br_vlan_info: the answer of nbp_vlan_delete is not looked at", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.leaveVLAN(kernel.VLANRange{Link: p, First: 99})
		ns.leaveVLAN(kernel.VLANRange{Link: br, Self: true, First: 99})
		e.refused(ns.DeleteVLANs(kernel.VLANRange{Link: p, First: 4095}), kernel.EINVAL, "delete an invalid VLAN")
	}},
	{"vlan/delete/self", "net/bridge/br_vlan.c br_vlan_delete", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.leaveVLAN(kernel.VLANRange{Link: br, Self: true, First: 1})
		equal(e, ns.vlans(), []kernel.VLAN{standing(p, 1)}, "VLANs after the bridge's own was deleted")
		ns.setBridge(br, kernel.BridgeChange{DefaultPVID: new(9)})
		equal(e, ns.vlans(), []kernel.VLAN{standing(p, 9)}, "VLANs once the default is another")
	}},
	{"vlan/ends-with-master", "net/bridge/br_vlan.c nbp_vlan_flush", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 10})
		ns.enslave(p, 0)
		equal(e, ns.vlansOf(p), nil, "VLANs of a link that has left its bridge")
		ns.enslave(p, br)
		equal(e, ns.vlansOf(p), []kernel.VLAN{standing(p, 1)}, "VLANs of a link that has come back")
	}},
	{"vlan/bridge-deleted", "net/bridge/br_if.c br_dev_delete", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		ns.port(br, macLow)
		e.ok(ns.DeleteLink(br), "delete the bridge")
		equal(e, ns.vlans(), nil, "VLANs after the bridge was deleted")
	}},
	{"vlan/survives", "net/bridge/br_stp_if.c br_stp_disable_port, br_vlan.c br_vlan_filter_toggle", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{})
		p := ns.port(br, macLow)
		ns.joinVLAN(kernel.VLANRange{Link: p, First: 10})
		ns.up(br, p)
		ns.down(p)
		ns.setBridge(br, kernel.BridgeChange{Filtering: new(true)})
		ns.setBridge(br, kernel.BridgeChange{Filtering: new(false)})
		equal(e, ns.vlansOf(p), []kernel.VLAN{standing(p, 1), {Link: p, ID: 10}}, "VLANs of a port that went up and down")
	}},
	{"vlan/dump", "net/bridge/br_netlink.c br_fill_ifvlaninfo: net_bridge_vlan_group.vlan_list is sorted", func(e *env) {
		ns, br := e.vlanBridge(kernel.BridgeChange{DefaultPVID: new(0)})
		p, q := ns.port(br, macLow), ns.port(br, macMid)
		for _, v := range []kernel.VLANRange{{Link: q, First: 5}, {Link: p, First: 30}, {Link: p, First: 4}, {Link: br, Self: true, First: 8}} {
			ns.joinVLAN(v)
		}
		equal(e, ns.vlans(), []kernel.VLAN{{Link: br, ID: 8}, {Link: p, ID: 4}, {Link: p, ID: 30}, {Link: q, ID: 5}},
			"VLANs by link and ID")
	}},
	{"vlan/packet/apart", "net/bridge/br_vlan.c br_allowed_egress", func(e *env) {
		node, a, _ := e.filtered()
		e.ok(a.ping("10.0.0.3"), "ping in the default VLAN")
		node.tagPort("v-b", 20)
		e.refused(a.pingShort("10.0.0.3"), kernel.ETIMEDOUT, "ping a port of another VLAN")
		node.tagPort("v-a", 20)
		e.ok(a.ping("10.0.0.3"), "ping a port of the same VLAN")
		e.refused(a.pingShort("10.0.0.1"), kernel.ETIMEDOUT, "ping the bridge, which is not of that VLAN")
		node.joinVLAN(kernel.VLANRange{Link: node.link("br").Index, Self: true, First: 20, PVID: true, Untagged: true})
		e.ok(a.ping("10.0.0.1"), "ping the bridge once it is")
	}},
	{"vlan/packet/not-filtering", "net/bridge/br_vlan.c br_allowed_ingress: BROPT_VLAN_ENABLED", func(e *env) {
		node, a, _ := e.filtered()
		node.setBridge(node.link("br").Index, kernel.BridgeChange{Filtering: new(false)})
		node.tagPort("v-b", 20)
		e.ok(a.ping("10.0.0.3"), "ping a port of another VLAN by a bridge that does not filter")
	}},
	{"vlan/packet/no-pvid", "net/bridge/br_vlan.c __allowed_ingress: no PVID", func(e *env) {
		node, a, _ := e.filtered()
		node.joinVLAN(kernel.VLANRange{Link: node.link("v-a").Index, First: 1, Untagged: true})
		e.refused(a.pingShort("10.0.0.3"), kernel.ETIMEDOUT, "ping from a port without a PVID")
	}},
	{"vlan/packet/tagged", "net/bridge/br_vlan.c br_handle_vlan", func(e *env) {
		node, a, _ := e.filtered()
		node.joinVLAN(kernel.VLANRange{Link: node.link("v-b").Index, First: 1, PVID: true})
		e.refused(a.pingShort("10.0.0.3"), kernel.ETIMEDOUT, "ping a port that gets its frames with a tag")
	}},
}

// vlanBridge makes a namespace with a bridge. The law is left out where bridges know no VLANs.
func (e *env) vlanBridge(c kernel.BridgeChange) (ns *netns, br int) {
	ns = e.netns("a")
	e.needsVLANs(ns)
	e.ok(ns.AddLink(kernel.LinkSpec{Name: "br", Kind: kernel.KindBridge, Bridge: c}), "add a bridge")
	return ns, ns.link("br").Index
}

func (e *env) needsVLANs(ns *netns) {
	try := ns.bridge("try")
	known := ns.at(try).Bridge.DefaultPVID != kernel.NoVLANs
	e.ok(ns.DeleteLink(try), "delete the bridge again")
	if !known {
		panic(leftOut("the backend's bridges know no VLANs"))
	}
}

// filtered is bridged, with a bridge that filters.
func (e *env) filtered() (node, a, b *netns) {
	e.needsVLANs(e.netns("try"))
	node, a, b = e.bridged()
	node.setBridge(node.link("br").Index, kernel.BridgeChange{Filtering: new(true)})
	return node, a, b
}

// standing is the membership that a new port has.
func standing(link, id int) kernel.VLAN {
	return kernel.VLAN{Link: link, ID: id, PVID: true, Untagged: true}
}

func (n *netns) setBridge(index int, c kernel.BridgeChange) {
	n.e.ok(n.ChangeBridge(index, c), "change the bridge %d", index)
}

func (n *netns) joinVLAN(v kernel.VLANRange)  { n.e.ok(n.AddVLANs(v), "add %+v", v) }
func (n *netns) leaveVLAN(v kernel.VLANRange) { n.e.ok(n.DeleteVLANs(v), "delete %+v", v) }

// tagPort makes a VLAN the one of a port's untagged frames.
func (n *netns) tagPort(name string, id int) {
	n.joinVLAN(kernel.VLANRange{Link: n.link(name).Index, First: id, PVID: true, Untagged: true})
}

func (n *netns) vlans() []kernel.VLAN {
	vlans, err := n.VLANs()
	n.e.ok(err, "list the VLANs")
	return vlans
}

func (n *netns) vlansOf(link int) (vlans []kernel.VLAN) {
	for _, v := range n.vlans() {
		if v.Link == link {
			vlans = append(vlans, v)
		}
	}
	return vlans
}
