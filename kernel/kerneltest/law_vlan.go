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

// vlanLinkLaws are about links of the kind vlan.
var vlanLinkLaws = []Law{
	{"vlanlink/new", "net/8021q/vlan_netlink.c vlan_newlink, vlan_dev.c vlan_dev_init", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		l := ns.link("v.5")
		equal(e, []any{l.Kind, l.VLAN, l.Parent, l.ParentHere, l.Up, l.LowerUp}, []any{kernel.KindVLAN, 5, v, true, false, false}, "new vlan")
		equal(e, l.MAC, ns.at(v).MAC, "MAC of a new vlan, that of its parent")
		equal(e, l.MTU, 1400, "MTU of a new vlan, that of its parent")
	}},
	{"vlanlink/id-invalid", "net/8021q/vlan_netlink.c vlan_validate: IFLA_VLAN_ID", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		for _, id := range []int{4095, 4096, -1} {
			e.refused(ns.AddLink(tag("x", v, id)), kernel.ERANGE, "add a vlan with the ID %d", id)
			e.refused(ns.AddLink(tag("x", absent, id)), kernel.ERANGE, "add one on an absent link")
		}
		e.ok(ns.AddLink(tag("v.0", v, 0)), "add a vlan with the ID 0")
		e.ok(ns.AddLink(tag("v.4094", v, 4094)), "add a vlan with the ID 4094")
	}},
	{"vlanlink/id-taken", "net/8021q/vlan.c vlan_check_real_dev: vlan_find_dev", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		e.refused(ns.AddLink(tag("x", v, 5)), kernel.EEXIST, "add a vlan with an ID that its parent has one of")
		e.refused(ns.AddLink(tag("v.5", v, 6)), kernel.EEXIST, "add a vlan with a name that is taken")
		e.ok(ns.AddLink(tag("x", ns.at(v).Peer, 5)), "add one with the ID on another link")
	}},
	{"vlanlink/parent-missing", "net/8021q/vlan_netlink.c vlan_newlink: IFLA_LINK", func(e *env) {
		ns, _ := e.tagged("v.5", 5)
		e.refused(ns.AddLink(tag("x", 0, 6)), kernel.EINVAL, "add a vlan on nothing")
		e.refused(ns.AddLink(tag("x", absent, 6)), kernel.ENODEV, "add a vlan on an absent link")
		e.refused(ns.AddLink(tag("x", ns.link("lo").Index, 6)), kernel.EOPNOTSUPP, "add a vlan on the loopback device")
	}},
	{"vlanlink/mtu", "net/8021q/vlan_netlink.c vlan_newlink, vlan_dev.c vlan_dev_change_mtu", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		big := tag("x", v, 6)
		big.MTU = 1401
		e.refused(ns.AddLink(big), kernel.EINVAL, "add a vlan with a greater MTU than its parent")
		e.refused(ns.ChangeLink(ns.link("v.5").Index, kernel.LinkChange{MTU: new(1401)}), kernel.ERANGE, "give it a greater MTU")
		ns.resize(v, 1300)
		equal(e, ns.link("v.5").MTU, 1300, "MTU of a vlan whose parent got a smaller one")
		ns.resize(v, 1500)
		equal(e, ns.link("v.5").MTU, 1300, "MTU of a vlan whose parent got a greater one")
	}},
	{"vlanlink/mtu-of-parent", "net/8021q/vlan_netlink.c vlan_newlink: nobody validates the parent's MTU anew", func(e *env) {
		ns, _ := e.tagged("v.5", 5)
		const most = 1 << 30 // beyond what a vlan may be given
		e.needsKind(ns, kernel.LinkSpec{Name: "try", Kind: kernel.KindDummy})
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, MTU: most}), "add a dummy with a great MTU")
		e.ok(ns.AddLink(tag("d.5", ns.link("d").Index, 5)), "add a vlan on it")
		equal(e, ns.link("d.5").MTU, most, "MTU of a vlan that was given none")
	}},
	{"vlanlink/up-needs-parent", "net/8021q/vlan_dev.c vlan_dev_open", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		five := ns.link("v.5").Index
		e.refused(ns.ChangeLink(five, kernel.LinkChange{Up: new(true)}), kernel.ENETDOWN, "set a vlan up on a parent that is down")
		ns.up(v)
		equal(e, ns.at(five).Up, true, "whether a vlan is up with its parent") // NETDEV_UP of vlan_device_event
		ns.down(v)
		equal(e, ns.at(five).Up, false, "whether a vlan is up when its parent was set down")
	}},
	{"vlanlink/carrier", "net/core/dev.c netif_stacked_transfer_operstate", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		five, w := ns.link("v.5").Index, ns.at(v).Peer
		ns.up(v, w)
		ns.oper(five, kernel.OperUp, "vlan on a veth with both ends up")
		ns.down(w)
		ns.oper(five, kernel.OperLowerLayerDown, "vlan on a veth whose peer is down")
	}},
	{"vlanlink/mac", "net/8021q/vlan.c vlan_sync_address, vlan_dev.c vlan_dev_inherit_address", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		five := ns.link("v.5").Index
		was := ns.at(v).MAC
		ns.setMAC(v, macLow)
		equal(e, ns.at(five).MAC, was, "MAC of a vlan that is down, when its parent's has changed")
		ns.up(v)
		equal(e, ns.at(five).MAC, mac(macLow), "MAC of the vlan once it is up")
		ns.setMAC(v, macMid)
		equal(e, ns.at(five).MAC, mac(macMid), "MAC of a vlan that is up, when its parent's has changed")
		ns.setMAC(five, macHigh)
		ns.setMAC(v, macLow)
		equal(e, ns.at(five).MAC, mac(macHigh), "MAC of a vlan that was set by hand")
	}},
	{"vlanlink/parent-deleted", "net/8021q/vlan.c vlan_device_event: NETDEV_UNREGISTER", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		e.ok(ns.DeleteLink(v), "delete the parent of a vlan")
		equal(e, ns.names(), []string{}, "links that are left")
	}},
	{"vlanlink/deleted", "net/8021q/vlan.c unregister_vlan_dev", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		e.ok(ns.DeleteLink(ns.link("v.5").Index), "delete a vlan")
		e.ok(ns.AddLink(tag("again", v, 5)), "add another with its ID")
	}},
	{"vlanlink/moved", "net/8021q/vlan_dev.c vlan_dev_get_iflink, net/core/dev.c __dev_change_net_namespace", func(e *env) {
		ns, v := e.tagged("v.5", 5)
		other := e.netns("b")
		ns.move(ns.link("v.5").Index, other)
		l := other.link("v.5")
		equal(e, []any{l.Parent, l.ParentHere, l.VLAN}, []any{v, false, 5}, "vlan in another namespace than its parent")
		e.refused(ns.AddLink(tag("x", v, 5)), kernel.EEXIST, "add a vlan with the ID of one that was moved away")
		e.ok(ns.DeleteLink(v), "delete the parent")
		equal(e, other.names(), []string{}, "links of the other namespace")
	}},
	{"vlanlink/own-parents-port", "net/core/dev.c __netdev_upper_dev_link: __netdev_has_upper_dev", func(e *env) {
		ns, _ := e.tagged("v.5", 5)
		br, other := ns.bridge("br"), ns.bridge("other")
		e.ok(ns.AddLink(tag("br.5", br, 5)), "add a vlan on a bridge")
		five := ns.link("br.5").Index
		e.refused(ns.ChangeLink(five, kernel.LinkChange{Master: &br}), kernel.EBUSY, "make a vlan a port of the bridge it is on")
		ns.enslave(five, other)
	}},
	{"vlanlink/packet", "net/8021q/vlan_core.c vlan_do_receive, vlan_dev.c vlan_dev_hard_start_xmit", func(e *env) {
		a, b := e.cable()
		e.needsKind(a, tag("try", a.link("v").Index, 9))
		for _, end := range []struct {
			ns            *netns
			link, address string
		}{{a, "v", "10.5.0.1/24"}, {b, "w", "10.5.0.2/24"}} {
			e.ok(end.ns.AddLink(tag("five", end.ns.link(end.link).Index, 5)), "add a vlan")
			five := end.ns.link("five").Index
			end.ns.up(five)
			end.ns.give(five, end.address)
		}
		e.ok(a.ping("10.5.0.2"), "ping from vlan to vlan")
		b.set(b.link("five").Index, kernel.LinkChange{Up: new(false)})
		e.refused(a.pingShort("10.5.0.2"), kernel.ETIMEDOUT, "ping a vlan that is down")
	}},
	{"vlanlink/packet/bridge", "net/bridge/br_input.c br_pass_frame_up: br_handle_vlan", func(e *env) {
		node, a, _ := e.filtered()
		br := node.link("br").Index
		e.needsKind(node, tag("try", br, 9))
		e.ok(node.AddLink(tag("br.20", br, 20)), "add a vlan on the bridge")
		gateway := node.link("br.20").Index
		node.up(gateway)
		node.give(gateway, "10.20.0.1/24")
		a.give(a.link("eth0").Index, "10.20.0.2/24")
		node.tagPort("v-a", 20)
		e.refused(a.pingShort("10.20.0.1"), kernel.ETIMEDOUT, "ping the vlan on a bridge that is not of the VLAN")
		node.joinVLAN(kernel.VLANRange{Link: br, Self: true, First: 20})
		e.ok(a.ping("10.20.0.1"), "ping the vlan on the bridge")
	}},
	{"dummy/new", "drivers/net/dummy.c dummy_setup", func(e *env) {
		ns := e.netns("a")
		e.needsKind(ns, kernel.LinkSpec{Name: "try", Kind: kernel.KindDummy})
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, MAC: mac(macLow), Up: true}), "add a dummy")
		l := ns.link("d")
		equal(e, []any{l.Kind, l.MAC, l.MTU, l.Up, l.LowerUp, l.Oper},
			[]any{kernel.KindDummy, mac(macLow), 1500, true, true, kernel.OperUnknown}, "new dummy")
	}},
	{"dummy/mtu", "drivers/net/dummy.c dummy_setup: min_mtu and max_mtu are 0", func(e *env) {
		ns := e.netns("a")
		e.needsKind(ns, kernel.LinkSpec{Name: "try", Kind: kernel.KindDummy})
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, MTU: 67}), "add a dummy with the MTU 67")
		br := ns.bridge("br")
		d := ns.link("d").Index
		ns.resize(d, 70000)
		ns.enslave(d, br)
		equal(e, ns.at(br).MTU, 1500, "MTU of a bridge whose port has a greater one than bridges can have")
	}},
	{"dummy/refused", "drivers/net/dummy.c dummy_validate", func(e *env) {
		ns := e.netns("a")
		e.needsKind(ns, kernel.LinkSpec{Name: "try", Kind: kernel.KindDummy})
		multicast := kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, MAC: mac("01:00:00:00:00:01")}
		e.refused(ns.AddLink(multicast), kernel.EADDRNOTAVAIL, "add a dummy with a multicast MAC")
		short := kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, MAC: mac(macLow)[:5]}
		e.refused(ns.AddLink(short), kernel.EINVAL, "add a dummy with a MAC of 5 bytes")
	}},
	{"dummy/address", "net/ipv4/fib_frontend.c fib_add_ifaddr", func(e *env) {
		ns := e.netns("a")
		e.needsKind(ns, kernel.LinkSpec{Name: "try", Kind: kernel.KindDummy})
		e.needsProbes(ns)
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, Up: true}), "add a dummy")
		ns.up(ns.link("lo").Index)
		ns.give(ns.link("d").Index, "10.9.0.1/24")
		e.ok(ns.ping("10.9.0.1"), "ping the address of a dummy")
		e.refused(ns.pingShort("10.9.0.2"), kernel.ETIMEDOUT, "ping what is said to be beyond a dummy")
	}},
	{"dummy/no-neighbours", "net/ipv4/arp.c arp_constructor: IFF_NOARP", func(e *env) {
		ns := e.netns("a")
		e.needsKind(ns, kernel.LinkSpec{Name: "try", Kind: kernel.KindDummy})
		e.needsProbes(ns)
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, Up: true}), "add a dummy")
		d := ns.link("d").Index
		ns.give(d, "10.9.0.1/24")
		e.refused(ns.pingShort("10.9.0.2"), kernel.ETIMEDOUT, "ping what is said to be beyond a dummy")
		neighbours, err := ns.Neighbours(d)
		e.ok(err, "list the neighbours")
		equal(e, len(neighbours), 0, "number of a dummy's neighbours whose MAC matters")
	}},
	{"dummy/no-dad", "net/ipv6/addrconf.c addrconf_dad_begin: IFF_NOARP", func(e *env) {
		ns := e.netns("a")
		e.needsKind(ns, kernel.LinkSpec{Name: "try", Kind: kernel.KindDummy})
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, MAC: mac(macLow)}), "add a dummy")
		d := ns.link("d").Index
		ns.give(d, "fd00::1/64")
		usable := func() bool { return !ns.address(d, "fd00::1/64").Tentative }
		eventually(e, usable, true, "address of a dummy that is down, usable")
		ns.up(d)
		equal(e, usable(), true, "address of a dummy that is up, usable")
	}},
	{"dummy/moved", "net/core/dev.c __dev_change_net_namespace", func(e *env) {
		ns, other := e.netns("a"), e.netns("b")
		e.needsKind(ns, kernel.LinkSpec{Name: "try", Kind: kernel.KindDummy})
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, Up: true}), "add a dummy")
		ns.move(ns.link("d").Index, other)
		equal(e, []any{ns.names(), other.names(), other.link("d").Up}, []any{[]string{}, []string{"d"}, false}, "dummy that was moved")
	}},
}

// tag describes a vlan on a link.
func tag(name string, parent, id int) kernel.LinkSpec {
	return kernel.LinkSpec{Name: name, Kind: kernel.KindVLAN, Parent: parent, VLAN: id}
}

// tagged makes a namespace with a veth v that is down and has the MTU 1400, and a vlan on it.
func (e *env) tagged(name string, id int) (ns *netns, v int) {
	ns = e.netns("a")
	v, _ = ns.veth("v", "w")
	ns.resize(v, 1400)
	e.needsKind(ns, tag("try", v, 9))
	e.ok(ns.AddLink(tag(name, v, id)), "add a vlan")
	return ns, v
}

// needsKind leaves the law out where the backend has no links of a kind.
func (e *env) needsKind(ns *netns, spec kernel.LinkSpec) {
	err := ns.AddLink(spec)
	if kernel.ErrnoOf(err) == kernel.EOPNOTSUPP {
		panic(leftOut("the backend has no links of the kind " + spec.Kind))
	}
	e.ok(err, "add a %s", spec.Kind)
	e.ok(ns.DeleteLink(ns.link(spec.Name).Index), "delete it again")
}
