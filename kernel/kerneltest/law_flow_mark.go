package kerneltest

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// flowMarkLaws are about the marks of flows, which rules set, ask for, and copy from and to those of packets.
var flowMarkLaws = []Law{
	{"flowmark/nft/match", "net/netfilter/nft_ct.c nft_ct_get_eval: NFT_CT_MARK", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.chain("c")
		n.readsBack("ct mark 0x00000001 accept", "ct mark != 0x00004000 ip saddr 10.0.0.1 return",
			"ct state established ct mark & 0x00002000 == 0x00002000 drop", "meta mark 0x00000001 ct mark & 0x00004000 != 0x00000000")
	}},
	{"flowmark/nft/set", "net/netfilter/nft_ct.c nft_ct_set_eval: NFT_CT_MARK", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.chain("c")
		n.readsBack("ct mark set 0x00000000", "ct mark set ct mark | 0x00002000", "ct mark set ct mark & 0xffffff1f ^ 0x00000100 | 0x00000010",
			"ct mark set meta mark", "ip saddr 10.0.0.1 ct mark set meta mark & 0x000000ff comment why",
			"meta mark set ct mark", "ct mark 0x00000001 meta mark set ct mark & 0x0000ff00")
	}},
	{"flowmark/iptables/words", "iptables, extensions/libxt_CONNMARK.c connmark_tg_save, libxt_connmark.c connmark_mt_save", func(e *env) {
		n := e.iptables("a")
		e.changeIPTables(n.netns, parseChanges("iptables", []string{
			"-t nat -N c", "-t nat -A c -j CONNMARK --set-mark 0x1/0xe", "-t nat -A c -j CONNMARK --or-mark 0x4000",
			"-t nat -A c -j CONNMARK --and-mark 0xff", "-t nat -A c -j CONNMARK --xor-mark 0x4000", "-t nat -A c -j CONNMARK --save-mark",
			"-t nat -A c -j CONNMARK --save-mark --mask 0xff", "-t nat -A c -j CONNMARK --restore-mark --ctmask 0xf0",
			"-t nat -A c -m mark --mark 0x1 -m connmark --mark 0x5 -j ACCEPT", "-t nat -A c -m connmark ! --mark 0x4/0xf -j RETURN",
		}))
		equal(e, n.list(), []string{
			"-t nat -N c", "-t nat -A c -j CONNMARK --set-xmark 0x1/0xf", "-t nat -A c -j CONNMARK --set-xmark 0x4000/0x4000",
			"-t nat -A c -j CONNMARK --set-xmark 0x0/0xffffff00", "-t nat -A c -j CONNMARK --set-xmark 0x4000/0x0",
			"-t nat -A c -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
			"-t nat -A c -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff",
			"-t nat -A c -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xf0",
			"-t nat -A c -m mark --mark 0x1 -m connmark --mark 0x5 -j ACCEPT", "-t nat -A c -m connmark ! --mark 0x4/0xf -j RETURN",
		}, "rules as they are listed")
		n.change("-D c -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xf0", "-D c -m connmark ! --mark 0x4/0xf -j RETURN")
		equal(e, len(n.list()), 8, "rules after two were deleted")
	}},
	{"flowmark/says-nothing", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		for _, rule := range []string{
			"ct mark & 0x0 == 0x0 accept", "ct mark set ct mark", "ct mark set ct mark & 0xffffffff", "ct mark set meta mark & 0x0",
			"meta mark set ct mark & 0x0",
		} {
			n.refused(kernel.EINVAL, "add rule F t c "+rule)
		}
	}},

	{"flowmark/both-directions", "net/netfilter/nft_ct.c nft_ct_set_eval, of the one struct nf_conn", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f ct state new tcp dport 80 ct mark set 0x7", "add rule inet t f iifname br2 ct mark != 0x7 drop")
		b.serve(kernel.TCP, "10.2.0.2:80")
		b.serve(kernel.UDP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.1.0.2", "a call of which the answers have the mark of the first packet")
		_, err := a.call(kernel.UDP, "10.2.0.2:80")
		e.refused(err, kernel.ETIMEDOUT, "a call of which they have none")
	}},
	{"flowmark/saved-and-restored", "net/netfilter/nft_ct.c nft_ct_set_eval, nft_meta.c nft_meta_set_eval", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("pre", "filter", "prerouting", -150)
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t pre iifname br1 meta mark set 0x37", "add rule inet t pre iifname br1 ct mark set meta mark and 0x1f",
			"add rule inet t pre iifname br2 meta mark set 0x40", "add rule inet t pre iifname br2 meta mark set ct mark and 0x7",
			"add rule inet t f iifname br2 meta mark != 0x7 drop", "add rule inet t f ct mark != 0x17 drop")
		b.serve(kernel.TCP, "10.2.0.2:80")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.1.0.2", "a call of which the answers have a mark of the flow's, and the flow one of the packet's")
		node.change("add rule inet t f iifname br2 meta mark 0x7 drop")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping where answers are dropped that have it")
	}},
	{"flowmark/bits", "net/netfilter/xt_connmark.c connmark_tg_shift, connmark_mt", func(e *env) {
		node, a, b := e.routedLab()
		e.mangle(node.netns, "-A PREROUTING -i br1 -j MARK --set-mark 0x35", "-A PREROUTING -i br1 -j CONNMARK --set-mark 0xff00",
			"-A PREROUTING -i br1 -j CONNMARK --save-mark --nfmask 0xf --ctmask 0xff", "-A PREROUTING -i br1 -j CONNMARK --set-mark 0xa0/0xf0",
			"-A PREROUTING -i br1 -j CONNMARK --xor-mark 0x100",
			"-A PREROUTING -i br2 -j MARK --set-mark 0xf50", "-A PREROUTING -i br2 -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xa1")
		e.changeIPTables(node.netns, parseChanges("iptables", []string{
			"-A FORWARD -m connmark ! --mark 0xfea5 -j DROP", "-A FORWARD -i br2 -m mark ! --mark 0xfa1 -j DROP",
		}))
		b.serve(kernel.UDP, "10.2.0.2:53")
		equal(e, a.seenAs(kernel.UDP, "10.2.0.2:53"), "10.1.0.2", "a call with the marks that come of bits copied, set and turned over")
		e.changeIPTables(node.netns, parseChanges("iptables", []string{"-A FORWARD -m connmark --mark 0x1a0/0x1f0 -j DROP"}))
		e.ok(a.ping("10.2.0.2"), "ping by a flow that lacks a bit that a rule asks for")
		e.changeIPTables(node.netns, parseChanges("iptables", []string{"-A FORWARD -m connmark --mark 0xa0/0xf0 -j DROP"}))
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping by a flow that has the bits that a rule drops it for")
	}},
	{"flowmark/before-conntrack", "net/netfilter/nft_ct.c nft_ct_get_eval: NFT_BREAK, nft_ct_set_eval", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("raw", "filter", "prerouting", -300)
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t raw ct mark 0x0 drop", "add rule inet t raw ct mark != 0x7 drop", "add rule inet t raw ct mark set 0x7",
			"add rule inet t raw meta mark set 0x5", "add rule inet t raw meta mark set ct mark",
			"add rule inet t f ct mark 0x7 drop", "add rule inet t f meta mark != 0x5 drop")
		e.ok(a.ping("10.2.0.2"), "ping where nothing is true of the mark of a flow that is not known yet, and none is set")
		node.change("add rule inet t f ct mark 0x0 drop")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping where it is known, and has no mark")
	}},
	{"flowmark/before-conntrack/iptables", "net/netfilter/xt_connmark.c connmark_mt, connmark_tg: ct == NULL", func(e *env) {
		node, a, _ := e.routedLab()
		e.changeIPTables(node.netns, parseChanges("iptables", []string{
			"-t raw -A PREROUTING -m connmark --mark 0x0 -j DROP", "-t raw -A PREROUTING -m connmark ! --mark 0x7 -j DROP",
			"-t raw -A PREROUTING -j CONNMARK --set-mark 0x7",
		}))
		e.mangle(node.netns, "-A FORWARD -m connmark --mark 0x7 -j DROP")
		e.ok(a.ping("10.2.0.2"), "ping where nothing is true of the mark of a flow that is not known yet, and none is set")
		e.mangle(node.netns, "-A FORWARD -m connmark --mark 0x0 -j DROP")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping where it is known, and has no mark")
	}},
	{"flowmark/errors", "net/netfilter/nf_conntrack_proto_icmp.c nf_conntrack_inet_error: IP_CT_RELATED", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f iifname br1 ct mark set 0x7", "add rule inet t f iifname br2 ct mark != 0x7 drop")
		_, err := a.call(kernel.UDP, "10.2.0.2:53")
		e.refused(err, kernel.ECONNREFUSED, "call where nobody listens, of which the error has the flow's mark")
		node.change("add rule inet t f ct state related ct mark 0x7 drop")
		_, err = a.call(kernel.UDP, "10.2.0.2:53")
		e.refused(err, kernel.ETIMEDOUT, "the same where such errors are dropped")
	}},
	{"flowmark/masqueraded", "net/netfilter/nf_nat_core.c nf_nat_inet_fn: the flow's first packet, two hooks", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("pre", "filter", "prerouting", -150)
		node.base("post", "nat", "postrouting", 100)
		node.change("add rule inet t pre tcp dport 80 ct mark set 0x4000", "add rule inet t post ct mark and 0x4000 == 0x4000 masquerade")
		b.serve(kernel.TCP, "10.2.0.2:80")
		b.serve(kernel.TCP, "10.2.0.2:81")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.2.0.1", "who called by a flow that is marked")
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:81"), "10.1.0.2", "who called by another one")
	}},
	{"flowmark/listed", "net/netfilter/nf_conntrack_netlink.c ctnetlink_dump_mark; nf_conntrack_proto.c nf_ct_netns_get", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f udp dport 53 ct mark set 0x10")
		b.serve(kernel.UDP, "10.2.0.2:53")
		equal(e, a.seenAs(kernel.UDP, "10.2.0.2:53"), "10.1.0.2", "a call")
		e.ok(a.ping("10.2.0.2"), "ping")
		equal(e, node.flows(), []string{
			"flow icmp src 10.1.0.2 dst 10.2.0.2 reply-src 10.2.0.2 reply-dst 10.1.0.2",
			"flow udp src 10.1.0.2 dst 10.2.0.2 dport 53 reply-src 10.2.0.2 reply-dst 10.1.0.2 reply-sport 53 mark 16",
		}, "flows, which are followed because a rule sets a mark of theirs")
	}},
	{"flowmark/follows-for-a-copy", "net/netfilter/xt_connmark.c connmark_tg_check: nf_ct_netns_get", func(e *env) {
		node, a, _ := e.routedLab()
		e.mangle(node.netns, "-A PREROUTING -j CONNMARK --restore-mark")
		e.ok(a.ping("10.2.0.2"), "ping")
		equal(e, node.flows(), []string{"flow icmp src 10.1.0.2 dst 10.2.0.2 reply-src 10.2.0.2 reply-dst 10.1.0.2"}, "flows")
	}},
	{"flowmark/route/answers", "net/ipv4/netfilter/iptable_mangle.c ipt_mangle_out: ip_route_me_harder", func(e *env) {
		node, _, b := e.steeringItself()
		node.serve(kernel.UDP, "10.2.0.1:53")
		from := call(kernel.UDP, "10.2.0.1:53")
		from.From = netip.MustParseAddr("10.9.0.1")
		_, err := b.Call(e.ctx, from)
		e.refused(err, kernel.ETIMEDOUT, "call from an address that the answers do not go back to")
		e.mangle(node.netns, "-A PREROUTING -i br2 -j CONNMARK --set-mark 7", "-A OUTPUT -j CONNMARK --restore-mark")
		_, err = b.Call(e.ctx, from)
		e.ok(err, "call from it, where they go by the mark of who called")
	}},
}
