package kerneltest

import (
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// translationLaws are about what rules do with packets that give them other addresses, or answer them.
var translationLaws = append(rejectLaws(), []Law{
	{"translation/dnat/nft", "net/netfilter/nft_nat.c nft_nat_eval", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("pre", "nat", "prerouting", -100)
		node.change("add rule inet t pre iifname br1 tcp dport 8080 dnat ip to 10.2.0.2:80")
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.1.0.1:8080"), "10.1.0.2", "who called a port of the node, as the pod behind it sees it")
	}},
	{"translation/dnat/iptables", "net/netfilter/xt_nat.c xt_dnat_target_v2", func(e *env) {
		node, a, b := e.routedLab()
		e.changeIPTables(node.netns, parseChanges("iptables", []string{
			"-t nat -N DN", "-t nat -A DN -p udp --dport 8053 -j DNAT --to-destination 10.2.0.2:53",
			"-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DN",
		}))
		b.serve(kernel.UDP, "10.2.0.2:53")
		equal(e, a.seenAs(kernel.UDP, "10.1.0.1:8053"), "10.1.0.2", "who called a port of the node, as the pod behind it sees it")
	}},
	{"translation/dnat/own-packets", "net/netfilter/nf_nat_proto.c nf_nat_ipv4_local_fn: ip_route_me_harder", func(e *env) {
		node, _, b := e.routedAndForwarding()
		node.base("out", "nat", "output", -100)
		node.change("add rule inet t out ip daddr 10.1.0.9 tcp dport 8080 dnat ip to 10.2.0.2:80")
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, node.seenAs(kernel.TCP, "10.1.0.9:8080"), "10.1.0.1", "the node, that calls by another route than it meant to")
	}},
	{"translation/dnat/to-itself", "net/netfilter/nf_nat_core.c nf_nat_packet", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("pre", "nat", "prerouting", -100)
		node.base("post", "nat", "postrouting", 100)
		node.change("add rule inet t pre fib daddr type local tcp dport 8080 dnat ip to 10.1.0.2:80",
			"add rule inet t post ip saddr 10.1.0.2 ip daddr 10.1.0.2 masquerade")
		// Where rules of IP see what bridges forward (br_netfilter) it is not routed, but leaves by the port that it came by.
		e.ok(node.ChangePort(node.link("v-a").Index, kernel.PortChange{Hairpin: new(true)}), "set hairpin mode")
		a.serve(kernel.TCP, "10.1.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.1.0.1:8080"), "10.1.0.1", "a pod that calls itself by a port of the node, as it sees it")
	}},
	{"translation/dnat/newest-first", "net/netfilter/core.c nf_hook_entries_grow", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("old", "nat", "prerouting", -100)
		node.base("new", "nat", "prerouting", -100)
		node.change("add rule inet t old tcp dport 8080 dnat ip to 10.2.0.2:80", "add rule inet t new tcp dport 8080 dnat ip to 10.2.0.2:81")
		b.serve(kernel.TCP, "10.2.0.2:81")
		equal(e, a.seenAs(kernel.TCP, "10.1.0.1:8080"), "10.1.0.2", "a call where two chains of one priority send it elsewhere")
	}},
	{"translation/dnat/errors-come-back", "net/netfilter/nf_nat_proto.c nf_nat_icmp_reply_translation", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("pre", "nat", "prerouting", -100)
		node.change("add rule inet t pre udp dport 8053 dnat ip to 10.2.0.2:53")
		_, err := a.call(kernel.UDP, "10.1.0.1:8053")
		e.refused(err, kernel.ECONNREFUSED, "call a port of the node, behind which nobody listens")
		_, err = a.call(kernel.UDP, "10.2.0.9:8053")
		e.refused(err, kernel.ECONNREFUSED, "call an address that nobody has, instead of which a pod is asked")
	}},
	{"translation/dnat/rejected", "net/ipv4/icmp.c icmp_glue_bits: nf_ct_attach", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("pre", "nat", "prerouting", -100)
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t pre ip daddr 10.1.0.1 dnat ip to 10.2.0.2", "add rule inet t f udp dport 53 reject")
		b.serve(kernel.UDP, "10.2.0.2:53")
		node.serve(kernel.UDP, "10.1.0.1:53")
		_, err := a.call(kernel.UDP, "10.1.0.1:53")
		e.refused(err, kernel.ECONNREFUSED, "call what is led to a pod, to which a rule does not let it")
	}},
	{"translation/reject/own-packets", "net/netfilter/core.c nf_hook_slow: NF_DROP_GETERR", func(e *env) {
		node, _, b := e.routedAndForwarding()
		node.up(node.link("lo").Index)
		node.base("f", "filter", "output", 0)
		node.change("add rule inet t f ip daddr 10.2.0.2 reject")
		for _, by := range []struct {
			transport kernel.Transport
			want      kernel.Errno
		}{{kernel.TCP, kernel.ECONNREFUSED}, {kernel.UDP, kernel.EPERM}} {
			b.serve(by.transport, "10.2.0.2:80")
			_, err := node.call(by.transport, "10.2.0.2:80")
			e.refused(err, by.want, "call by %s what the node does not let out", by.transport)
		}
	}},
	{"translation/dnat/ipv6", "net/netfilter/nf_nat_proto.c nf_nat_ipv6_manip_pkt, nf_nat_icmpv6_reply_translation", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.route6(a, b)
		node.base("pre", "nat", "prerouting", -100)
		node.change("add rule inet t pre tcp dport 8080 dnat ip6 to [fd00:2::2]:80", "add rule inet t pre udp dport 8053 dnat ip6 to [fd00:2::2]:53")
		b.serve(kernel.TCP, "[fd00:2::2]:80")
		equal(e, a.seenAs(kernel.TCP, "[fd00:1::1]:8080"), "fd00:1::2", "who called a port of the node, as the pod behind it sees it")
		_, err := a.call(kernel.UDP, "[fd00:1::1]:8053")
		e.refused(err, kernel.ECONNREFUSED, "call a port of the node, behind which nobody listens")
	}},
	{"translation/reject/ipv6", "net/ipv6/netfilter/nf_reject_ipv6.c nf_send_unreach6, nf_send_reset6", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.route6(a, b)
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f tcp dport 80 reject with tcp reset", "add rule inet t f tcp dport 81 reject with icmpx admin-prohibited",
			"add rule inet t f udp dport 53 reject", "add rule inet t f meta l4proto icmpv6 reject with icmpx host-unreachable")
		b.serve(kernel.TCP, "[fd00:2::2]:80")
		_, err := a.call(kernel.TCP, "[fd00:2::2]:80")
		e.refused(err, kernel.ECONNREFUSED, "call what is rejected by a reset")
		_, err = a.call(kernel.TCP, "[fd00:2::2]:81")
		e.refused(err, kernel.EACCES, "call what is rejected as prohibited")
		_, err = a.call(kernel.UDP, "[fd00:2::2]:53")
		e.refused(err, kernel.ECONNREFUSED, "call what is rejected")
		e.refused(a.pingShortly("fd00:2::2"), kernel.EHOSTUNREACH, "ping what is rejected as unreachable")
	}},
	{"translation/dnat/ping", "net/netfilter/nf_nat_proto.c icmp_manip_pkt", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("pre", "nat", "prerouting", -100)
		node.change("add rule inet t pre ip daddr 10.9.0.1 dnat ip to 10.2.0.2")
		e.ok(a.ping("10.9.0.1"), "ping an address for which a pod answers")
	}},
	{"translation/dnat/before-forward", "include/uapi/linux/netfilter_ipv4.h NF_IP_PRI_NAT_DST", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("pre", "nat", "prerouting", -100)
		node.base("raw", "filter", "prerouting", -150)
		node.base("late", "filter", "prerouting", -50)
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t pre tcp dport 8080 dnat ip to 10.2.0.2:80", "add rule inet t raw tcp dport 80 drop",
			"add rule inet t late tcp dport 8080 drop", "add rule inet t f tcp dport 8080 drop")
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.1.0.1:8080"), "10.1.0.2", "a call that rules before see as it came, and later ones translated")
	}},
	{"translation/snat/nft", "net/netfilter/nft_nat.c nft_nat_eval", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.give(node.link("br2").Index, "10.2.0.5/24")
		node.base("post", "nat", "postrouting", 100)
		node.change("add rule inet t post ip saddr 10.1.0.2 snat ip to 10.2.0.5")
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.2.0.5", "who called, as a pod outside sees it")
	}},
	{"translation/snat/iptables", "net/netfilter/xt_nat.c xt_snat_target_v2", func(e *env) {
		node, a, b := e.routedLab()
		e.changeIPTables(node.netns, parseChanges("iptables", []string{
			"-t nat -A POSTROUTING -s 10.1.0.2/32 -p udp -j SNAT --to-source 10.2.0.1:4444",
		}))
		b.serve(kernel.UDP, "10.2.0.2:53")
		got, err := a.call(kernel.UDP, "10.2.0.2:53")
		e.ok(err, "call a pod outside")
		equal(e, got.Seen, netip.MustParseAddrPort("10.2.0.1:4444"), "who called, as that sees it")
	}},
	{"translation/snat/input", "net/netfilter/nf_nat_proto.c nf_nat_ipv4_local_in", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("in", "nat", "input", 100)
		node.change("add rule inet t in ip saddr 10.1.0.2 snat ip to 10.2.0.77")
		node.serve(kernel.TCP, "10.1.0.1:80")
		equal(e, a.seenAs(kernel.TCP, "10.1.0.1:80"), "10.2.0.77", "who called, as the node sees it")
	}},
	{"translation/masquerade/link-down", "net/netfilter/nf_nat_masquerade.c masq_device_event", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		b.serve(kernel.UDP, "10.2.0.2:53")
		_, err := a.call(kernel.UDP, "10.2.0.2:53")
		e.ok(err, "call a pod outside")
		node.down(node.link("br2").Index)
		eventually(e, node.flows, []string{}, "flows after the link went down of which they had the address")
	}},
}...)

