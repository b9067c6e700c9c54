package kerneltest

import (
	"github.com/cnilab/cnilab/kernel"
)

// filterWordLaws are about what rules can say: matches, and what becomes of packets.
var filterWordLaws = []Law{
	{"nft/match/protocol", "net/netfilter/nft_meta.c nft_meta_get_eval: NFT_META_L4PROTO", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.readsBack("meta l4proto tcp", "meta l4proto != udp accept", "ip saddr 10.0.0.1 meta l4proto icmp drop",
			"meta l4proto icmpv6")
	}},
	{"nft/match/ports", "net/netfilter/nft_payload.c nft_payload_eval: NFT_PAYLOAD_TRANSPORT_HEADER", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.readsBack("tcp dport 80 accept", "udp sport 53", "tcp sport != 80", "ip daddr 10.0.0.1 tcp sport 0 tcp dport 65535 drop")
	}},
	{"nft/match/port-ranges", "net/netfilter/nft_range.c, nft_cmp.c", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.readsBack("tcp dport 80-90", "udp sport != 1024-65535 accept", "tcp sport 0-1023 tcp dport != 0-1023 ip saddr 10.0.0.1")
	}},
	{"nft/match/flow", "net/netfilter/nft_ct.c nft_ct_get_eval: NFT_CT_STATE", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.chain("c")
		n.readsBack("ct state established,related accept", "ct state new", "ct state ! invalid,new drop",
			"tcp dport 80 ct state invalid,established,related,new accept")
	}},
	{"nft/match/local", "net/netfilter/nft_fib_inet.c nft_fib_inet_eval", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.chain("c", "d")
		n.readsBack("fib daddr type local jump d", "fib daddr type != local tcp dport 80 accept")
	}},
	{"nft/match/says-nothing", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		for _, rule := range []string{
			"tcp dport 90-80", "tcp dport 0-65535", "tcp dport 80 udp sport 53", "meta l4proto tcp tcp dport 80",
			"meta l4proto tcp meta l4proto tcp", "meta l4proto sctp",
		} {
			n.refused(kernel.EINVAL, "add rule F t c "+rule)
		}
	}},
	{"nft/match/not-of-bridges", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		for _, rule := range []string{"ct state new", "fib daddr type local", "reject", "dnat ip to 10.0.0.1", "snat ip to 10.0.0.1"} {
			n.refused(kernel.EINVAL, "add rule bridge t c "+rule)
		}
	}},
	{"nft/match/bridge", "net/bridge/netfilter/nft_meta_bridge.c, net/netfilter/nft_payload.c", func(e *env) {
		n := e.nft("a")
		n.family = "bridge"
		n.chain("c")
		n.readsBack("meta l4proto udp drop", "iifname v ip saddr 10.0.0.1 tcp dport 80-90 accept", "udp sport != 53")
	}},
	{"nft/reject", "net/netfilter/nft_reject_inet.c nft_reject_inet_eval", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.chain("c")
		n.readsBack("reject", "tcp dport 80 reject with tcp reset", "reject with icmpx admin-prohibited",
			"ip saddr 10.0.0.1 reject with icmpx host-unreachable", "reject with icmpx no-route comment no")
	}},
	{"nft/reject/families", "net/ipv4/netfilter/nft_reject_ipv4.c, net/ipv6/netfilter/nft_reject_ipv6.c", func(e *env) {
		n := e.nft("a")
		for _, c := range []struct {
			family string
			rules  []string
		}{
			{"ip", []string{
				"reject", "reject with icmp net-unreachable", "reject with icmp host-unreachable", "reject with icmp prot-unreachable",
				"reject with icmp net-prohibited", "reject with icmp host-prohibited", "reject with icmp admin-prohibited",
			}},
			{"ip6", []string{
				"reject", "reject with icmpv6 no-route", "reject with icmpv6 admin-prohibited", "reject with icmpv6 addr-unreachable",
				"meta l4proto tcp reject with tcp reset",
			}},
		} {
			n.needs(c.family)
			n.chain("c")
			n.readsBack(c.rules...)
		}
	}},
	{"nft/reject/wrong-kind", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		for _, rule := range []string{
			"ip t c reject with icmpv6 no-route", "ip6 t c reject with icmp net-unreachable", "ip t c reject with icmpx no-route",
			"inet t c reject with icmp net-unreachable", "inet t c reject with tcp reset", "inet t c udp dport 1 reject with tcp reset",
			"inet t c meta l4proto != tcp reject with tcp reset",
		} {
			n.refused(kernel.EINVAL, "add rule "+rule)
		}
	}},
	{"nft/reject/hooks", "net/netfilter/nft_reject.c nft_reject_validate, nft_reject_inet_validate", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		for _, hook := range []string{"prerouting", "input", "forward", "output"} {
			n.base(hook, "filter", hook, 0)
			n.change("add rule F t " + hook + " reject")
		}
		n.base("p", "filter", "postrouting", 0)
		n.refused(kernel.EOPNOTSUPP, "add rule F t p reject")
		n.chain("c")
		n.change("add rule F t c reject")
		n.refused(kernel.EOPNOTSUPP, "add rule F t p jump c")
	}},
	{"nft/nat", "net/netfilter/nft_nat.c nft_nat_init", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.chain("c")
		n.readsBack("dnat ip to 10.1.0.2", "tcp dport 8080 dnat ip to 10.1.0.2:80", "meta l4proto udp dnat ip6 to [fd00::2]:53",
			"snat ip to 10.2.0.1", "tcp dport 80 snat ip to 10.2.0.1:1024", "snat ip6 to fd00::1 comment out")
	}},
	{"nft/nat/wrong-address", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		for _, rule := range []string{
			"ip t c dnat ip6 to fd00::1", "ip6 t c snat ip to 10.0.0.1", "inet t c dnat ip to 10.0.0.1:80",
			"inet t c meta l4proto icmp dnat ip to 10.0.0.1:80", "inet t c dnat ip to 0.0.0.0",
		} {
			n.refused(kernel.EINVAL, "add rule "+rule)
		}
	}},
	{"nft/nat/hooks", "net/netfilter/nft_nat.c nft_nat_validate", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		for _, hook := range []string{"prerouting", "input", "output", "postrouting"} {
			n.base(hook, "nat", hook, 0)
			early := hook == "prerouting" || hook == "output"
			right, wrong := "snat ip to 10.0.0.1", "dnat ip to 10.0.0.1"
			if early {
				right, wrong = wrong, right
			}
			n.change("add rule F t " + hook + " " + right)
			n.refused(kernel.EOPNOTSUPP, "add rule F t "+hook+" "+wrong)
		}
	}},
	{"nft/nat/chain-type", "net/netfilter/nft_nat.c nft_nat_validate: nft_chain_validate_dependency", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.base("p", "filter", "prerouting", 0)
		n.refused(kernel.EOPNOTSUPP, "add rule F t p dnat ip to 10.0.0.1")
		n.chain("c")
		n.change("add rule F t c snat ip to 10.0.0.1")
		n.refused(kernel.EOPNOTSUPP, "add rule F t p jump c")
	}},

	{"iptables/match/words", iptNFT + "nft_rule_save", func(e *env) {
		n := e.iptables("a")
		n.change("-N c")
		for _, words := range []string{
			"-p tcp -j ACCEPT", "! -p icmp -j RETURN", "-p udp -m udp --dport 53 -j ACCEPT",
			"-s 10.0.0.1/32 -i eth0 -p tcp -m tcp ! --sport 80 --dport 1024:65535 -m comment --comment why -j ACCEPT",
			"-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-m conntrack ! --ctstate INVALID,NEW -j RETURN",
			"-m addrtype --dst-type LOCAL -j ACCEPT", "-p tcp -m conntrack --ctstate NEW -m addrtype ! --dst-type LOCAL -j ACCEPT",
		} {
			n.change("-A c " + words)
		}
		equal(e, n.rules("c"), []string{
			"meta l4proto tcp accept", "meta l4proto != icmp return", "udp dport 53 accept",
			"ip saddr 10.0.0.1 iifname eth0 tcp sport != 80 tcp dport 1024-65535 accept comment why",
			"ct state established,related accept", "ct state ! invalid,new return",
			"fib daddr type local accept", "meta l4proto tcp ct state new fib daddr type != local accept",
		}, "rules as they are listed")
	}},
	{"iptables/match/delete", "iptables/nft-shared.c compare_matches", func(e *env) {
		n := e.iptables("a")
		const rule = "c -p tcp -m tcp --dport 80 -m comment --comment why -m conntrack --ctstate NEW -m addrtype --dst-type LOCAL -j ACCEPT"
		n.change("-N c", "-A "+rule)
		n.change("-D " + rule)
		equal(e, n.list(), []string{"-t nat -N c"}, "the table after the rule was deleted by its words")
	}},
	{"iptables/reject", "net/ipv4/netfilter/ipt_REJECT.c reject_tg_check", func(e *env) {
		n := e.iptables("a")
		n.table = "filter"
		n.change("-N c")
		e.changeIPTables(n.netns, n.parse("-A c -j REJECT"))
		for _, words := range []string{
			"-j REJECT --reject-with icmp-admin-prohibited", "-p tcp -j REJECT --reject-with tcp-reset",
			"-j REJECT --reject-with icmp-host-unreachable", "-j REJECT --reject-with icmp-proto-unreachable",
		} {
			n.change("-A c " + words)
		}
		n.change("-A FORWARD -j c", "-A INPUT -j c", "-A OUTPUT -j REJECT")
		equal(e, n.rules("c"), []string{
			"reject", "reject with icmp admin-prohibited", "meta l4proto tcp reject with tcp reset",
			"reject with icmp host-unreachable", "reject with icmp prot-unreachable",
		}, "rules as they are listed")
	}},
	{"iptables/reject/elsewhere", "net/ipv4/netfilter/ipt_REJECT.c reject_tg_reg: table", func(e *env) {
		n := e.iptables("a")
		n.refused(kernel.EINVAL, "-A PREROUTING -j REJECT")
		n.table = "filter"
		n.refused(kernel.EINVAL, "-A FORWARD -j REJECT --reject-with tcp-reset")
	}},
	{"iptables/nat", "net/netfilter/xt_nat.c xt_dnat_target_v2, xt_snat_target_v2", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.1.0.2:80", "-A c -j DNAT --to-destination 10.1.0.3",
			"-A PREROUTING -j c", "-A OUTPUT -m addrtype --dst-type LOCAL -j c", "-A POSTROUTING -j SNAT --to-source 10.2.0.1",
			"-A INPUT -p udp -j SNAT --to-source 10.2.0.1:53")
		equal(e, n.rules("c"), []string{"tcp dport 8080 dnat ip to 10.1.0.2:80", "dnat ip to 10.1.0.3"}, "rules as they are listed")
		equal(e, n.rules("POSTROUTING"), []string{"snat ip to 10.2.0.1"}, "a rule of a built-in chain")
		equal(e, n.rules("INPUT"), []string{"meta l4proto udp snat ip to 10.2.0.1:53"}, "a rule with a port")
	}},
	{"iptables/nat/elsewhere", "net/netfilter/xt_nat.c xt_nat_target_reg: hooks, table", func(e *env) {
		n := e.iptables("a")
		n.refused(kernel.EINVAL, "-A POSTROUTING -j DNAT --to-destination 10.0.0.1")
		n.refused(kernel.EINVAL, "-A PREROUTING -j SNAT --to-source 10.0.0.1")
		n.refused(kernel.EINVAL, "-A PREROUTING -j DNAT --to-destination 10.0.0.1:80")
		n.change("-N c", "-A c -j DNAT --to-destination 10.0.0.1")
		n.refused(kernel.EINVAL, "-A POSTROUTING -j c")
		n.table = "filter"
		n.refused(kernel.EINVAL, "-A FORWARD -j SNAT --to-source 10.0.0.1")
	}},
	{"iptables/ipv6/words", iptNFT + "nft_rule_save", func(e *env) {
		n := e.iptables("a")
		six := parseChanges("ip6tables", []string{
			"-t nat -A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00::2]:8080",
			"-t nat -A POSTROUTING -j SNAT --to-source fd00::1", "-t nat -A OUTPUT -p ipv6-icmp -j ACCEPT",
		})
		e.ok(n.ChangeRuleset(kernel.IPTables, six), "change ip6tables")
		six = parseChanges("ip6tables", []string{"-A INPUT -j REJECT --reject-with icmp6-adm-prohibited", "-A INPUT -j REJECT"})
		e.changeIPTables(n.netns, six)
		equal(e, n.list(), []string{
			"-t filter -A INPUT -j REJECT --reject-with icmp6-adm-prohibited", "-t filter -A INPUT -j REJECT",
			"-t nat -A OUTPUT -p ipv6-icmp -j ACCEPT", "-t nat -A POSTROUTING -j SNAT --to-source fd00::1",
			"-t nat -A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00::2]:8080",
		}, "rules as they are listed")
	}},
}
