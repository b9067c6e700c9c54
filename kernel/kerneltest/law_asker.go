package kerneltest

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// askerLaws are about the address from which a node asks for a neighbour's MAC. Who is asked learns it: he has an entry for
// whoever has asked him, besides the one of the node that he has asked for himself, to answer a ping by it.
var askerLaws = append(lastAskerLaws(), []Law{
	{"asker/own-packet", "net/ipv6/ndisc.c ndisc_solicit: ipv6_chk_addr_and_flags", func(e *env) {
		n := e.asker("accept_dad=0")
		e.ok(n.node.ping(askedIP), "ping a pod")
		n.knows("to whom its neighbour sends a packet of its own", askerIP)
	}},
	{"asker/forwarded", "net/ipv6/ndisc.c ndisc_send_ns: ipv6_get_lladdr", func(e *env) {
		n := e.asker("accept_dad=0")
		e.ok(n.pod.ping(askedIP), "ping a pod beyond the node")
		n.knows("to whom its neighbour forwards a packet", askerIP, ownLinkLocal)
	}},
	{"asker/own-of-another-link", "net/ipv6/addrconf.c __ipv6_chk_addr_and_flags: strict", func(e *env) {
		n := e.asker("accept_dad=0")
		_, err := n.node.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr(askedIP), From: netip.MustParseAddr("fd01::1")})
		e.ok(err, "ping a pod from an address of another link")
		n.knows("to whom its neighbour sends a packet from an address of another link", askerIP, ownLinkLocal)
	}},
	{"asker/eldest", "net/ipv6/addrconf.c __ipv6_get_lladdr: list_for_each_entry_reverse", func(e *env) {
		n := e.asker("accept_dad=0")
		n.giveLinkLocal("fe80::9")
		e.ok(n.pod.ping(askedIP), "ping a pod beyond the node")
		n.knows("whose neighbour has two link-local addresses", askerIP, ownLinkLocal)
	}},
	{"asker/tentative", "net/ipv6/ndisc.c ndisc_send_ns: IFA_F_TENTATIVE", func(e *env) {
		n := e.asker("dad_transmits=3")
		e.refused(n.pod.pingShortly(askedIP), kernel.ETIMEDOUT, "ping a pod beyond a node that is not sure of its address yet")
		n.knows("whose neighbour is not sure of its link-local address yet")
		n.node.awaitLinkLocal(n.out)
		e.ok(n.pod.ping(askedIP), "ping a pod beyond the node")
		n.knows("whose neighbour has become sure", askerIP, ownLinkLocal)
	}},
	{"asker/without-link-local", "net/ipv6/ndisc.c ndisc_send_ns: nobody is asked, as often as that is tried", func(e *env) {
		n := e.asker("addr_gen_mode=1")
		_, err := n.pod.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr(askedIP), Timeout: 2 * Patience})
		e.refused(err, kernel.EHOSTUNREACH, "ping a pod beyond a node without a link-local address")
		n.knows("whose neighbour has no link-local address")
		n.giveLinkLocal("fe80::9")
		e.ok(n.pod.ping(askedIP), "ping a pod beyond the node")
		n.knows("whose neighbour has got one", askerIP, "fe80::9")
	}},
	{"asker/nothing-waits", "net/core/neighbour.c neigh_timer_handler: NUD_PROBE, with an empty arp_queue", func(e *env) {
		n := e.asker("accept_dad=0")
		e.ok(n.node.AddNeighbour(kernel.Neighbour{
			Link: n.out, IP: netip.MustParseAddr(askedIP), MAC: mac(askedMAC), State: kernel.Stale,
		}), "make the node know a pod of old")
		e.ok(n.node.ping(askedIP), "ping the pod")
		n.knows("which its neighbour knew", askerIP)
		eventually(e, n.known, []string{askerIP, ownLinkLocal}, "whom a pod knows of which the node has made sure again")
	}},
}...)

