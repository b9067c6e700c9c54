package kerneltest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// addressRouteLaws are about the routes that come and go with addresses and links.
var addressRouteLaws = []Law{
	{"route/auto/v4-down", "net/ipv4/fib_frontend.c fib_add_ifaddr: only local while the link is down", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		ns.has(kernel.IPv4, "local 10.0.0.1/32 dev v src 10.0.0.1 table 255 proto 2 scope 254")
	}},
	{"route/auto/v4-up", "net/ipv4/fib_frontend.c fib_add_ifaddr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.give(v, "10.0.0.1/24")
		ns.has(kernel.IPv4,
			"broadcast 10.0.0.255/32 dev v src 10.0.0.1 table 255 proto 2 scope 253",
			"local 10.0.0.1/32 dev v src 10.0.0.1 table 255 proto 2 scope 254",
			"unicast 10.0.0.0/24 dev v src 10.0.0.1 table 254 proto 2 scope 253")
	}},
	{"route/auto/v4-secondary", "net/ipv4/fib_frontend.c fib_add_ifaddr: IFA_F_SECONDARY", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.give(v, "10.0.0.1/24")
		ns.give(v, "10.0.0.2/24")
		ns.has(kernel.IPv4,
			"broadcast 10.0.0.255/32 dev v src 10.0.0.1 table 255 proto 2 scope 253",
			"local 10.0.0.1/32 dev v src 10.0.0.1 table 255 proto 2 scope 254",
			"local 10.0.0.2/32 dev v src 10.0.0.1 table 255 proto 2 scope 254",
			"unicast 10.0.0.0/24 dev v src 10.0.0.1 table 254 proto 2 scope 253")
	}},
	{"route/auto/v4-broadcast-given", "net/ipv4/fib_frontend.c fib_add_ifaddr: ifa_broadcast", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		a := on(v, "10.0.0.1/24")
		a.Broadcast = netip.MustParseAddr("10.0.0.77")
		e.ok(ns.AddAddress(a), "add an address with an odd broadcast address")
		ns.has(kernel.IPv4,
			"broadcast 10.0.0.255/32 dev v src 10.0.0.1 table 255 proto 2 scope 253",
			"broadcast 10.0.0.77/32 dev v src 10.0.0.1 table 255 proto 2 scope 253",
			"local 10.0.0.1/32 dev v src 10.0.0.1 table 255 proto 2 scope 254",
			"unicast 10.0.0.0/24 dev v src 10.0.0.1 table 254 proto 2 scope 253")
	}},
	{"route/auto/v4-host", "net/ipv4/fib_frontend.c fib_add_ifaddr: a prefix of 32 bits", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.give(v, "10.0.0.1/32")
		ns.has(kernel.IPv4, "local 10.0.0.1/32 dev v src 10.0.0.1 table 255 proto 2 scope 254")
	}},
	{
		"route/auto/v4-point-to-point",
		"net/ipv4/fib_frontend.c fib_add_ifaddr: no broadcast beyond 30 bits", func(e *env) {
			ns := e.netns("a")
			v, _ := ns.veth("v", "w")
			ns.up(v)
			ns.give(v, "10.0.0.1/31")
			ns.has(kernel.IPv4,
				"local 10.0.0.1/32 dev v src 10.0.0.1 table 255 proto 2 scope 254",
				"unicast 10.0.0.0/31 dev v src 10.0.0.1 table 254 proto 2 scope 253")
		},
	},
	{"route/auto/v4-loopback", "net/ipv4/fib_frontend.c fib_add_ifaddr: IFF_LOOPBACK", func(e *env) {
		ns := e.netns("a")
		ns.up(ns.link("lo").Index)
		ns.has(kernel.IPv4,
			"broadcast 127.255.255.255/32 dev lo src 127.0.0.1 table 255 proto 2 scope 253",
			"local 127.0.0.0/8 dev lo src 127.0.0.1 table 255 proto 2 scope 254",
			"local 127.0.0.1/32 dev lo src 127.0.0.1 table 255 proto 2 scope 254")
	}},
	{"route/auto/v4-deleted", "net/ipv4/fib_frontend.c fib_del_ifaddr", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.give(v, "10.0.0.1/24")
		ns.take(v, "10.0.0.1/24")
		ns.has(kernel.IPv4)
	}},
	{
		"route/auto/v4-link-set-up",
		"net/ipv4/fib_frontend.c fib_inetaddr_event, fib_netdev_event: NETDEV_UP", func(e *env) {
			ns := e.netns("a")
			v, _ := ns.veth("v", "w")
			ns.give(v, "10.0.0.1/24")
			ns.up(v)
			ns.has(kernel.IPv4,
				"broadcast 10.0.0.255/32 dev v src 10.0.0.1 table 255 proto 2 scope 253",
				"local 10.0.0.1/32 dev v src 10.0.0.1 table 255 proto 2 scope 254",
				"unicast 10.0.0.0/24 dev v src 10.0.0.1 table 254 proto 2 scope 253")
		},
	},
	{"route/auto/v4-link-set-down", "net/ipv4/fib_semantics.c fib_sync_down_dev: the local route stays", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.give(v, "10.0.0.1/24")
		ns.down(v)
		ns.has(kernel.IPv4, "local 10.0.0.1/32 dev v src 10.0.0.1 table 255 proto 2 scope 254")
	}},
	{"route/auto/v4-link-deleted", "net/ipv4/fib_frontend.c fib_netdev_event: NETDEV_UNREGISTER", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.up(v)
		ns.give(v, "10.0.0.1/24")
		e.ok(ns.DeleteLink(v), "delete the link")
		ns.has(kernel.IPv4)
	}},
	{"route/auto/v6-at-once", "net/ipv6/addrconf.c addrconf_prefix_route, addrconf_f6i_alloc", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.setSysctl(conf(kernel.IPv6, "br", "addr_gen_mode"), "1") // no link-local address
		ns.up(br)
		ns.giveAtOnce(br, "fd00::1/64")
		ns.has(kernel.IPv6,
			"local fd00::1/128 dev br table 255 proto 2 metric 0",
			"multicast ff00::/8 dev br table 255 proto 2 metric 256",
			"unicast fd00::/64 dev br table 254 proto 2 metric 256")
	}},
	{
		"route/auto/v6-local-after-dad",
		"net/ipv6/addrconf.c ipv6_add_addr, addrconf_dad_completed: ipv6_ifa_notify", func(e *env) {
			ns := e.netns("a")
			v, w := ns.veth("v", "w")
			ns.up(v, w)
			ns.oper(v, kernel.OperUp, "veth, both ends up")
			ns.give(v, "fd00::1/64")
			const local = "local fd00::1/128 dev v table 255 proto 2 metric 0"
			equal(e, slices.Contains(ns.routes(kernel.IPv6), local), false, "local route while it is tentative")
			eventually(e, func() bool { return slices.Contains(ns.routes(kernel.IPv6), local) }, true, "local route")
		},
	},
	{"route/auto/v6-deleted", "net/ipv6/addrconf.c ipv6_del_addr: cleanup_prefix_route", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.setSysctl(conf(kernel.IPv6, "br", "addr_gen_mode"), "1")
		ns.up(br)
		ns.giveAtOnce(br, "fd00::1/64")
		ns.take(br, "fd00::1/64")
		ns.has(kernel.IPv6, "multicast ff00::/8 dev br table 255 proto 2 metric 256")
	}},
	{"route/auto/v6-link-set-down", "net/ipv6/route.c rt6_sync_down_dev", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.up(br)
		ns.giveAtOnce(br, "fd00::1/64")
		ns.down(br)
		ns.has(kernel.IPv6)
	}},
}

