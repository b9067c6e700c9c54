package kerneltest

import (
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// flowLaws are about what conntrack knows.
var flowLaws = []Law{
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
	{"flow/of-its-family-alone", "net/netfilter/nft_nat.c nft_nat_init: nf_ct_netns_get with NFTA_NAT_FAMILY", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.route6(a, b)
		node.base("pre", "nat", "prerouting", -100)
		node.change("add rule inet t pre tcp dport 8080 dnat ip to 10.2.0.2:80")
		e.ok(node.ping("fd00:1::2"), "ping by IPv6")
		equal(e, node.flows(), []string{}, "flows of IPv6, where a rule of the family inet translates to an address of IPv4")
		e.ok(node.ping("10.2.0.2"), "ping by IPv4")
		equal(e, node.flows(), []string{"flow icmp src 10.2.0.1 dst 10.2.0.2 reply-src 10.2.0.2 reply-dst 10.2.0.1"}, "flows of IPv4")
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
}

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