// rejectLaws are about what a caller is told of what is rejected.
func rejectLaws() (laws []Law) {
	const reject4 = "net/ipv4/netfilter/nf_reject_ipv4.c "
	for _, c := range []struct {
		name, rule string
		hook, with string
		to         string
		tcp, udp   kernel.Errno
		ping       kernel.Errno
	}{
		{"forward", reject4 + "nf_send_unreach", "forward", "reject", "10.2.0.2", kernel.ECONNREFUSED, kernel.ECONNREFUSED, kernel.ECONNREFUSED},
		{"input", reject4 + "nf_send_unreach", "input", "reject", "10.1.0.1", kernel.ECONNREFUSED, kernel.ECONNREFUSED, kernel.ECONNREFUSED},
		{"prerouting", reject4 + "nf_reject_fill_skb_dst", "prerouting", "reject", "10.2.0.2", kernel.ECONNREFUSED, kernel.ECONNREFUSED, kernel.ECONNREFUSED},
		{
			"admin-prohibited", "net/netfilter/nft_reject.c nft_reject_icmp_code", "forward", "reject with icmpx admin-prohibited", "10.2.0.2",
			kernel.EHOSTUNREACH, kernel.EHOSTUNREACH, kernel.EHOSTUNREACH,
		},
		{
			"no-route", "net/netfilter/nft_reject.c nft_reject_icmp_code", "forward", "reject with icmpx no-route", "10.2.0.2",
			kernel.ENETUNREACH, kernel.ENETUNREACH, kernel.ENETUNREACH,
		},
		{
			"reset", reject4 + "nf_send_reset", "forward", "meta l4proto tcp reject with tcp reset", "10.2.0.2",
			kernel.ECONNREFUSED, 0, 0,
		},
	} {
		laws = append(laws, Law{"translation/reject/" + c.name, c.rule, func(e *env) {
			node, a, b := e.routedAndForwarding()
			node.base("f", "filter", c.hook, 0)
			node.change("add rule inet t f iifname br1 " + c.with)
			server := b
			if c.hook == "input" {
				server = node.netns
			}
			for _, by := range []struct {
				transport kernel.Transport
				want      kernel.Errno
			}{{kernel.TCP, c.tcp}, {kernel.UDP, c.udp}} {
				server.serve(by.transport, c.to+":80")
				_, err := a.call(by.transport, c.to+":80")
				e.answered(err, by.want, "call by %s what is rejected", by.transport)
			}
			e.answered(a.pingShortly(c.to), c.ping, "ping what is rejected")
		}})
	}
	return laws
}

// answered demands an errno, or none for 0.
func (e *env) answered(err error, want kernel.Errno, what string, args ...any) {
	if want == 0 {
		e.ok(err, what, args...)
		return
	}
	e.refused(err, want, what, args...)
}

// call describes a short one.
func call(t kernel.Transport, to string) kernel.Call {
	return kernel.Call{Transport: t, To: netip.MustParseAddrPort(to), Payload: []byte(payload), Timeout: 400 * time.Millisecond}
}
