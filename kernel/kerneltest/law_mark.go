package kerneltest

import (
	"github.com/cnilab/cnilab/kernel"
)

// markLaws are about the marks that rules give packets, and what hears of them.
var markLaws = []Law{
	{"mark/nft/match", "net/netfilter/nft_meta.c nft_meta_get_eval: NFT_META_MARK", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.readsBack("meta mark 0x00000001 accept", "meta mark != 0x00004000 ip saddr 10.0.0.1 return",
			"tcp dport 80 meta mark & 0x00002000 == 0x00002000 drop", "meta mark & 0x00004000 != 0x00000000",
			"meta mark & 0x0000000f == 0x00000010")
	}},
	{"mark/nft/set", "net/netfilter/nft_meta.c nft_meta_set_eval: NFT_META_MARK, nft_bitwise.c", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.readsBack("meta mark set 0x00000000", "ip saddr 10.0.0.1 meta mark set 0xdeadbeef comment why", "meta mark set meta mark | 0x00002000",
			"meta mark set meta mark & 0xffff00ff", "meta mark 0x00000001 meta mark set meta mark ^ 0x80000000",
			"meta mark set meta mark & 0xffffff1f ^ 0x00000100 | 0x00000010")
	}},
	{"mark/nft/bridge", "net/bridge/netfilter/nft_meta_bridge.c nft_meta_bridge_set_ops", func(e *env) {
		n := e.nft("a")
		n.needs("bridge")
		n.chain("c")
		n.readsBack("ether saddr 02:00:00:00:00:01 meta mark set 0x00000007", "meta mark & 0x00000001 == 0x00000001 drop")
	}},
	{"mark/says-nothing", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		for _, rule := range []string{"meta mark & 0x0 == 0x0 accept", "meta mark set meta mark", "meta mark set meta mark & 0xffffffff"} {
			n.refused(kernel.EINVAL, "add rule F t c "+rule)
		}
	}},
	{"mark/iptables/words", "iptables, extensions/libxt_MARK.c mark_tg_parse, libxt_mark.c mark_mt_save", func(e *env) {
		n := e.iptables("a")
		e.changeIPTables(n.netns, parseChanges("iptables", []string{
			"-t nat -N c", "-t nat -A c -m comment --comment why -j MARK --set-xmark 0x2000/0x2000", "-t nat -A c -j MARK --set-mark 0x1/0xe",
			"-t nat -A c -j MARK --or-mark 0x4000", "-t nat -A c -j MARK --and-mark 0xff", "-t nat -A c -j MARK --xor-mark 0x4000",
			"-t nat -A c -m mark --mark 0x5 -j ACCEPT", "-t nat -A c -s 10.0.0.1/32 -m mark ! --mark 0x4000/0x4000 -j RETURN",
		}))
		equal(e, n.list(), []string{
			"-t nat -N c", "-t nat -A c -m comment --comment why -j MARK --set-xmark 0x2000/0x2000", "-t nat -A c -j MARK --set-xmark 0x1/0xf",
			"-t nat -A c -j MARK --set-xmark 0x4000/0x4000", "-t nat -A c -j MARK --set-xmark 0x0/0xffffff00",
			"-t nat -A c -j MARK --set-xmark 0x4000/0x0",
			"-t nat -A c -m mark --mark 0x5 -j ACCEPT", "-t nat -A c -s 10.0.0.1/32 -m mark ! --mark 0x4000/0x4000 -j RETURN",
		}, "rules as they are listed")
		n.change("-D c -j MARK --set-xmark 0x4000/0x4000", "-D c -m mark --mark 0x5 -j ACCEPT")
		equal(e, len(n.list()), 6, "rules after two were deleted")
	}},

	{"mark/next-rule", "net/netfilter/nft_meta.c nft_meta_set_eval, which gives no verdict", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f iifname br1 meta mark set 0x1", "add rule inet t f meta l4proto icmp meta mark set meta mark or 0x4",
			"add rule inet t f meta mark 0x5 drop")
		b.serve(kernel.TCP, "10.2.0.2:80")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping what two rules have marked for a third one")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.1.0.2", "a call that one of them has marked")
	}},
	{"mark/bits", "net/netfilter/xt_mark.c mark_tg, mark_mt", func(e *env) {
		node, a, _ := e.routedLab()
		e.mangle(node.netns, "-A FORWARD -j MARK --set-xmark 0xf/0xff", "-A FORWARD -j MARK --xor-mark 0x12",
			"-A FORWARD -j MARK --and-mark 0x1c", "-A FORWARD -j MARK --set-mark 0x20/0x60")
		e.changeIPTables(node.netns, parseChanges("iptables", []string{"-A FORWARD -m mark ! --mark 0x3c -j DROP"}))
		e.ok(a.ping("10.2.0.2"), "ping what has the mark that comes of bits set, turned over and kept")
		e.changeIPTables(node.netns, parseChanges("iptables", []string{"-A FORWARD -m mark --mark 0x8/0x18 -j ACCEPT", "-A FORWARD -m mark --mark 0x18/0x18 -j DROP"}))
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping what has two bits that a rule drops it for")
	}},
	{"mark/from-hook-to-hook", "include/linux/skbuff.h struct sk_buff: mark", func(e *env) {
		node, a, b := e.routedLab()
		e.mangle(node.netns, "-A PREROUTING -i br1 -p icmp -j MARK --set-mark 7", "-A POSTROUTING -m mark --mark 7 -j DROP")
		b.serve(kernel.UDP, "10.2.0.2:53")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping what was marked when it came")
		equal(e, a.seenAs(kernel.UDP, "10.2.0.2:53"), "10.1.0.2", "a call that was not")
	}},
	{"mark/not-of-the-flow", "net/netfilter/xt_CONNMARK.c, which is another mark", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		node.base("pre", "filter", "prerouting", -150)
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t pre iifname br1 meta mark set 0x7", "add rule inet t f iifname br1 meta mark != 0x7 drop",
			"add rule inet t f iifname br2 meta mark != 0x0 drop")
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.2.0.1", "a call of which the answers have no mark")
	}},
	{"mark/lost-between-namespaces", "net/core/skbuff.c skb_scrub_packet: xnet", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		pod := &ruleLab{a, "inet"}
		pod.base("out", "filter", "output", 0)
		pod.base("post", "filter", "postrouting", 0)
		pod.change("add rule inet t out meta mark set 0x7", "add rule inet t post meta mark != 0x7 drop")
		node.base("pre", "filter", "prerouting", 0)
		node.change("add rule inet t pre iifname br1 meta mark 0x7 drop")
		e.ok(a.ping("10.1.0.1"), "ping a node that drops what is marked, from a pod that marks it")
		node.change("add rule inet t pre iifname br1 meta mark 0x0 drop")
		e.refused(a.pingShortly("10.1.0.1"), kernel.ETIMEDOUT, "ping a node that drops what has no mark")
	}},
	{"mark/kept-between-veths", "net/core/skbuff.c skb_scrub_packet: not xnet", func(e *env) {
		node, a, b := e.routed()
		lab := &ruleLab{node, "bridge"}
		lab.needs("bridge")
		p, q := node.veth("p", "q")
		node.enslave(p, node.link("br1").Index)
		node.enslave(q, node.link("br2").Index)
		node.up(p, q)
		node.oper(q, kernel.OperUp, "veth, both ends up")
		a.give(a.link("eth0").Index, "10.3.0.2/24")
		b.give(b.link("eth0").Index, "10.3.0.3/24")
		lab.base("pre", "filter", "prerouting", 0)
		lab.change("add rule bridge t pre iifname v-a meta mark set 0x7")
		e.ok(a.ping("10.3.0.3"), "ping from one bridge of a namespace to the other")
		lab.change("add rule bridge t pre iifname q meta mark 0x7 drop")
		e.refused(a.pingShortly("10.3.0.3"), kernel.ETIMEDOUT, "ping what the first bridge marks and the other one drops")
	}},
	{"mark/bridge-to-host", "net/bridge/br_input.c br_pass_frame_up, with the same sk_buff", func(e *env) {
		node, a, b := e.bridgedLab()
		host := &ruleLab{node.netns, "inet"}
		host.needs("inet")
		node.base("pre", "filter", "prerouting", 0)
		node.change("add rule bridge t pre iifname v-a meta mark set 0x7")
		host.base("in", "filter", "input", 0)
		host.change("add rule inet t in meta mark 0x7 drop")
		e.refused(a.pingShortly("10.0.0.1"), kernel.ETIMEDOUT, "ping a host that drops what its bridge has marked")
		e.ok(b.ping("10.0.0.1"), "ping it from a port that is not marked")
	}},
	{"mark/loopback", "drivers/net/loopback.c loopback_xmit, which scrubs nothing", func(e *env) {
		node, _, _ := e.routedLab()
		node.up(node.link("lo").Index)
		e.mangle(node.netns, "-A OUTPUT -d 10.1.0.1/32 -j MARK --set-mark 7", "-A INPUT -i lo -m mark --mark 7 -j DROP")
		e.refused(node.pingShortly("10.1.0.1"), kernel.ETIMEDOUT, "ping oneself, which is marked on its way out and dropped when it is back")
		e.ok(node.ping("10.2.0.1"), "ping another of one's addresses, which is not marked")
	}},
	{"mark/vxlan", "net/ipv4/ip_tunnel_core.c iptunnel_xmit, __iptunnel_pull_header: skb_scrub_packet, not xnet", func(e *env) {
		a, b := e.vxlans()
		e.mangle(a, "-A OUTPUT -d 10.8.0.2/32 -j MARK --set-mark 7", "-A POSTROUTING -p udp -m udp --dport 8472 -m mark ! --mark 7 -j DROP")
		e.ok(a.ping("10.8.0.2"), "ping by packets that have the mark of what is in them")
		e.mangle(b, "-A PREROUTING -p udp -m udp --dport 8472 -j MARK --set-mark 7", "-A INPUT -i x -m mark --mark 7 -j DROP")
		e.refused(a.pingShort("10.8.0.2"), kernel.ETIMEDOUT, "ping what has the mark of the packets that it came in")
	}},
	{"mark/masquerade/nft", "net/netfilter/nf_nat_core.c nf_nat_inet_fn: one packet, two hooks", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("pre", "nat", "prerouting", -100)
		node.base("post", "nat", "postrouting", 100)
		node.change("add rule inet t pre tcp dport 8080 meta mark set meta mark or 0x4000", "add rule inet t pre tcp dport 8080-8081 dnat ip to 10.2.0.2:80",
			"add rule inet t post meta mark and 0x4000 != 0x4000 return", "add rule inet t post meta mark set meta mark xor 0x4000",
			"add rule inet t post masquerade")
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.1.0.1:8080"), "10.2.0.1", "who called a service, of which all callers are to be masqueraded")
		equal(e, a.seenAs(kernel.TCP, "10.1.0.1:8081"), "10.1.0.2", "who called another one")
	}},
	{"mark/masquerade/iptables", "net/netfilter/xt_mark.c mark_tg, at prerouting of the table nat", func(e *env) {
		node, a, b := e.routedLab()
		e.changeIPTables(node.netns, parseChanges("iptables", []string{
			"-t nat -N SETMARK", "-t nat -A SETMARK -j MARK --set-xmark 0x2000/0x2000", "-t nat -N DN", "-t nat -N MASQ",
			"-t nat -A DN -s 10.1.0.0/24 -p tcp -m tcp --dport 8080 -j SETMARK",
			"-t nat -A DN -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.2.0.2:80",
			"-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DN",
			"-t nat -A MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE", "-t nat -A POSTROUTING -j MASQ",
		}))
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.1.0.1:8080"), "10.2.0.1", "who called a port of the node")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.1.0.2", "who called the pod behind it")
	}},

	{"mark/route/forwarded", "net/ipv4/route.c ip_route_input_slow: flowi4_mark", func(e *env) {
		node, a, _ := e.steering()
		e.refused(a.ping("10.9.0.1"), kernel.ENETUNREACH, "ping what only a rule about marks leads to")
		e.mangle(node.netns, "-A PREROUTING -d 10.9.0.0/16 -i br1 -j MARK --set-mark 7")
		e.ok(a.ping("10.9.0.1"), "ping it with that mark")
	}},
	{"mark/route/forwarded-ipv6", "net/ipv6/route.c ip6_route_input: flowi6_mark", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.route6(a, b)
		b.giveAtOnce(b.link("eth0").Index, "fd09::1/128")
		b.awaitLocal("fd09::1")
		node.routeIn(100, "fd09::/64", "fd00:2::2")
		node.rule(marked(kernel.IPv6, 7, 0))
		node.base("pre", "filter", "prerouting", -150)
		e.refused(a.ping("fd09::1"), kernel.ENETUNREACH, "ping what only a rule about marks leads to")
		node.change("add rule inet t pre iifname br1 meta mark set 0x7")
		e.ok(a.ping("fd09::1"), "ping it with that mark")
	}},
	{"mark/route/mask", "net/core/fib_rules.c fib_rule_match: mark_mask", func(e *env) {
		node, a, _ := e.steering()
		node.needs("inet")
		node.dropRule(marked(kernel.IPv4, 7, 0))
		node.rule(marked(kernel.IPv4, 0x10, 0xf0))
		node.base("pre", "filter", "prerouting", -150)
		node.change("add rule inet t pre iifname br1 meta mark set 0x31")
		e.refused(a.ping("10.9.0.1"), kernel.ENETUNREACH, "ping with a mark that has a bit too many")
		node.change("add rule inet t pre iifname br1 meta mark set meta mark and 0xffffffdf")
		e.ok(a.ping("10.9.0.1"), "ping with one that agrees in the bits of the mask")
		node.dropRule(marked(kernel.IPv4, 0x10, 0xf0))
		inverted := marked(kernel.IPv4, 0x10, 0xf0)
		inverted.Not = true
		node.rule(inverted)
		e.refused(a.ping("10.9.0.1"), kernel.ENETUNREACH, "ping with it where a rule is for all others")
	}},
	{"mark/route/behind-the-decision", "net/ipv4/ip_forward.c ip_forward: NF_INET_FORWARD, behind the route", func(e *env) {
		node, a, _ := e.steering()
		node.needs("inet")
		for _, hook := range []string{"forward", "postrouting"} {
			node.base(hook, "filter", hook, 0)
			node.change("add rule inet t " + hook + " meta mark set 0x7")
		}
		e.refused(a.ping("10.9.0.1"), kernel.ENETUNREACH, "ping what is marked once it is routed")
	}},
	{"mark/route/own/route-chain", "net/netfilter/nft_chain_route.c nf_route_table_hook4: ip_route_me_harder", func(e *env) {
		node, a, b := e.steeringItself()
		node.needs("inet")
		node.base("out", "route", "output", -150)
		node.change("add rule inet t out tcp dport 80 meta mark set 0x7")
		b.serve(kernel.TCP, "10.9.0.1:80")
		a.serve(kernel.TCP, "10.9.0.1:81")
		equal(e, node.seenAs(kernel.TCP, "10.9.0.1:80"), "10.1.0.1", "who called by a route for marks, with the address for the first one")
		equal(e, node.seenAs(kernel.TCP, "10.9.0.1:81"), "10.1.0.1", "who called by that one")
	}},
	{"mark/route/own/filter-chain", "net/netfilter/nft_chain_filter.c nft_do_chain_inet, which routes nothing anew", func(e *env) {
		node, _, b := e.steeringItself()
		node.needs("inet")
		node.base("out", "filter", "output", -150)
		node.base("post", "filter", "postrouting", 0)
		node.change("add rule inet t out meta mark set 0x7", "add rule inet t post meta mark != 0x7 drop")
		b.serve(kernel.UDP, "10.9.0.1:53")
		_, err := node.call(kernel.UDP, "10.9.0.1:53")
		e.refused(err, kernel.ECONNREFUSED, "call by the first route, where nobody listens, what a chain that filters has marked")
	}},
	{"mark/route/own/mangle", "net/ipv4/netfilter/iptable_mangle.c ipt_mangle_out: ip_route_me_harder", func(e *env) {
		node, _, b := e.steeringItself()
		e.mangle(node.netns, "-A OUTPUT -p udp -m udp --dport 53 -j MARK --set-mark 7")
		e.changeIPTables(node.netns, parseChanges("iptables", []string{"-A OUTPUT -p udp -m udp --dport 54 -j MARK --set-mark 7"}))
		for _, at := range []string{"10.9.0.1:53", "10.9.0.1:54"} {
			b.serve(kernel.UDP, at)
		}
		equal(e, node.seenAs(kernel.UDP, "10.9.0.1:53"), "10.1.0.1", "who called by a route for marks")
		_, err := node.call(kernel.UDP, "10.9.0.1:54")
		e.refused(err, kernel.ECONNREFUSED, "call what another table has marked")
	}},
	{"mark/route/own/translated", "net/ipv4/netfilter.c ip_route_me_harder: flowi4_mark", func(e *env) {
		node, _, b := e.steeringItself()
		node.needs("inet")
		node.base("mark", "filter", "output", -150)
		node.base("out", "nat", "output", -100)
		node.base("late", "filter", "output", 0)
		node.change("add rule inet t mark meta mark set 0x7", "add rule inet t out tcp dport 8080 dnat ip to 10.9.0.1:80",
			"add rule inet t late meta mark set 0x0")
		b.serve(kernel.TCP, "10.9.0.1:80")
		equal(e, node.seenAs(kernel.TCP, "10.1.0.2:8080"), "10.1.0.1", "who called what was marked when it was translated")
	}},
	{"mark/route/way-back", "net/ipv4/fib_frontend.c __fib_validate_source: IN_DEV_SRC_VMARK", func(e *env) {
		a, b := e.cable()
		e.mangle(b, "-A PREROUTING -j MARK --set-mark 7")
		b.prohibit(kernel.Rule{Family: kernel.IPv4, Mark: 7})
		b.setSysctl(conf(kernel.IPv4, "w", "rp_filter"), "1")
		e.ok(a.ping("10.0.0.2"), "ping where the way back is that of what has no mark")
		b.setSysctl(conf(kernel.IPv4, "w", "src_valid_mark"), "1")
		e.refused(a.pingShort("10.0.0.2"), kernel.ETIMEDOUT, "ping where no way back is for the mark")
	}},
}

