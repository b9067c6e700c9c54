package kerneltest

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// bridgedTranslationLaws are about other addresses for what a bridge forwards.
var bridgedTranslationLaws = []Law{
	{"bridged/masquerade", "net/bridge/br_netfilter_hooks.c br_nf_pre_routing_finish: bridged_dnat, for the replies", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		node.changeTable("iptables", "nat", "-A POSTROUTING -s 10.0.0.2/32 -o br -j MASQUERADE")
		b.serve(kernel.TCP, "10.0.0.3:80")
		equal(e, a.seenAs(kernel.TCP, "10.0.0.3:80"), "10.0.0.1", "who called, as a pod of the same bridge sees it")
	}},
	{"bridged/masquerade/no-address", "net/netfilter/nf_nat_masquerade.c nf_nat_masquerade_ipv4: ate my IP address", func(e *env) {
		node, a, _ := e.bridgedLinks()
		node.take(node.link("br").Index, "10.0.0.1/24")
		e.ok(a.ping("10.0.0.3"), "ping across a bridge without an address")
		node.changeTable("iptables", "nat", "-A POSTROUTING -p icmp -j MASQUERADE")
		e.refused(a.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping where it is to be masqueraded by no address")
	}},
	{"bridged/masquerade/address-of-another-link", "net/ipv4/devinet.c inet_select_addr", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		br := node.link("br").Index
		v, _ := node.veth("v", "w")
		node.up(v)
		node.give(v, "10.9.0.1/24")
		node.take(br, "10.0.0.1/24")
		node.via(br, "10.0.0.0/24", "")
		b.via(b.link("eth0").Index, "10.9.0.1/32", "")
		node.changeTable("iptables", "nat", "-A POSTROUTING -s 10.0.0.2/32 -o br -j MASQUERADE")
		b.serve(kernel.UDP, "10.0.0.3:53")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.3:53"), "10.9.0.1", "who called, as a pod sees it whose bridge has no address")
	}},
	{"bridged/dnat", "net/bridge/br_netfilter_hooks.c br_nf_pre_routing_finish_bridge", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.1/32 -j DNAT --to-destination 10.0.0.3")
		b.serve(kernel.UDP, "10.0.0.3:53")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.1:53"), "10.0.0.2", "who called the node, as the pod that is asked instead sees it")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.1"), TTL: 1})
		e.ok(err, "ping with a TTL that lets it be routed by nobody")
	}},
	{"bridged/dnat/not-forwarding", "net/ipv4/route.c ip_route_input_slow: IN_DEV_FORWARD; ip_error", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.1/32 -p udp -j DNAT --to-destination 10.0.0.3")
		b.serve(kernel.UDP, "10.0.0.3:53")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.1:53"), "10.0.0.2", "who called, where the node forwards")
		node.setSysctl("net/ipv4/ip_forward", "0")
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.0.0.1:53"))
		e.refused(err, kernel.ETIMEDOUT, "call it where the node does not, though both are pods of one bridge")
		e.ok(a.ping("10.0.0.3"), "ping it without a translation")
	}},
	{"bridged/dnat/replies-unseen", "net/bridge/br_netfilter_hooks.c br_nf_pre_routing: call_iptables", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		node.setSysctl(callIPTables, "0")
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.1/32 -p udp --dport 53 -j DNAT --to-destination 10.0.0.3")
		b.serve(kernel.UDP, "10.0.0.3:53")
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.0.0.1:53"))
		e.refused(err, kernel.ETIMEDOUT, "call the node, where the reply of the pod behind it is bridged past the rules")
	}},
	{"bridged/dnat/routed", "net/bridge/br_netfilter_hooks.c br_nf_pre_routing_finish: ip_route_input", func(e *env) {
		node, a, b := e.routedLab()
		e.needsBridgeNetfilter(node.netns)
		c := e.netns("c")
		node.attach(node.link("br1").Index, c, "10.1.0.3/24")
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.1.0.3/32 -p udp --dport 53 -j DNAT --to-destination 10.2.0.2")
		b.serve(kernel.UDP, "10.2.0.2:53")
		equal(e, a.seenAs(kernel.UDP, "10.1.0.3:53"), "10.1.0.2", "who called a pod of its bridge, as the one beyond the node sees it")
		node.setSysctl("net/ipv4/ip_forward", "0")
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.1.0.3:53"))
		e.refused(err, kernel.ETIMEDOUT, "call it again, where the node does not forward")
	}},
	{"bridged/dnat/no-route", "net/ipv4/route.c ip_route_input_slow: no_route; ip_error", func(e *env) {
		node, a, _ := e.bridgedAndForwarding()
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.3/32 -p udp -j DNAT --to-destination 10.9.0.1")
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.0.0.3:53"))
		e.refused(err, kernel.ENETUNREACH, "call a pod instead of which one is asked to which there is no route")
	}},
	{"bridged/dnat/to-the-node", "net/bridge/br_netfilter_hooks.c br_nf_pre_routing_finish: ether_addr_copy", func(e *env) {
		node, a, _ := e.bridgedLinks()
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.3/32 -p udp --dport 53 -j DNAT --to-destination 10.0.0.1")
		node.iptables("-P FORWARD DROP")
		node.serve(kernel.UDP, "10.0.0.1:53")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.3:53"), "10.0.0.2", "who called another pod, as the node sees it, which is asked instead")
	}},
	{"bridged/hairpin", "net/bridge/br_forward.c should_deliver: BR_HAIRPIN_MODE", func(e *env) {
		node, a, _ := e.bridgedAndForwarding()
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.1/32 -p udp --dport 80 -j DNAT --to-destination 10.0.0.2",
			"-A POSTROUTING -s 10.0.0.2/32 -d 10.0.0.2/32 -j MASQUERADE")
		a.serve(kernel.UDP, "10.0.0.2:80")
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.0.0.1:80"))
		e.refused(err, kernel.ETIMEDOUT, "a pod calls itself by the node, and is bridged back to no port that is not hairpin")
		port := node.link("v-a").Index
		e.ok(node.ChangePort(port, kernel.PortChange{Hairpin: new(true)}), "set hairpin mode")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.1:80"), "10.0.0.1", "a pod that calls itself by a hairpin port, as it sees it")
		e.ok(node.ChangePort(port, kernel.PortChange{Hairpin: new(false)}), "end hairpin mode")
		node.setSysctl(callIPTables, "0")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.1:80"), "10.0.0.1", "a pod that calls itself, and is routed back")
	}},
}

// bridgedAndForwarding is bridgedLinks, with a node that forwards IPv4.
func (e *env) bridgedAndForwarding() (node *ruleLab, a, b *netns) {
	node, a, b = e.bridgedLinks()
	node.setSysctl("net/ipv4/ip_forward", "1")
	return node, a, b
}