// routes returns the routes of a family as sorted text, with links by name.
func (n *netns) routes(f kernel.Family) []string {
	routes, err := n.Routes(f)
	n.e.ok(err, "list the %v routes", f)
	names := map[int]string{}
	for _, l := range n.links() {
		names[l.Index] = l.Name
	}
	texts := []string{}
	for _, r := range routes {
		texts = append(texts, routeText(f, r, names))
	}
	slices.Sort(texts)
	return texts
}

// has demands that the routes of a family, the kernel's own included, are these. IPv6 makes local routes in its own
// time (addrconf_dad_work).
func (n *netns) has(f kernel.Family, want ...string) {
	got := func() string { return strings.Join(n.routes(f), "; ") }
	if f == kernel.IPv6 {
		eventually(n.e, got, strings.Join(want, "; "), "%v routes", f)
	}
	equal(n.e, got(), strings.Join(want, "; "), "%v routes", f)
}

// main returns the routes to dst in the main table, in the order in which they are listed.
func (n *netns) main(dst string) []string { return n.mainBy(dst, routeWords) }

// mainBy is main in other words.
func (n *netns) mainBy(dst string, words func(kernel.Route) string) []string {
	prefix := netip.MustParsePrefix(dst)
	routes, err := n.Routes(familyOf(prefix.Addr()))
	n.e.ok(err, "list routes")
	texts := []string{}
	for _, r := range routes {
		if r.Dst == prefix && r.Table == kernel.TableMain {
			texts = append(texts, words(r))
		}
	}
	return texts
}

// routeWords prints what tells routes to one destination apart.
func routeWords(r kernel.Route) string {
	text := string(r.Type)
	if r.Gateway.IsValid() {
		text += " via " + r.Gateway.String()
	}
	if r.Metric != 0 {
		text += fmt.Sprintf(" metric %d", r.Metric)
	}
	return text
}

func routeText(f kernel.Family, r kernel.Route, links map[int]string) string {
	text := fmt.Sprintf("%s %s", r.Type, r.Dst)
	if r.Gateway.IsValid() {
		text += " via " + r.Gateway.String()
	}
	if r.Link != 0 {
		text += " dev " + links[r.Link]
	}
	if r.Source.IsValid() {
		text += " src " + r.Source.String()
	}
	text += fmt.Sprintf(" table %d proto %d", r.Table, r.Protocol)
	if f == kernel.IPv4 {
		return text + fmt.Sprintf(" scope %d", r.Scope)
	}
	return text + fmt.Sprintf(" metric %d", r.Metric)
}