// steering is routedAndForwarding, with 10.9.0.1 at the pod b, to which only a table leads that a rule has for the mark 7.
func (e *env) steering() (node *ruleLab, a, b *netns) {
	node, a, b = e.routedLab()
	b.give(b.link("eth0").Index, "10.9.0.1/32")
	node.routeIn(100, "10.9.0.1/32", "10.2.0.2")
	node.rule(marked(kernel.IPv4, 7, 0))
	return node, a, b
}

// steeringItself is steering, with the same address at the pod a, to which all else goes.
func (e *env) steeringItself() (node *ruleLab, a, b *netns) {
	node, a, b = e.steering()
	a.give(a.link("eth0").Index, "10.9.0.1/32")
	node.via(node.link("br1").Index, "10.9.0.1/32", "10.1.0.2")
	return node, a, b
}

// marked is the rule of routing that has a table for a mark.
func marked(f kernel.Family, mark, mask uint32) kernel.Rule {
	r := to(f, 50, 100)
	r.Mark, r.Mask = mark, mask
	return r
}

// mangle adds rules to the table mangle of iptables, or leaves the law out where the machine has none.
func (e *env) mangle(n *netns, rules ...string) {
	var texts []string
	for _, r := range rules {
		texts = append(texts, "-t mangle "+r)
	}
	e.changeIPTables(n, parseChanges("iptables", texts))
}
