package kerneltest

import (
	"errors"
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// packetFilterLaws are about what rules do with packets.
var packetFilterLaws = append(masqueradeLaws(), []Law{
	{"packetfilter/masquerade/others", "net/netfilter/nf_tables_core.c nft_do_chain", func(e *env) {
		_, a, b := e.masquerading(kernel.NFTables)
		a.serve(kernel.TCP, "10.1.0.2:80")
		equal(e, b.seenAs(kernel.TCP, "10.1.0.2:80"), "10.2.0.2", "a caller whom no rule is about")
	}},
	{"packetfilter/masquerade/errors-come-back", "net/netfilter/nf_nat_proto.c nf_nat_icmp_reply_translation", func(e *env) {
		_, a, _ := e.masquerading(kernel.NFTables)
		_, err := a.call(kernel.UDP, "10.2.0.2:53")
		e.refused(err, kernel.ECONNREFUSED, "call a port where nobody listens")
	}},
	{"packetfilter/masquerade/ipv6", "net/netfilter/nf_nat_masquerade.c nf_nat_masquerade_ipv6", func(e *env) {
		node, a, b := e.masquerading(kernel.NFTables)
		node.route6(a, b)
		node.change("add rule inet t post ip6 saddr fd00:1::2 ip6 daddr != fd00:1::/64 masquerade")
		b.serve(kernel.TCP, "[fd00:2::2]:80")
		equal(e, a.seenAs(kernel.TCP, "[fd00:2::2]:80"), "fd00:2::1", "who called, as a pod outside sees it")
	}},
	{"packetfilter/drop/forward", "net/ipv4/ip_forward.c ip_forward: NF_INET_FORWARD", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		node.change("add rule inet t f ip saddr 10.1.0.2 drop")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping beyond a node that drops it")
		e.ok(a.ping("10.1.0.1"), "ping the node")
	}},
	{"packetfilter/drop/input", "net/ipv4/ip_input.c ip_local_deliver: NF_INET_LOCAL_IN", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("f", "filter", "input", 0)
		node.change("add rule inet t f iifname br1 drop")
		e.refused(a.pingShortly("10.1.0.1"), kernel.ETIMEDOUT, "ping a node that drops it")
		e.ok(a.ping("10.2.0.2"), "ping beyond the node")
	}},
	{"packetfilter/drop/output", "net/netfilter/core.c nf_hook_slow: NF_DROP_GETERR", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("f", "filter", "output", 0)
		node.change("add rule inet t f ip daddr 10.1.0.2 drop")
		e.refused(node.pingShortly("10.1.0.2"), kernel.EPERM, "ping from a node that drops what it sends")
		e.refused(a.pingShortly("10.1.0.1"), kernel.ETIMEDOUT, "ping a node that drops its answer")
	}},
	{"packetfilter/reject/no-protocol", "net/ipv4/icmp.c icmp_err_convert: ENOPROTOOPT", func(e *env) {
		a, b := e.cable()
		lab := &ruleLab{netns: b}
		lab.needs("ip")
		lab.base("in", "filter", "input", 0)
		lab.change("add rule ip t in reject with icmp prot-unreachable")
		e.refused(a.ping("10.0.0.2"), kernel.ENOPROTOOPT, "ping who says that there is no such protocol")
		for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
			_, err := a.call(transport, "10.0.0.2:80")
			e.refused(err, kernel.ENOPROTOOPT, "call it by %s", transport)
		}
	}},
	{"packetfilter/discovery/input", "net/ipv6/ip6_input.c ip6_input: NF_INET_LOCAL_IN", func(e *env) {
		a, b := e.cable()
		e.discoveryDropped(a, b, "input")
	}},
	{"packetfilter/discovery/output", "net/ipv6/ndisc.c ndisc_send_skb: NF_INET_LOCAL_OUT", func(e *env) {
		a, b := e.cable()
		e.discoveryDropped(a, b, "output")
	}},
	{"packetfilter/policy", "net/netfilter/nf_tables_core.c nft_do_chain: nft_base_chain policy", func(e *env) {
		node, a, b := e.routedAndForwarding()
		node.change("add table inet t", "add chain inet t f { type filter hook forward priority 0 ; policy drop ; }",
			"add chain inet t c", "add rule inet t c ip daddr 10.1.0.2 accept", "add rule inet t c ip saddr 10.1.0.2 return",
			"add rule inet t c accept", "add rule inet t f jump c")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping where return leads back to the policy")
		node.change("add rule inet t f ip saddr 10.1.0.2 accept")
		e.ok(a.ping("10.2.0.2"), "ping where a rule behind the jump accepts")
		e.ok(b.ping("10.1.0.2"), "ping from the other side")
	}},
	{"packetfilter/goto", "net/netfilter/nf_tables_core.c nft_do_chain: NFT_GOTO", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.base("f", "filter", "forward", 0)
		node.change("add chain inet t c", "add rule inet t c ip saddr 10.9.0.0/16 drop", "add rule inet t f goto c",
			"add rule inet t f drop")
		e.ok(a.ping("10.2.0.2"), "ping where a rule behind goto would drop it")
	}},
	{"packetfilter/each-chain-is-asked", "net/netfilter/core.c nf_hook_slow", func(e *env) {
		node, a, _ := e.routedAndForwarding()
		node.change("add table inet t", "add chain inet t f { type filter hook forward priority -10 ; }",
			"add rule inet t f accept", "add chain inet t g { type filter hook forward priority 10 ; }", "add rule inet t g drop")
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping that one chain accepts and a later one drops")
	}},
	{"packetfilter/iptables/drop", "net/ipv4/netfilter/ip_tables.c ipt_do_table", func(e *env) {
		node, a, _ := e.routedLab()
		change := parseChanges("iptables", []string{"-P FORWARD DROP"})
		e.changeIPTables(node.netns, change)
		e.refused(a.pingShortly("10.2.0.2"), kernel.ETIMEDOUT, "ping beyond a node whose policy is to drop")
		accept := parseChanges("iptables", []string{"-A FORWARD -s 10.1.0.0/24 -j ACCEPT", "-A FORWARD -i br2 -j ACCEPT"})
		e.ok(node.ChangeRuleset(kernel.IPTables, accept), "accept both ways")
		e.ok(a.ping("10.2.0.2"), "ping where rules accept it")
	}},
	{"packetfilter/spoof-check", "net/bridge/br_input.c br_handle_frame: NF_BR_PRE_ROUTING", func(e *env) {
		node, a, _ := e.bridged()
		lab := &ruleLab{node, "bridge"}
		if !lab.has("bridge") {
			panic(leftOut("this kernel has no tables of the family bridge"))
		}
		const own = "02:00:00:00:00:98"
		eth0 := a.link("eth0").Index
		a.setMAC(eth0, own)
		lab.change("add table bridge nat", "add chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; }",
			"add chain bridge nat c", "add rule bridge nat PREROUTING iifname v-a jump c",
			"add rule bridge nat c ether saddr "+own+" return", "add rule bridge nat c drop")
		e.ok(a.ping("10.0.0.1"), "ping with the own MAC")
		e.ok(a.ping("10.0.0.3"), "ping another pod with the own MAC")
		a.setMAC(eth0, "02:00:00:00:00:99")
		e.refused(a.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping with another MAC")
	}},
}...)

