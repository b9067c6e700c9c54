package kerneltest

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// bridgedLaws are about what a bridge forwards, and chains of ip and ip6 are asked about all the same: br_netfilter. Rules
// are mostly those of iptables, which kernels have that have no nftables for IP.
var bridgedLaws = []Law{
	{"bridged/sysctl/defaults", "net/bridge/br_netfilter_hooks.c br_netfilter_sysctl_default", func(e *env) {
		before := e.netns("a")
		e.needsBridgeNetfilter(before)
		for _, key := range bridgedSysctls {
			before.setSysctl(key.name, key.other)
			equal(e, before.sysctl(key.name), key.other, "value of %s that was set", key.name)
		}
		after := e.netns("b")
		for _, key := range bridgedSysctls {
			equal(e, after.sysctl(key.name), key.value, "value of %s in a new namespace", key.name)
		}
	}},
	{"bridged/sysctl/any-number-is-one", "net/bridge/br_netfilter_hooks.c brnf_sysctl_call_tables", func(e *env) {
		ns := e.netns("a")
		e.needsBridgeNetfilter(ns)
		for _, value := range []struct{ set, got string }{{"0", "0"}, {"7", "1"}, {"0", "0"}, {"-1", "1"}} {
			ns.setSysctl(callIPTables, value.set)
			equal(e, ns.sysctl(callIPTables), value.got, "value of %s that was set to %s", callIPTables, value.set)
		}
		e.refused(ns.SetSysctl(callIPTables, "yes"), kernel.EINVAL, "set it to what is no number")
	}},
	{"bridged/sysctl/of-the-bridge", "net/bridge/br_netfilter_hooks.c br_nf_pre_routing: brnf_net_id", func(e *env) {
		node, a, b := e.bridgedLinks()
		node.iptables("-P FORWARD DROP")
		for _, pod := range []*netns{a, b} {
			pod.setSysctl(callIPTables, "0")
		}
		e.refused(a.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping a pod, where pods have the setting that is 0")
		node.setSysctl(callIPTables, "0")
		e.ok(a.ping("10.0.0.3"), "ping it where the bridge's namespace has")
	}},
	{"bridged/forward", "net/bridge/br_netfilter_hooks.c br_nf_forward", func(e *env) {
		node, a, _ := e.bridgedLinks()
		node.iptables("-P FORWARD DROP")
		e.refused(a.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping a pod where nothing may be forwarded, though the node forwards nothing")
		e.ok(a.ping("10.0.0.1"), "ping the bridge")
		e.ok(node.ping("10.0.0.3"), "ping from the bridge")
	}},
	{"bridged/input", "net/bridge/br_input.c br_pass_frame_up; net/bridge/br_netfilter_hooks.c ip_sabotage_in", func(e *env) {
		node, a, _ := e.bridgedLinks()
		node.iptables("-A INPUT -i v-a -j DROP")
		e.ok(a.ping("10.0.0.1"), "ping the bridge, where what comes in by a port is dropped")
		node.iptables("-A INPUT -i br -j DROP")
		e.refused(a.pingShortly("10.0.0.1"), kernel.ETIMEDOUT, "ping the bridge, where what comes in by the bridge is dropped")
		e.ok(a.ping("10.0.0.3"), "ping across the bridge")
	}},
	{"bridged/links", "net/bridge/br_netfilter_hooks.c setup_pre_routing, br_nf_forward, br_nf_post_routing", func(e *env) {
		node, a, b := e.bridgedLinks()
		node.needs("inet")
		for _, hook := range []string{"prerouting", "forward", "postrouting"} {
			node.base(hook, "filter", hook, 0)
		}
		node.change(
			"add rule inet t prerouting iifname v-a udp dport 1-9 drop", "add rule inet t prerouting iifname br udp dport 11 drop",
			"add rule inet t forward iifname v-a udp dport 1-9 drop", "add rule inet t forward oifname v-b udp dport 1-9 drop",
			"add rule inet t forward iifname br oifname br udp dport 12 drop",
			"add rule inet t postrouting oifname v-b udp dport 1-9 drop", "add rule inet t postrouting iifname br udp dport 1-9 drop",
			"add rule inet t postrouting oifname br udp dport 13 drop",
		)
		b.serve(kernel.UDP, "10.0.0.3:1")
		equal(e, a.seenAs(kernel.UDP, "10.0.0.3:1"), "10.0.0.2", "a call, where rules are about ports of the bridge")
		for _, at := range []string{"10.0.0.3:11", "10.0.0.3:12", "10.0.0.3:13"} {
			_, err := a.Call(e.ctx, call(kernel.UDP, at))
			e.refused(err, kernel.ETIMEDOUT, "call %s, where rules are about the bridge", at)
		}
	}},
	{"bridged/arp", "net/bridge/br_netfilter_hooks.c br_nf_pre_routing: neither IP nor IPv6; br_nf_forward_arp", func(e *env) {
		node, a, b := e.bridgedLinks()
		node.changeTable("iptables", "raw", "-P PREROUTING DROP")
		node.iptables("-P FORWARD DROP")
		e.refused(a.pingShortly("10.0.0.3"), kernel.ETIMEDOUT, "ping a pod, where nothing gets through")
		equal(e, a.macOf("10.0.0.3"), b.link("eth0").MAC.String(), "the MAC that the pod has learned by ARP")
	}},
	{"bridged/flow", "net/netfilter/nf_conntrack_proto.c ipv4_conntrack_in, nf_confirm", func(e *env) {
		node, a, b := e.bridgedLinks()
		node.iptables("-A FORWARD -m conntrack --ctstate INVALID -j DROP")
		b.serve(kernel.UDP, "10.0.0.3:53")
		node.setSysctl(callIPTables, "0")
		a.seenAs(kernel.UDP, "10.0.0.3:53")
		equal(e, node.flows(), []string{}, "flows after a call, where chains are not asked about it")
		node.setSysctl(callIPTables, "1")
		a.seenAs(kernel.UDP, "10.0.0.3:53")
		equal(e, node.flows(), []string{
			"flow udp src 10.0.0.2 dst 10.0.0.3 dport 53 reply-src 10.0.0.3 reply-dst 10.0.0.2 reply-sport 53",
		}, "flows after a call, where they are")
	}},
	{"bridged/flow/state", "net/netfilter/xt_conntrack.c conntrack_mt", func(e *env) {
		node, a, b := e.bridgedLinks()
		node.iptables("-P FORWARD DROP", "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
			"-A FORWARD -s 10.0.0.2 -m conntrack --ctstate NEW -j ACCEPT")
		b.serve(kernel.TCP, "10.0.0.3:80")
		equal(e, a.seenAs(kernel.TCP, "10.0.0.3:80"), "10.0.0.2", "a call of a pod that may begin them")
		_, err := a.call(kernel.UDP, "10.0.0.3:53")
		e.refused(err, kernel.ECONNREFUSED, "call where nobody listens, of which an error about it tells")
		e.refused(b.pingShortly("10.0.0.2"), kernel.ETIMEDOUT, "ping from the other side, which may begin nothing")
	}},
	{"bridged/flow/flooded", "net/bridge/br_forward.c br_flood, deliver_clone; net/netfilter/nf_conntrack_core.c __nf_conntrack_confirm", func(e *env) {
		node, a, b := e.bridgedLinks()
		c := e.netns("c")
		node.attach(node.link("br").Index, c, "10.0.0.4/24")
		node.iptables("-A FORWARD -m conntrack --ctstate INVALID -j DROP")
		b.setSysctl(conf(kernel.IPv6, "eth0", "disable_ipv6"), "1") // else the bridge learns by what IPv6 sends
		b.setMAC(b.link("eth0").Index, macMid)
		e.ok(a.AddNeighbour(kernel.Neighbour{Link: a.link("eth0").Index, IP: netip.MustParseAddr("10.0.0.3"), MAC: mac(macMid)}),
			"add the other pod as a neighbour")
		e.ok(a.ping("10.0.0.3"), "ping what the bridge does not know where it is")
		equal(e, node.flows(), []string{"flow icmp src 10.0.0.2 dst 10.0.0.3 reply-src 10.0.0.3 reply-dst 10.0.0.2"}, "flows after that")
	}},
	{"bridged/fragments", "net/ipv4/netfilter/nf_defrag_ipv4.c ipv4_conntrack_defrag; net/bridge/br_netfilter_hooks.c br_nf_ip_fragment", func(e *env) {
		node, a, b := e.bridgedLinks()
		node.iptables("-P FORWARD DROP", "-A FORWARD -p udp --dport 53 -j ACCEPT", "-A FORWARD -p udp --sport 53 -j ACCEPT")
		b.serve(kernel.UDP, "10.0.0.3:53")
		long := call(kernel.UDP, "10.0.0.3:53")
		long.Payload = []byte(strings.Repeat("x", 4000))
		_, err := a.Call(e.ctx, long)
		e.refused(err, kernel.ETIMEDOUT, "call with more than fits a frame, where rules see fragments without ports")
		node.iptables("-A FORWARD -m conntrack --ctstate INVALID -j DROP")
		_, err = a.Call(e.ctx, long)
		e.ok(err, "call with more than fits a frame, where they see what was put together")
	}},
}

// callIPTables and callIP6Tables say whether chains of ip and of ip6 are asked about what bridges forward.
const (
	callIPTables  = "net/bridge/bridge-nf-call-iptables"
	callIP6Tables = "net/bridge/bridge-nf-call-ip6tables"
)

// bridgedSysctls are the settings of br_netfilter, with what they are at first, and may be set to.
var bridgedSysctls = []struct{ name, value, other string }{
	{callIPTables, "1", "0"},
	{callIP6Tables, "1", "0"},
	{"net/bridge/bridge-nf-call-arptables", "1", "0"},
	{"net/bridge/bridge-nf-filter-vlan-tagged", "0", "1"},
	{"net/bridge/bridge-nf-filter-pppoe-tagged", "0", "1"},
	{"net/bridge/bridge-nf-pass-vlan-input-dev", "0", "1"},
}

// needsBridgeNetfilter leaves the law out where the kernel has no br_netfilter.
func (e *env) needsBridgeNetfilter(ns *netns) {
	if _, err := ns.Sysctl(callIPTables); errors.Is(err, kernel.ENOENT) {
		panic(leftOut("this kernel has no br_netfilter"))
	}
}

// bridgedLinks is bridged, with a node whose chains of IP are asked about what its bridge forwards.
func (e *env) bridgedLinks() (node *ruleLab, a, b *netns) {
	n, a, b := e.bridged()
	e.needsBridgeNetfilter(n)
	return &ruleLab{netns: n}, a, b
}

// iptables changes the table filter.
func (n *netns) iptables(changes ...string) { n.changeTable("iptables", "filter", changes...) }

// changeTable changes a table of iptables or ip6tables.
func (n *netns) changeTable(program, table string, changes ...string) {
	var words []string
	for _, c := range changes {
		words = append(words, "-t "+table+" "+c)
	}
	n.e.changeIPTables(n, parseChanges(program, words))
}

// macOf returns the MAC that a namespace knows of a neighbour.
func (n *netns) macOf(ip string) string {
	list, err := n.Neighbours(n.link("eth0").Index)
	n.e.ok(err, "list the neighbours")
	for _, one := range list {
		if one.IP == netip.MustParseAddr(ip) {
			return one.MAC.String()
		}
	}
	return ""
}
