package kerneltest

import (
	"github.com/cnilab/cnilab/kernel"
)

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