// lastAskerLaws are about packets from two addresses that wait for a MAC.
func lastAskerLaws() (laws []Law) {
	for _, c := range []struct{ family, source, first, last, asked, prefix string }{
		{"ipv4", "net/ipv4/arp.c arp_solicit", "10.0.0.1", "10.0.0.9", "10.0.0.2", "/24"},
		{"ipv6", "net/ipv6/ndisc.c ndisc_solicit", "fd00::1", "fd00::9", "fd00::2", "/64"},
	} {
		source := "net/core/neighbour.c neigh_probe: skb_peek_tail; " + c.source
		laws = append(laws, Law{"asker/last/" + c.family, source, func(e *env) {
			node, asked := e.netns("node"), e.netns("asked")
			e.needsProbes(node)
			v, eth0 := node.vethTo(asked, "v", "eth0")
			node.up(v)
			asked.up(eth0)
			node.oper(v, kernel.OperUp, "veth, both ends up")
			for _, own := range []string{c.first, c.last} {
				node.giveUsable(v, own, c.prefix)
			}
			for _, own := range []string{c.first, c.last} {
				_, err := node.Ping(e.ctx, kernel.Ping{
					To: netip.MustParseAddr(c.asked), From: netip.MustParseAddr(own), Timeout: 100 * time.Millisecond,
				})
				e.refused(err, kernel.ETIMEDOUT, "ping from %s what is not there yet", own)
			}
			asked.giveUsable(eth0, c.asked, c.prefix)
			known := func() []string { return asked.knowing(eth0) }
			eventually(e, known, []string{c.first + " REACHABLE", c.last + " DELAY"},
				"whom a pod has asked for, to answer one ping, and who has asked for the pod, to send it both")
		}})
	}
	return laws
}

// giveUsable gives a link an address of either family and waits until it is usable.
func (n *netns) giveUsable(link int, address, prefix string) {
	if familyOf(netip.MustParseAddr(address)) == kernel.IPv4 {
		n.give(link, address+prefix)
		return
	}
	n.giveAtOnce(link, address+prefix)
	n.awaitLocal(address)
}

// An asker is a node that forwards what a pod, fd01::2, sends to another one.
type asker struct {
	e                *env
	node, pod, asked *netns
	out, in          int // the link of the node to the pod that is asked, and of that pod
}

// The addresses of the node on its link to the pod that is asked, where it has ownMAC, and of that pod.
const (
	askerIP      = "fd02::1"
	ownLinkLocal = "fe80::ff:fe00:2"
	askedIP      = "fd02::2"
	askedMAC     = routerMAC
)

// asker makes a node that has settings of IPv6, KEY=VALUE, on the link to the pod that is asked since before it was up.
func (e *env) asker(settings ...string) asker {
	node, pod, asked := e.netns("node"), e.netns("pod"), e.netns("asked")
	e.needsProbes(node)
	node.setSysctl("net/ipv6/conf/all/forwarding", "1")
	node.join6(pod, "v1", "fd01::1", "fd01::2")
	out, in := node.vethTo(asked, "v2", "eth0")
	node.setMAC(out, ownMAC)
	asked.setMAC(in, askedMAC)
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		node.setSysctl(conf(kernel.IPv6, "v2", key), value)
	}
	asked.up(in)
	node.up(out)
	node.oper(out, kernel.OperUp, "veth, both ends up")
	node.giveUsable(out, askerIP, "/64")
	asked.giveUsable(in, askedIP, "/64")
	asked.via(in, "::/0", askerIP)
	return asker{e, node, pod, asked, out, in}
}

// giveLinkLocal gives the node one more link-local address on the link to the pod that is asked.
func (n asker) giveLinkLocal(address string) { n.node.giveUsable(n.out, address, "/64") }

// known are whom the asked pod knows.
func (n asker) known() []string {
	list := []string{}
	for _, entry := range n.asked.knowing(n.in) {
		ip, _, _ := strings.Cut(entry, " ")
		list = append(list, ip)
	}
	return list
}

// knows wants the pod that is asked to know some, and nobody else.
func (n asker) knows(who string, want ...string) {
	equal(n.e, n.known(), append([]string{}, want...), "whom a pod knows %s", who)
}

// knowing returns the entries of neighbours of a link, each an address and a state.
func (n *netns) knowing(link int) []string {
	all, err := n.Neighbours(link)
	n.e.ok(err, "list the neighbours")
	list := []string{}
	for _, entry := range all {
		list = append(list, fmt.Sprint(entry.IP, " ", entry.State))
	}
	return list
}
