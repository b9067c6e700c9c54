package kerneltest

import (
	"net/netip"
	"strings"
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

	{"packetfilter/match/port", "net/netfilter/nft_payload.c nft_payload_eval", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f tcp dport 80-81 reject", "add rule inet t f udp sport 53 drop")
		for _, at := range []string{"10.2.0.2:80", "10.2.0.2:82"} {
			b.serve(kernel.TCP, at)
		}
		b.serve(kernel.UDP, "10.2.0.2:80")
		_, err := a.call(kernel.TCP, "10.2.0.2:80")
		e.refused(err, kernel.ECONNREFUSED, "call a port that a rule is about")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:82"), "10.1.0.2", "a call to another port")
		equal(e, a.seenAs(kernel.UDP, "10.2.0.2:80"), "10.1.0.2", "a call to that port by another protocol")
	}},
	{"packetfilter/match/protocol", "net/netfilter/nft_meta.c nft_meta_get_eval", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f meta l4proto icmp drop")
		b.serve(kernel.TCP, "10.2.0.2:80")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping where pings are dropped")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.1.0.2", "a call")
	}},
	{"packetfilter/match/local", "net/netfilter/nft_fib_inet.c nft_fib_inet_eval", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("pre", "filter", "prerouting", 0)
		node.change("add rule inet t pre fib daddr type local drop")
		e.refused(a.pingShortly("10.2.0.1"), kernel.ETIMEDOUT, "ping an address of the node that drops what is for it")
		e.ok(a.ping("10.2.0.2"), "ping beyond that node")
	}},
	{"packetfilter/match/flow", "net/netfilter/nft_ct.c nft_ct_get_eval", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.change("add table inet t", "add chain inet t f { type filter hook forward priority 0 ; policy drop ; }",
			"add rule inet t f ct state established,related accept", "add rule inet t f iifname br1 ct state new accept")
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.1.0.2", "a call that may be begun")
		e.ok(a.ping("10.2.0.2"), "ping from there")
		_, err := a.call(kernel.UDP, "10.2.0.2:53")
		e.refused(err, kernel.ECONNREFUSED, "call where nobody listens, of which an error about it tells")
		e.refused(b.pingShortly("10.1.0.2"), kernel.ETIMEDOUT, "ping from the other side, which may begin nothing")
	}},
	{"packetfilter/match/flow-before-conntrack", "net/netfilter/nft_ct.c nft_ct_get_eval: NF_CT_STATE_INVALID_BIT", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("raw", "filter", "prerouting", -300)
		node.change("add rule inet t raw ct state ! invalid drop")
		e.ok(a.ping("10.2.0.2"), "ping where a rule before conntrack drops what that knows")
		node.base("late", "filter", "prerouting", -150)
		node.change("add rule inet t late ct state new drop")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping where one behind it does")
	}},

	{"flow/none-without-need", "net/netfilter/nf_conntrack_proto.c nf_ct_netns_get", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		e.ok(a.ping("10.2.0.2"), "ping")
		equal(e, node.flows(), []string{}, "flows of a node of which no rule needs them")
	}},
	{"flow/udp", "net/netfilter/nf_conntrack_netlink.c ctnetlink_fill_info", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		b.serve(kernel.UDP, "10.2.0.2:53")
		_, err := a.call(kernel.UDP, "10.2.0.2:53")
		e.ok(err, "call a pod outside")
		equal(e, node.flows(), []string{
			"flow udp src 10.1.0.2 dst 10.2.0.2 dport 53 reply-src 10.2.0.2 reply-dst 10.2.0.1 reply-sport 53",
		}, "flows after a call by UDP")
	}},
	{"flow/tcp", "net/netfilter/nf_conntrack_proto_tcp.c tcp_conntracks", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		b.serve(kernel.TCP, "10.2.0.2:80")
		_, err := a.call(kernel.TCP, "10.2.0.2:80")
		e.ok(err, "call a pod outside")
		eventually(e, node.flows, []string{
			"flow tcp state TIME_WAIT src 10.1.0.2 dst 10.2.0.2 dport 80 reply-src 10.2.0.2 reply-dst 10.2.0.1 reply-sport 80 assured yes",
		}, "flows after a call by TCP")
	}},
	{"flow/ping", "net/netfilter/nf_conntrack_proto_icmp.c", func(e *env) {
		node, a, _ := e.masquerading(kernel.NFTables)
		e.ok(a.ping("10.2.0.2"), "ping a pod outside")
		equal(e, node.flows(), []string{"flow icmp src 10.1.0.2 dst 10.2.0.2 reply-src 10.2.0.2 reply-dst 10.2.0.1"}, "flows after a ping")
	}},
	{"flow/unreplied", "net/netfilter/nf_conntrack_core.c nf_conntrack_in: IPS_SEEN_REPLY_BIT", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		silent := &ruleLab{netns: b, family: "inet"}
		silent.base("in", "filter", "input", 0)
		silent.change("add rule inet t in meta l4proto udp drop")
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.2.0.2:53"))
		e.refused(err, kernel.ETIMEDOUT, "call a pod that drops it")
		equal(e, node.flows(), []string{
			"flow udp src 10.1.0.2 dst 10.2.0.2 dport 53 reply-src 10.2.0.2 reply-dst 10.2.0.1 reply-sport 53 unreplied yes",
		}, "flows after that")
	}},
	{"flow/refused", "net/netfilter/nf_conntrack_proto_tcp.c nf_conntrack_tcp_packet: nf_ct_kill_acct", func(e *env) {
		node, a, _ := e.masquerading(kernel.NFTables)
		_, err := a.call(kernel.TCP, "10.2.0.2:80")
		e.refused(err, kernel.ECONNREFUSED, "call where nobody listens")
		equal(e, node.flows(), []string{}, "flows after a connection that was none")
	}},
	{"flow/dropped", "net/netfilter/nf_conntrack_core.c nf_conntrack_confirm", func(e *env) {
		node, a, _ := e.masquerading(kernel.NFTables)
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f meta l4proto icmp drop")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping beyond a node that drops it")
		equal(e, node.flows(), []string{}, "flows of which nothing has got through")
	}},
	{"flow/own", "net/netfilter/nf_conntrack_proto.c ipv4_conntrack_local", func(e *env) {
		node, _, b := e.masquerading(kernel.NFTables)
		b.serve(kernel.UDP, "10.2.0.2:53")
		_, err := node.call(kernel.UDP, "10.2.0.2:53")
		e.ok(err, "call from the node")
		equal(e, node.flows(), []string{
			"flow udp src 10.2.0.1 dst 10.2.0.2 dport 53 reply-src 10.2.0.2 reply-dst 10.2.0.1 reply-sport 53",
		}, "flows after that")
	}},
	{"flow/outlives-its-rule", "net/netfilter/nf_nat_core.c nf_nat_inet_fn: nf_nat_initialized", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		b.serve(kernel.UDP, "10.2.0.2:53")
		_, err := a.call(kernel.UDP, "10.2.0.2:53")
		e.ok(err, "call a pod outside")
		before := node.flows()
		node.change("flush chain inet t post")
		equal(e, node.flows(), before, "flows after the rule was deleted that translates them")
		equal(e, a.seenAs(kernel.UDP, "10.2.0.2:53"), "10.1.0.2", "a new call")
		equal(e, node.flows(), before, "flows after that, for which no rule needs conntrack")
		node.change("delete table inet t")
		equal(e, node.flows(), before, "flows after the table was deleted")
	}},
	{"flow/delete", "net/netfilter/nf_conntrack_netlink.c ctnetlink_del_conntrack", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		for _, at := range []string{"10.2.0.2:53", "10.2.0.2:54"} {
			b.serve(kernel.UDP, at)
			_, err := a.call(kernel.UDP, at)
			e.ok(err, "call a pod outside")
		}
		e.ok(a.ping("10.2.0.2"), "ping it")
		for _, c := range []struct {
			words         string
			deleted, left int
		}{
			{"-p udp --dport 80", 0, 3},
			{"-p udp --dport 54", 1, 2},
			{"-p icmp -s 10.1.0.3", 0, 2},
			{"-p icmp -s 10.1.0.2 -q 10.2.0.1", 1, 1},
			{"-f ipv6", 0, 1},
			{"-r 10.2.0.2 -d 10.2.0.2", 1, 0},
		} {
			f, err := kernel.ParseFlowFilter(strings.Fields(c.words))
			e.ok(err, "read a filter")
			deleted, err := node.DeleteFlows(f)
			e.ok(err, "delete flows: %s", c.words)
			equal(e, []int{deleted, len(node.flows())}, []int{c.deleted, c.left}, "how many flows were deleted, and are left: %s", c.words)
		}
	}},
	{"flow/time", "net/netfilter/nf_conntrack_proto_udp.c udp_timeouts, _icmp.c, _tcp.c tcp_timeouts", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		for _, c := range []struct {
			protocol kernel.FilterProtocol
			do       func() error
			seconds  int
		}{
			{kernel.FilterUDP, func() error { _, err := a.call(kernel.UDP, "10.2.0.2:80"); return err }, 30},
			{kernel.FilterTCP, func() error { _, err := a.call(kernel.TCP, "10.2.0.2:80"); return err }, 120},
			{kernel.FilterICMP, func() error { return a.ping("10.2.0.2") }, 30},
		} {
			if c.protocol != kernel.FilterICMP {
				b.serve(kernel.Transport(c.protocol), "10.2.0.2:80")
			}
			e.ok(c.do(), "send something by %s", c.protocol)
			left := func() bool {
				flows, err := node.Flows()
				e.ok(err, "list the flows")
				at := slicesOf(flows, func(f kernel.Flow) bool { return f.Protocol == c.protocol.Number() })
				most := time.Duration(c.seconds) * time.Second
				return len(at) == 1 && at[0].Left <= most && at[0].Left > most-10*time.Second
			}
			eventually(e, left, true, "whether a flow of %s is left for less than %d seconds, and not much less", c.protocol, c.seconds)
		}
	}},
	{"flow/netns-are-apart", "net/netfilter/nf_conntrack_core.c nf_ct_net", func(e *env) {
		_, a, b := e.masquerading(kernel.NFTables)
		e.ok(a.ping("10.2.0.2"), "ping a pod outside")
		equal(e, append(a.flows(), b.flows()...), []string{}, "flows of the pods, which have no rules")
	}},
}...)

func slicesOf[T any](all []T, which func(T) bool) (some []T) {
	for _, t := range all {
		if which(t) {
			some = append(some, t)
		}
	}
	return some
}

// flows returns those of a namespace, as a snapshot says them.
func (n *netns) flows() []string {
	all, err := n.Flows()
	n.e.ok(err, "list the flows")
	lines := []string{}
	for _, o := range kernel.FlowObjects(all) {
		lines = append(lines, o.String())
	}
	return lines
}

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
