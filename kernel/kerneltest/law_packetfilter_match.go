package kerneltest

import "github.com/cnilab/cnilab/kernel"

// packetMatchLaws are about what matches are true of, and what of a bridge's frames chains are asked about.
var packetMatchLaws = []Law{
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

	{"packetfilter/bridge/forward", "net/bridge/br_forward.c __br_forward: NF_BR_FORWARD", func(e *env) {
		node, a, b := e.bridgedLab()
		node.base("f", "filter", "forward", 0)
		node.change("add rule bridge t f iifname v-a oifname v-b ip daddr 10.0.0.3 meta l4proto icmp drop")
		b.serve(kernel.TCP, "10.0.0.3:80")
		e.refused(a.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping a pod to which the bridge forwards no pings")
		equal(e, a.seenAs(kernel.TCP, "10.0.0.3:80"), "10.0.0.2", "a call to it")
	}},
	{"packetfilter/bridge/input", "net/bridge/br_input.c br_pass_frame_up: NF_BR_LOCAL_IN", func(e *env) {
		node, a, _ := e.bridgedLab()
		node.base("f", "filter", "input", 0)
		node.change("add rule bridge t f iifname v-a meta l4proto icmp drop")
		e.refused(a.pingShortly("10.0.0.1"), kernel.ETIMEDOUT, "ping the bridge that does not take it")
		e.ok(a.ping("10.0.0.3"), "ping beyond the bridge")
	}},
	{"packetfilter/bridge/output", "net/bridge/br_forward.c __br_forward: NF_BR_LOCAL_OUT", func(e *env) {
		node, a, _ := e.bridgedLab()
		node.base("f", "filter", "output", 0)
		node.change("add rule bridge t f oifname v-b meta l4proto icmp drop")
		e.refused(node.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping from the bridge what it does not let out")
		e.ok(node.ping("10.0.0.2"), "ping another pod")
		e.ok(a.ping("10.0.0.3"), "ping across the bridge")
	}},
	{"packetfilter/bridge/postrouting", "net/bridge/br_forward.c br_forward_finish: NF_BR_POST_ROUTING", func(e *env) {
		node, a, _ := e.bridgedLab()
		node.base("f", "filter", "postrouting", 0)
		node.change("add rule bridge t f oifname v-b ip daddr 10.0.0.3 drop")
		e.refused(node.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping from the bridge what does not leave it")
		e.refused(a.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping across the bridge what does not leave it")
		e.ok(a.ping("10.0.0.1"), "ping the bridge")
	}},
}

// bridgedLab is bridged, with a node whose bridge has tables.
func (e *env) bridgedLab() (node *ruleLab, a, b *netns) {
	n, a, b := e.bridged()
	node = &ruleLab{n, "bridge"}
	node.needs("bridge")
	return node, a, b
}
