package kerneltest

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// portsLaws are about rules that have several ports, and translations that take any.
var portsLaws = []Law{
	{"multiport/words", "iptables, extensions/libxt_multiport.c __multiport_save_v1", func(e *env) {
		n := e.iptables("a")
		rules := []string{
			"-t nat -A c -p tcp -m multiport --dports 80,443,8000:9000 -j ACCEPT",
			"-t nat -A c -p udp -m comment --comment why -m multiport --sports 53 -m conntrack --ctstate NEW -j RETURN",
			"-t nat -A c -s 10.0.0.1/32 -p tcp -m tcp --sport 1024:65535 -m multiport ! --dports 22,80",
			"-t nat -A c -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14:15",
		}
		e.changeIPTables(n.netns, parseChanges("iptables", append([]string{"-t nat -N c"}, rules...)))
		equal(e, n.list(), append([]string{"-t nat -N c"}, rules...), "rules as they are listed")
		n.change("-D c -p tcp -m multiport --dports 80,443,8000:9000 -j ACCEPT")
		equal(e, len(n.list()), 4, "rules after one was deleted")
	}},
	{"multiport/no-list", "kernel.FilterChange.Valid", func(e *env) {
		n := e.iptables("a")
		n.change("-N c")
		for _, ports := range []string{"9:8", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16"} {
			n.refused(kernel.EINVAL, "-A c -p tcp -m multiport --dports "+ports)
		}
	}},
	{"multiport/one-of-them", "net/netfilter/xt_multiport.c ports_match_v1", func(e *env) {
		node, a, b := e.routedLab()
		e.changeIPTables(node.netns, parseChanges("iptables", []string{
			"-A FORWARD -p udp -m multiport --dports 53,5000:5002,80 -j DROP",
			"-A FORWARD -p tcp -m multiport --sports 443,8080 -j DROP",
		}))
		for _, port := range []string{"53", "80", "4999", "5000", "5002", "5003"} {
			b.serve(kernel.UDP, "10.2.0.2:"+port)
		}
		for _, port := range []string{"80", "443", "8080"} {
			b.serve(kernel.TCP, "10.2.0.2:"+port)
		}
		for _, port := range []string{"53", "80", "5000", "5002"} {
			_, err := a.Call(e.ctx, call(kernel.UDP, "10.2.0.2:"+port))
			e.refused(err, kernel.ETIMEDOUT, "call a port of the list: %s", port)
		}
		for _, port := range []string{"4999", "5003"} {
			equal(e, a.seenAs(kernel.UDP, "10.2.0.2:"+port), "10.1.0.2", "a call to a port beside its range")
		}
		equal(e, a.seenAs(kernel.TCP, "10.2.0.2:80"), "10.1.0.2", "a call by another protocol")
		for _, port := range []string{"443", "8080"} {
			_, err := a.Call(e.ctx, call(kernel.TCP, "10.2.0.2:"+port))
			e.refused(err, kernel.ETIMEDOUT, "call a port of which the answers are dropped: %s", port)
		}
	}},
	{"multiport/none-of-them", "net/netfilter/xt_multiport.c ports_match_v1: invert", func(e *env) {
		node, a, b := e.routedLab()
		e.changeIPTables(node.netns, parseChanges("iptables", []string{"-A FORWARD -i br1 -p udp -m multiport ! --dports 53,80:90 -j DROP"}))
		for _, port := range []string{"53", "85", "91"} {
			b.serve(kernel.UDP, "10.2.0.2:"+port)
		}
		for _, port := range []string{"53", "85"} {
			equal(e, a.seenAs(kernel.UDP, "10.2.0.2:"+port), "10.1.0.2", "a call to a port of the list")
		}
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.2.0.2:91"))
		e.refused(err, kernel.ETIMEDOUT, "call one that is not on it")
		e.ok(a.ping("10.2.0.2"), "ping, which has no ports")
	}},
	{"multiport/translated", "net/netfilter/xt_nat.c, of which each flow keeps its port", func(e *env) {
		node, a, b := e.routedLab()
		e.changeIPTables(node.netns, parseChanges("iptables", []string{
			"-t nat -A PREROUTING -p tcp -m comment --comment published -m multiport --dports 8080,8443 -j DNAT --to-destination 10.2.0.2",
		}))
		b.serve(kernel.TCP, "10.2.0.2:8080")
		b.serve(kernel.TCP, "10.2.0.2:8443")
		for _, at := range []string{"10.1.0.1:8080", "10.1.0.1:8443"} {
			equal(e, a.seenAs(kernel.TCP, at), "10.1.0.2", "a call to a published port")
		}
		_, err := a.call(kernel.TCP, "10.1.0.1:8081")
		e.refused(err, kernel.ECONNREFUSED, "call another one, which is the node's")
	}},

	{"randomport/nft/words", "net/netfilter/nft_masq.c nft_masq_dump, nft_nat.c nft_nat_dump: NF_NAT_RANGE_PROTO_RANDOM_FULLY", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.base("c", "nat", "postrouting", 100)
		n.readsBack("masquerade fully-random", "ip saddr 10.0.0.1 masquerade fully-random comment why",
			"snat ip to 10.2.0.1 fully-random", "tcp dport 80 snat ip to 10.2.0.1:80 fully-random", "masquerade", "snat ip to 10.2.0.1")
	}},
	{"randomport/iptables/words", "iptables, extensions/libxt_MASQUERADE.c MASQUERADE_save, libxt_SNAT.c SNAT_save", func(e *env) {
		n := e.iptables("a")
		rules := []string{
			"-t nat -A POSTROUTING -j MASQUERADE --random-fully", "-t nat -A POSTROUTING -s 10.0.0.1/32 -j SNAT --to-source 10.2.0.1 --random-fully",
			"-t nat -A POSTROUTING -j MASQUERADE",
		}
		e.changeIPTables(n.netns, parseChanges("iptables", rules))
		equal(e, n.list(), rules, "rules as they are listed")
		n.change("-D POSTROUTING -j MASQUERADE")
		equal(e, n.list(), rules[:2], "rules after one was deleted")
	}},
	{"randomport/own-otherwise", "net/netfilter/nf_nat_core.c get_unique_tuple", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		equal(e, node.changedPorts(a, b), 0, "flows of which the sender has another port, where nobody has his")
	}},
	{"randomport/masquerade", "net/netfilter/nf_nat_core.c get_unique_tuple: NF_NAT_RANGE_PROTO_RANDOM_ALL", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("post", "nat", "postrouting", 100)
		node.change("add rule inet t post masquerade fully-random")
		equal(e, node.changedPorts(a, b) > 1, true, "flows, by UDP, TCP and ping, of which the sender has another port")
	}},
	{"randomport/snat", "net/netfilter/nft_nat.c nft_nat_eval: flags", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.base("post", "nat", "postrouting", 100)
		node.change("add rule inet t post snat ip to 10.2.0.1 fully-random")
		equal(e, node.changedPorts(a, b) > 1, true, "flows, by UDP, TCP and ping, of which the sender has another port")
	}},
	{"randomport/iptables", "net/netfilter/xt_MASQUERADE.c masquerade_tg, xt_nat.c xt_snat_target_v1", func(e *env) {
		node, a, b := e.routedLab()
		e.changeIPTables(node.netns, parseChanges("iptables", []string{
			"-t nat -A POSTROUTING -p tcp -j SNAT --to-source 10.2.0.1 --random-fully", "-t nat -A POSTROUTING -j MASQUERADE --random-fully",
		}))
		equal(e, node.changedPorts(a, b) > 1, true, "flows, by UDP, TCP and ping, of which the sender has another port")
	}},
}

// changedPorts has a pod call another one by a node that translates, by TCP, UDP and ping, and returns how many of the three
// flows have another port, or identifier, behind the node than before it: one of 60,000 has the same by chance.
func (node *ruleLab) changedPorts(from, to *netns) int {
	to.serve(kernel.TCP, "10.2.0.2:80")
	to.serve(kernel.UDP, "10.2.0.2:80")
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		equal(node.e, from.seenAs(transport, "10.2.0.2:80"), "10.2.0.1", "who called by a node that translates")
	}
	node.e.ok(from.ping("10.2.0.2"), "ping by it")
	flows, err := node.Flows()
	node.e.ok(err, "list the flows")
	equal(node.e, len(flows), 3, "number of flows")
	return len(slices.DeleteFunc(flows, func(f kernel.Flow) bool { return f.Original.From.Port() == f.Reply.To.Port() }))
}
