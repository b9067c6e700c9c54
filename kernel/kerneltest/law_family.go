package kerneltest

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// familyLaws are about what a plugin needs of IPv6, and of both families on one link.
var familyLaws = []Law{
	{"family/v4-deleted-leaves-v6", "net/ipv4/devinet.c inetdev_destroy", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		ns.take(v, "10.0.0.1/24")
		equal(e, ns.prefixes(v, kernel.IPv4), []string{}, "IPv4 addresses after the only one was deleted")
		ns.address(v, "fd00::1/64")
		equal(e, ns.main("fd01::/64"), []string{"unicast via fd00::9 metric 1024"}, "IPv6 route after that")
	}},
	{"family/v6-disabled-leaves-v4", "net/ipv6/addrconf.c dev_disable_change", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		before := ns.main("10.1.0.0/16")
		ns.setSysctl(conf(kernel.IPv6, "v", "disable_ipv6"), "1")
		equal(e, ns.prefixes(v, kernel.IPv4), []string{"10.0.0.1/24"}, "IPv4 addresses after IPv6 was disabled")
		equal(e, ns.main("10.1.0.0/16"), before, "IPv4 route after that")
	}},
	{"address/v4/replaced", "net/ipv4/fib_frontend.c fib_del_ifaddr", func(e *env) {
		ns, v := e.wired()
		ns.take(v, "10.0.0.1/24")
		ns.give(v, "10.0.0.1/16")
		equal(e, ns.prefixes(v, kernel.IPv4), []string{"10.0.0.1/16"}, "addresses after one took another's place")
		equal(e, ns.main("10.0.0.0/24"), []string{}, "route of the prefix that was")
		equal(e, len(ns.main("10.0.0.0/16")), 1, "number of routes of the prefix that is")
	}},
	{"address/v6/replaced", "net/ipv6/addrconf.c cleanup_prefix_route", func(e *env) {
		ns, v := e.wired()
		ns.take(v, "fd00::1/64")
		ns.giveAtOnce(v, "fd00::1/80")
		ns.address(v, "fd00::1/80")
		equal(e, ns.main("fd00::/64"), []string{}, "route of the prefix that was")
		equal(e, len(ns.main("fd00::/80")), 1, "number of routes of the prefix that is")
	}},
	{"route/v6/default-route", "net/ipv6/route.c ip6_route_info_create: a prefix of length 0", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "::/0", "fd00::9")
		equal(e, ns.main("::/0"), []string{"unicast via fd00::9 metric 1024"}, "the default route")
		e.refused(ns.AddRoute(via(v, "::/0", "fd00::9"), kernel.Exclusive), kernel.EEXIST, "add it again")
	}},
	{"probe/ping/default-route-v6", "net/ipv6/route.c ip6_route_output_flags", func(e *env) {
		a, b := e.cable()
		b.giveAtOnce(b.link("lo").Index, "fd02::1/128")
		b.awaitLocal("fd02::1")
		e.refused(a.ping("fd02::1"), kernel.ENETUNREACH, "ping without a default route")
		a.via(a.link("v").Index, "::/0", "fd00::2")
		e.ok(a.ping("fd02::1"), "ping by a default route")
	}},
	{"probe/ping/routed-v6", "net/ipv6/ip6_output.c ip6_forward: devconf_all forwarding", func(e *env) {
		node, a := e.routed6()
		node.setSysctl("net/ipv6/conf/all/forwarding", "0")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("fd02::2"), Timeout: 300 * time.Millisecond})
		e.refused(err, kernel.ETIMEDOUT, "ping by a node that does not forward")
		node.setSysctl("net/ipv6/conf/all/forwarding", "1")
		e.ok(a.ping("fd02::2"), "ping by a node that forwards")
	}},
}

// routed6 makes a node, fd01::1 and fd02::1, between two pods, fd01::2, which it returns too, and fd02::2.
func (e *env) routed6() (node, a *netns) {
	node, a, b := e.netns("node"), e.netns("a"), e.netns("b")
	e.needsProbes(node)
	node.join6(a, "v1", "fd01::1", "fd01::2")
	node.join6(b, "v2", "fd02::1", "fd02::2")
	return node, a
}

// awaitLinkLocal waits until a link has a link-local address that is checked.
func (n *netns) awaitLinkLocal(link int) {
	checked := func() bool {
		return slices.ContainsFunc(n.addresses(link, kernel.IPv6), func(a kernel.Address) bool {
			return a.Prefix.Addr().IsLinkLocalUnicast() && !a.Tentative
		})
	}
	eventually(n.e, checked, true, "checked link-local address of link %d", link)
}

// join6 makes a veth to a pod's eth0, gives both ends their address, and routes all that the pod sends to the node. The
// node's end has a link-local address at once: a forwarder asks for neighbours with that one, and not before it is
// checked (net/ipv6/ndisc.c ndisc_send_ns: ipv6_get_lladdr).
func (n *netns) join6(pod *netns, name, own, others string) {
	v, eth0 := n.vethTo(pod, name, "eth0")
	n.setSysctl(conf(kernel.IPv6, name, "accept_dad"), "0")
	n.up(v)
	pod.up(eth0)
	pod.oper(eth0, kernel.OperUp, "veth, both ends up")
	n.oper(v, kernel.OperUp, "veth, both ends up")
	n.giveAtOnce(v, own+"/64")
	pod.giveAtOnce(eth0, others+"/64")
	n.awaitLocal(own)
	pod.awaitLocal(others)
	n.awaitLinkLocal(v)
	pod.via(eth0, "::/0", own)
}
