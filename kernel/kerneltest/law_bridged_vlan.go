package kerneltest

import "github.com/cnilab/cnilab/kernel"

// bridgedVLANLaws are about frames with a tag. Chains of IP are asked about none but where a setting says so.
var bridgedVLANLaws = []Law{
	{"bridged/vlan/tagged", "net/bridge/br_netfilter_hooks.c vlan_proto: filter_vlan_tagged", func(e *env) {
		node, a, b := e.bridgedLinks()
		e.needsKind(a, tag("try", a.link("eth0").Index, 9))
		a.reach5("10.5.0.2/24")
		b.reach5("10.5.0.3/24")
		node.iptables("-P FORWARD DROP")
		e.ok(a.ping("10.5.0.3"), "ping with a tag, where no packet may be forwarded")
		node.setSysctl(filterVLANTagged, "1")
		e.refused(a.pingShortly("10.5.0.3"), kernel.ETIMEDOUT, "ping with a tag, where chains are asked about those too")
		node.setSysctl(callIPTables, "0")
		e.ok(a.ping("10.5.0.3"), "ping with a tag, where chains are asked about nothing")
	}},
	{"bridged/vlan/input-link", "net/bridge/br_netfilter_hooks.c brnf_get_logical_dev", func(e *env) {
		node, a, b := e.bridgedLinks()
		br := node.link("br").Index
		e.needsKind(node.netns, tag("try", br, 9))
		e.ok(node.AddLink(tag("br.5", br, 5)), "add a vlan on the bridge")
		a.reach5("10.5.0.2/24")
		b.reach5("10.5.0.3/24")
		node.setSysctl(filterVLANTagged, "1")
		node.iptables("-A FORWARD -i br.5 -j DROP")
		e.ok(a.ping("10.5.0.3"), "ping where what comes in by the vlan on the bridge is dropped, and the bridge is said to be that")
		node.setSysctl("net/bridge/bridge-nf-pass-vlan-input-dev", "1")
		e.refused(a.pingShortly("10.5.0.3"), kernel.ETIMEDOUT, "ping where the vlan is said to be")
		e.ok(a.ping("10.0.0.3"), "ping without a tag")
	}},
	{"bridged/vlan/filtering", "net/bridge/br_forward.c __br_forward: br_handle_vlan comes before NF_BR_FORWARD", func(e *env) {
		n, a, b := e.filtered()
		e.needsBridgeNetfilter(n)
		e.needsKind(a, tag("try", a.link("eth0").Index, 9))
		node := &ruleLab{netns: n}
		node.iptables("-P FORWARD DROP")
		e.refused(a.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping from a port without tags to another one")
		node.tagPort("v-a", 5)
		node.joinVLAN(kernel.VLANRange{Link: node.link("v-b").Index, First: 5})
		a.give(a.link("eth0").Index, "10.5.0.2/24")
		b.reach5("10.5.0.3/24")
		e.ok(a.ping("10.5.0.3"), "ping from a port without tags to one with them, where no packet may be forwarded")
		node.changeTable("iptables", "raw", "-A PREROUTING -s 10.5.0.3/32 -j DROP")
		e.ok(a.ping("10.5.0.3"), "ping where replies, which come with a tag, may not come in")
		node.changeTable("iptables", "raw", "-A PREROUTING -s 10.5.0.2/32 -j DROP")
		e.refused(a.pingShortly("10.5.0.3"), kernel.ETIMEDOUT, "ping where that without a tag may not")
	}},
}

const filterVLANTagged = "net/bridge/bridge-nf-filter-vlan-tagged"

// reach5 gives a pod an address in VLAN 5.
func (n *netns) reach5(address string) {
	n.e.ok(n.AddLink(tag("five", n.link("eth0").Index, 5)), "add a vlan")
	five := n.link("five").Index
	n.up(five)
	n.give(five, address)
}