// masqueradeLaws are about a pod that gets to another one, beyond a node that gives its own address to what the pod sends.
func masqueradeLaws() (laws []Law) {
	for _, c := range []struct {
		name, rule string
		backend    kernel.FilterBackend
		transport  kernel.Transport
		service    string // that is called; "": the other pod is pinged
	}{
		{"nft/tcp", "net/netfilter/nf_nat_masquerade.c nf_nat_masquerade_ipv4", kernel.NFTables, kernel.TCP, "10.2.0.2:80"},
		{"nft/udp", "net/netfilter/nf_nat_core.c nf_nat_manip_pkt", kernel.NFTables, kernel.UDP, "10.2.0.2:53"},
		{"nft/ping", "net/netfilter/nf_nat_proto.c icmp_manip_pkt", kernel.NFTables, "", ""},
		{"iptables/tcp", "net/netfilter/xt_MASQUERADE.c masquerade_tg", kernel.IPTables, kernel.TCP, "10.2.0.2:80"},
		{"iptables/ping", "net/netfilter/xt_MASQUERADE.c masquerade_tg", kernel.IPTables, "", ""},
	} {
		laws = append(laws, Law{"packetfilter/masquerade/" + c.name, c.rule, func(e *env) {
			_, a, b := e.masquerading(c.backend)
			if c.service == "" {
				b.forget()
				e.ok(a.ping("10.2.0.2"), "ping a pod that knows no way back but to the node")
				return
			}
			b.serve(c.transport, c.service)
			equal(e, a.seenAs(c.transport, c.service), "10.2.0.1", "who called, as a pod outside sees it")
		}})
	}
	return laws
}

