package kerneltest

import (
	"net/netip"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// bridgedIPv6Laws are about what a bridge forwards of IPv6.
var bridgedIPv6Laws = []Law{
	{"bridged/ipv6/forward", "net/bridge/br_netfilter_hooks.c br_nf_pre_routing: call_ip6tables", func(e *env) {
		node, a, _ := e.bridgedLinks6()
		e.ok(a.ping("fd00::3"), "ping a pod")
		node.changeTable("ip6tables", "filter", "-A FORWARD -i v-a -j DROP", "-A FORWARD -i br -o br -p icmpv6 -j DROP")
		node.setSysctl(callIPTables, "0")
		e.refused(a.pingShortly("fd00::3"), kernel.ETIMEDOUT, "ping where pings of IPv6 are dropped, and nothing of IPv4 is asked about")
		node.setSysctl(callIP6Tables, "0")
		node.setSysctl(callIPTables, "1")
		e.ok(a.ping("fd00::3"), "ping where nothing of IPv6 is asked about")
	}},
	{"bridged/ipv6/neighbour-discovery", "net/bridge/br_netfilter_ipv6.c br_nf_pre_routing_ipv6", func(e *env) {
		node, a, _ := e.bridgedLinks6()
		a.up(a.link("lo").Index) // by it the pod is told
		node.changeTable("ip6tables", "filter", "-P FORWARD DROP")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("fd00::3"), Timeout: 2 * Patience})
		e.refused(err, kernel.EHOSTUNREACH, "ping a pod that nobody may be asked for")
		e.ok(a.ping("fd00::1"), "ping the bridge")
	}},
	{"bridged/ipv6/input", "net/bridge/br_netfilter_hooks.c ip_sabotage_in: NFPROTO_IPV6", func(e *env) {
		node, a, _ := e.bridgedLinks6()
		e.ok(a.ping("fd00::1"), "ping the bridge")
		node.changeTable("ip6tables", "filter", "-A INPUT -s fd00::2/128 -i br -j DROP")
		e.refused(a.pingShortly("fd00::1"), kernel.ETIMEDOUT, "ping the bridge, where what comes in by it is dropped")
		e.ok(a.ping("fd00::3"), "ping across the bridge")
	}},
	{"bridged/ipv6/flow", "net/netfilter/nf_conntrack_proto.c ipv6_conntrack_in", func(e *env) {
		node, a, b := e.bridgedLinks6()
		node.changeTable("ip6tables", "filter", "-A FORWARD -p udp -m conntrack --ctstate ESTABLISHED -j ACCEPT",
			"-A FORWARD -s fd00::2/128 -j ACCEPT", "-A FORWARD -p udp -j DROP")
		b.serve(kernel.UDP, "[fd00::3]:53")
		equal(e, a.seenAs(kernel.UDP, "[fd00::3]:53"), "fd00::2", "a call of a pod that may begin them")
		equal(e, slicesOf(node.flows(), isUDP), []string{
			"flow udp src fd00::2 dst fd00::3 dport 53 reply-src fd00::3 reply-dst fd00::2 reply-sport 53",
		}, "flows of UDP after that")
	}},
	{"bridged/ipv6/masquerade", "net/bridge/br_netfilter_ipv6.c br_nf_pre_routing_finish_ipv6, for the replies", func(e *env) {
		node, a, b := e.bridgedLinks6()
		node.changeTable("ip6tables", "nat", "-A POSTROUTING -s fd00::2/128 -o br -p tcp -j MASQUERADE")
		b.serve(kernel.TCP, "[fd00::3]:80")
		equal(e, a.seenAs(kernel.TCP, "[fd00::3]:80"), "fd00::1", "who called, as a pod of the same bridge sees it")
	}},
	{"bridged/ipv6/dnat", "net/bridge/br_netfilter_ipv6.c br_nf_pre_routing_finish_ipv6: bridged_dnat", func(e *env) {
		node, a, b := e.bridgedLinks6()
		node.changeTable("ip6tables", "nat", "-A PREROUTING -d fd00::1/128 -p udp -j DNAT --to-destination fd00::3")
		b.serve(kernel.UDP, "[fd00::3]:53")
		equal(e, a.seenAs(kernel.UDP, "[fd00::1]:53"), "fd00::2", "who called the node, as the pod that is asked instead sees it")
	}},
	{"bridged/ipv6/dnat/no-route", "net/bridge/br_netfilter_ipv6.c br_nf_pre_routing_finish_ipv6: dst->error", func(e *env) {
		node, a, _ := e.bridgedLinks6()
		node.setSysctl("net/ipv6/conf/all/forwarding", "1")
		node.changeTable("ip6tables", "nat", "-A PREROUTING -d fd00::3/128 -p udp -j DNAT --to-destination fd09::1")
		_, err := a.Call(e.ctx, call(kernel.UDP, "[fd00::3]:53"))
		e.refused(err, kernel.ETIMEDOUT, "call a pod instead of which one is asked to which there is no route, and nobody says so")
	}},
	{"bridged/ipv6/reject", "net/ipv6/netfilter/nf_reject_ipv6.c nf_send_unreach6, nf_send_reset6: nf_bridge_get_physindev", func(e *env) {
		node, a, b := e.bridgedLinks6()
		node.changeTable("ip6tables", "filter", "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset", "-A FORWARD -p udp -j REJECT")
		for _, by := range []kernel.Transport{kernel.TCP, kernel.UDP} {
			b.serve(by, "[fd00::3]:80")
			_, err := a.call(by, "[fd00::3]:80")
			e.refused(err, kernel.ECONNREFUSED, "call by %s what is rejected", by)
		}
		node.changeTable("ip6tables", "filter", "-A OUTPUT -p tcp -j DROP")
		_, err := a.call(kernel.TCP, "[fd00::3]:80")
		e.refused(err, kernel.ECONNREFUSED, "call what is rejected by a reset, where the node may send none of its own")
	}},
}

func isUDP(flow string) bool { return strings.HasPrefix(flow, "flow udp ") }

// bridgedLinks6 is bridgedLinks with IPv6 as well: fd00::1, fd00::2 and fd00::3.
func (e *env) bridgedLinks6() (node *ruleLab, a, b *netns) {
	node, a, b = e.bridgedLinks()
	br := node.link("br").Index
	node.giveAtOnce(br, "fd00::1/64")
	node.awaitLocal("fd00::1")
	for i, pod := range []*netns{a, b} {
		address := numbered("fd00::", i+2)
		pod.giveAtOnce(pod.link("eth0").Index, address+"/64")
		pod.awaitLocal(address)
	}
	node.awaitLinkLocal(br) // by which it asks for the pods' MACs
	return node, a, b
}
