package kerneltest

import "github.com/cnilab/cnilab/kernel"

// bridgedOrderLaws are about chains of bridges and of IP that are both asked about what a bridge forwards.
var bridgedOrderLaws = []Law{
	{"bridged/order/prerouting", "net/bridge/br_netfilter_hooks.c br_nf_hook_thresh: NF_BR_PRI_BRNF", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		node.needs("bridge")
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.1/32 -p udp -j DNAT --to-destination 10.0.0.3")
		node.base("before", "filter", "prerouting", -10)
		node.base("behind", "filter", "prerouting", 10)
		node.change("add rule bridge t before ip daddr 10.0.0.3 udp dport 53-54 drop", "add rule bridge t before ip daddr 10.0.0.1 udp dport 55 drop",
			"add rule bridge t behind ip daddr 10.0.0.1 udp dport 53-55 drop", "add rule bridge t behind ip daddr 10.0.0.3 udp dport 54 drop")
		b.serve(kernel.UDP, "10.0.0.3:53")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.1:53"), "10.0.0.2", "a call that a bridge's chain sees as it came, and a later one translated")
		for _, at := range []string{"10.0.0.1:54", "10.0.0.1:55"} {
			_, err := a.Call(e.ctx, call(kernel.UDP, at))
			e.refused(err, kernel.ETIMEDOUT, "call %s, which one of the bridge's chains drops", at)
		}
	}},
	{"bridged/order/forward", "net/bridge/br_netfilter_hooks.c br_nf_ops: NF_BR_FORWARD, NF_BR_PRI_BRNF", func(e *env) {
		node, a, _ := e.bridgedLinks()
		node.needs("bridge")
		node.iptables("-A FORWARD -p udp -j REJECT")
		node.base("before", "filter", "forward", -10)
		node.base("behind", "filter", "forward", 10)
		node.change("add rule bridge t behind udp dport 53 drop")
		_, err := a.call(kernel.UDP, "10.0.0.3:53")
		e.refused(err, kernel.ECONNREFUSED, "call what a chain of IP rejects, before one of the bridge drops it")
		node.change("add rule bridge t before udp dport 53 drop")
		_, err = a.Call(e.ctx, call(kernel.UDP, "10.0.0.3:53"))
		e.refused(err, kernel.ETIMEDOUT, "call what a chain of the bridge drops before")
	}},
	{"bridged/order/forward/each", "net/bridge/br_netfilter_hooks.c br_nf_hook_thresh, br_nf_forward", func(e *env) {
		node, a, b := e.bridgedLinks()
		node.needs("bridge")
		node.base("before", "filter", "forward", -1)
		node.base("at", "filter", "forward", 0)
		node.base("behind", "filter", "forward", 1)
		node.change("add rule bridge t before udp dport 53 drop", "add rule bridge t at udp dport 54 drop",
			"add rule bridge t behind udp dport 55 drop")
		for _, at := range []string{"10.0.0.3:53", "10.0.0.3:54", "10.0.0.3:55", "10.0.0.3:56"} {
			b.serve(kernel.UDP, at)
		}
		dropped := func(where string, list ...string) {
			for _, at := range list {
				_, err := a.Call(e.ctx, call(kernel.UDP, at))
				e.refused(err, kernel.ETIMEDOUT, "call %s, which one of the bridge's chains drops, %s", at, where)
			}
			equal(e, a.seenAs(kernel.UDP, "10.0.0.3:56"), "10.0.0.2", "a call that none drops")
		}
		dropped("around those of IP", "10.0.0.3:53", "10.0.0.3:55")
		node.setSysctl(callIPTables, "0")
		dropped("where none of IP are asked", "10.0.0.3:53", "10.0.0.3:54", "10.0.0.3:55")
	}},
	{"bridged/order/postrouting", "net/bridge/br_netfilter_hooks.c br_nf_ops: NF_BR_POST_ROUTING, NF_BR_PRI_LAST", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		node.needs("bridge")
		node.changeTable("iptables", "nat", "-A POSTROUTING -s 10.0.0.2/32 -o br -j MASQUERADE")
		node.base("last", "filter", "postrouting", 1000)
		node.change("add rule bridge t last ip saddr 10.0.0.1 ip daddr 10.0.0.3 drop", "add rule bridge t last ip saddr 10.0.0.2 udp dport 54 drop")
		b.serve(kernel.UDP, "10.0.0.3:53")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.3:53"), "10.0.0.1", "a call that the last of the bridge's chains sees before it is masqueraded")
		_, err := a.Call(e.ctx, call(kernel.UDP, "10.0.0.3:54"))
		e.refused(err, kernel.ETIMEDOUT, "call what that drops")
	}},
	{"bridged/order/same-priority", "net/netfilter/core.c nf_hook_entries_grow; net/bridge/br_netfilter_hooks.c brnf_device_event", func(e *env) {
		node, a, b := e.bridgedAndForwarding()
		node.needs("bridge")
		node.changeTable("iptables", "nat", "-A PREROUTING -d 10.0.0.1/32 -p udp -j DNAT --to-destination 10.0.0.3")
		node.base("c", "filter", "prerouting", 0)
		node.change("add rule bridge t c ip daddr 10.0.0.3 udp dport 53 drop")
		b.serve(kernel.UDP, "10.0.0.3:53")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.1:53"), "10.0.0.2", "a call that a chain sees before, which came when there was a bridge")
	}},
}