// routedAndForwarding is routed, with a node that forwards and has tables for all of the internet.
func (e *env) routedAndForwarding() (node *ruleLab, a, b *netns) {
	node, a, b = e.routedLab()
	node.needs("inet")
	return node, a, b
}

func (e *env) routedLab() (node *ruleLab, a, b *netns) {
	n, a, b := e.routed()
	n.setSysctl("net/ipv4/ip_forward", "1")
	return &ruleLab{netns: n}, a, b
}

// route6 gives IPv6 to a node and pods as routed makes them: fd00:1::1 and fd00:1::2, fd00:2::1 and fd00:2::2. The node's
// link-local addresses are checked then: by these it asks for whom it forwards to.
func (n *netns) route6(pods ...*netns) {
	for i, pod := range pods {
		net := numbered("fd00:", i+1)
		n.giveAtOnce(n.link(numbered("br", i+1)).Index, net+"::1/64")
		pod.giveAtOnce(pod.link("eth0").Index, net+"::2/64")
		n.awaitLocal(net + "::1")
		pod.awaitLocal(net + "::2")
		pod.via(pod.link("eth0").Index, "::/0", net+"::1")
	}
	n.setSysctl("net/ipv6/conf/all/forwarding", "1")
	for i := range pods {
		n.awaitLinkLocal(n.link(numbered("br", i+1)).Index)
	}
}

// masquerading makes a node that masquerades the pod a, 10.1.0.2, as it is done by a backend.
func (e *env) masquerading(b kernel.FilterBackend) (node *ruleLab, pod, outside *netns) {
	node, pod, outside = e.routedLab()
	if b == kernel.NFTables {
		node.needs("inet")
		node.base("post", "nat", "postrouting", 100)
		node.change("add rule inet t post ip saddr 10.1.0.2 ip daddr != 10.1.0.0/24 masquerade")
		return node, pod, outside
	}
	changes := parseChanges("iptables", []string{
		"-t nat -N CNI-a", "-t nat -A CNI-a -d 10.1.0.0/24 -j ACCEPT", "-t nat -A CNI-a ! -d 224.0.0.0/4 -j MASQUERADE",
		"-t nat -A POSTROUTING -s 10.1.0.2/32 -j CNI-a",
	})
	e.changeIPTables(node.netns, changes)
	return node, pod, outside
}

// changeIPTables makes changes, or leaves the law out where the machine has no iptables.
func (e *env) changeIPTables(n *netns, changes []kernel.FilterChange) {
	err := n.ChangeRuleset(kernel.IPTables, changes)
	if errors.Is(err, kernel.EOPNOTSUPP) {
		panic(leftOut("this machine has no iptables, or lacks what that needs"))
	}
	e.ok(err, "%s", kernel.DescribeFilterChanges(kernel.IPTables, changes))
}

// seenAs calls a service and returns the address from which it saw the call come.
func (n *netns) seenAs(transport kernel.Transport, to string) string {
	got, err := n.call(transport, to)
	n.e.ok(err, "call %s by %s", to, transport)
	return got.Seen.Addr().String()
}

// forget takes the default route of a pod away.
func (n *netns) forget() {
	routes, err := n.Routes(kernel.IPv4)
	n.e.ok(err, "list the routes")
	for _, r := range routes {
		if r.Dst.Bits() == 0 {
			n.e.ok(n.DeleteRoute(r), "delete the default route")
		}
	}
}

func (n *netns) pingShortly(ip string) error {
	_, err := n.Ping(n.e.ctx, kernel.Ping{To: netip.MustParseAddr(ip), Timeout: 400 * time.Millisecond})
	return err
}

// discoveryDropped demands that no neighbour of IPv6 is found where a hook drops ICMPv6, and is again without.
func (e *env) discoveryDropped(a, b *netns, hook string) {
	lab := &ruleLab{netns: a}
	lab.needs("inet")
	b.serve(kernel.UDP, "[fd00::2]:53")
	lab.base("f", "filter", hook, 0)
	lab.change("add rule inet t f meta l4proto icmpv6 drop")
	_, err := a.Call(e.ctx, call(kernel.UDP, "[fd00::2]:53"))
	e.refused(err, kernel.ETIMEDOUT, "call a neighbour by UDP, while ICMPv6 is dropped at %s", hook)
	lab.change("flush chain inet t f")
	_, err = a.call(kernel.UDP, "[fd00::2]:53")
	e.ok(err, "call it when nothing is dropped")
}
