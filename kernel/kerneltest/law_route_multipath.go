package kerneltest

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// multipathLaws are about IPv4 routes with several next hops.
var multipathLaws = []Law{
	{"route/multipath/added", "net/ipv4/fib_semantics.c fib_get_nhs, fib_dump_info", func(e *env) {
		ns := e.twoWays()
		r := ways("10.2.0.0/24", hop("10.0.0.2", 0, 0), hop("10.1.0.2", 0, 2))
		r.Metric = 5
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route with two next hops")
		equal(e, ns.ways("10.2.0.0/24"), []string{"metric 5 by 10.0.0.2 left 1, 10.1.0.2 right 2"}, "the route, the links found")
	}},
	{"route/multipath/weight", "net/ipv4/fib_semantics.c fib_get_nhs: rtnh_hops + 1, a byte; the contract", func(e *env) {
		ns := e.twoWays()
		for _, weight := range []int{-1, 257} {
			r := ways("10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, weight))
			e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add a next hop with weight %d", weight)
		}
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 256), hop("10.0.0.2", 0, 256))
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left 256, 10.0.0.2 left 256"}, "a route with one next hop twice")
	}},
	{"route/multipath/one-hop", "net/ipv4/fib_semantics.c fib_dump_info: fib_nhs == 1", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 5))
		ns.lists(kernel.IPv4, "unicast 10.2.0.0/24 via 10.0.0.2 dev left table 254 proto 3 scope 0")
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left"}, "a route with one next hop")
	}},
	{"route/multipath/beside-itself", "net/ipv4/fib_semantics.c fib_find_info, nh_comp: order and weights count", func(e *env) {
		ns := e.twoWays()
		left, right := hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 2)
		e.addsWays(ns, "10.2.0.0/24", left, right)
		e.refused(ns.AddRoute(ways("10.2.0.0/24", hop("10.0.0.3", 0, 1)), kernel.Exclusive), kernel.EEXIST,
			"add a route to the same destination")
		e.refused(ns.AddRoute(ways("10.2.0.0/24", left, right), kernel.Beside), kernel.EEXIST, "add the route beside itself")
		e.ok(ns.AddRoute(ways("10.2.0.0/24", right, left), kernel.Beside), "add it the other way round")
		e.ok(ns.AddRoute(ways("10.2.0.0/24", left, hop("10.1.0.2", 0, 3)), kernel.Beside), "add it with another weight")
		equal(e, ns.ways("10.2.0.0/24"), []string{
			"by 10.0.0.2 left 1, 10.1.0.2 right 3", "by 10.1.0.2 right 2, 10.0.0.2 left 1", "by 10.0.0.2 left 1, 10.1.0.2 right 2",
		}, "routes, the new ones first")
	}},
	{"route/multipath/all-or-none", "net/ipv4/fib_semantics.c fib_create_info: fib_check_nh of each next hop", func(e *env) {
		ns := e.twoWays()
		e.refused(ns.AddRoute(ways("10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.77.0.2", 0, 1)), kernel.Exclusive),
			kernel.ENETUNREACH, "add a next hop on no link")
		ns.down(ns.link("right").Index)
		e.refused(ns.AddRoute(ways("10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("", ns.link("right").Index, 1)), kernel.Exclusive),
			kernel.ENETDOWN, "add a next hop by a link that is down")
		equal(e, ns.ways("10.2.0.0/24"), []string{}, "routes after it")
	}},
	{"route/multipath/onlink", "net/ipv4/fib_semantics.c fib_get_nhs: rtnh_flags", func(e *env) {
		ns := e.twoWays()
		far := hop("10.77.0.2", ns.link("right").Index, 1)
		far.OnLink = true
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1), far)
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left 1, 10.77.0.2 right 1 onlink"}, "a route of which one next hop is said to be on its link")
	}},
	{"route/multipath/without-gateways", "net/ipv4/fib_semantics.c fib_check_nh_nongw", func(e *env) {
		ns := e.twoWays()
		r := ways("10.2.0.0/24", hop("", ns.link("left").Index, 1), hop("", ns.link("right").Index, 1))
		r.Scope = kernel.ScopeLink
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route on two links")
		equal(e, ns.ways("10.2.0.0/24"), []string{"by left 1, right 1"}, "the route")
		ns.via(0, "10.3.0.0/24", "10.2.0.9")
		ns.via(ns.link("right").Index, "10.4.0.0/24", "10.2.0.9")
		equal(e, []string{ns.ways("10.3.0.0/24")[0], ns.ways("10.4.0.0/24")[0]}, []string{"by 10.2.0.9 left", "by 10.2.0.9 right"},
			"routes by a gateway on both links, without a link and with the second one")
	}},
	{"route/multipath/scope-host", "net/ipv4/fib_semantics.c fib_create_info: nhs != 1", func(e *env) {
		ns := e.twoWays()
		r := ways("10.2.0.0/24", hop("", ns.link("left").Index, 1), hop("", ns.link("right").Index, 1))
		r.Scope, r.Type = kernel.ScopeHost, kernel.Local
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add a local route with two next hops")
	}},
	{"route/multipath/blackhole", "net/ipv4/fib_semantics.c fib_create_info: fib_props error", func(e *env) {
		ns := e.twoWays()
		r := ways("10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
		r.Type = kernel.Blackhole
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add next hops that lead nowhere")
	}},
	{"route/multipath/gateway-besides", "net/ipv4/fib_semantics.c fib_get_nhs: RTA_OIF, RTA_GATEWAY", func(e *env) {
		ns := e.twoWays()
		r := ways("10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
		r.Link = ns.link("left").Index
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add next hops and a link that the first one does not name")
		r.Link, r.Gateway = 0, netip.MustParseAddr("10.1.0.2")
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add next hops and the gateway of the second one")
		r.Gateway = netip.MustParseAddr("10.0.0.2")
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add next hops and the gateway of the first one")
	}},
	{"route/multipath/delete-by-gateway", "net/ipv4/fib_semantics.c fib_nh_match: fib_info_nh(fi, 0)", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
		e.refused(ns.DeleteRoute(via(0, "10.2.0.0/24", "10.1.0.2")), kernel.ESRCH, "delete a route by its second gateway")
		e.refused(ns.DeleteRoute(via(ns.link("right").Index, "10.2.0.0/24", "")), kernel.ESRCH, "delete a route by its second link")
		e.ok(ns.DeleteRoute(via(ns.link("left").Index, "10.2.0.0/24", "10.0.0.2")), "delete a route by its first next hop")
		equal(e, ns.ways("10.2.0.0/24"), []string{}, "routes after it")
	}},
	{"route/multipath/delete-by-hops", "net/ipv4/fib_semantics.c fib_nh_match: for_nexthops", func(e *env) {
		ns := e.twoWays()
		left, right := hop("10.0.0.2", 0, 9), hop("10.1.0.2", 0, 0)
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 2))
		e.refused(ns.DeleteRoute(ways("10.2.0.0/24", left)), kernel.ESRCH, "delete a route by one of two next hops")
		e.refused(ns.DeleteRoute(ways("10.2.0.0/24", right, left)), kernel.ESRCH, "delete a route by its next hops the other way round")
		e.ok(ns.DeleteRoute(ways("10.2.0.0/24", left, right, hop("10.0.0.3", 0, 0))),
			"delete a route by its next hops and one more, with other weights")
		equal(e, ns.ways("10.2.0.0/24"), []string{}, "routes after it")
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1))
		e.ok(ns.DeleteRoute(ways("10.2.0.0/24", left, right)), "delete a route with one next hop by that and another one")
	}},
	{"route/multipath/link-set-down", "net/ipv4/fib_semantics.c fib_sync_down_dev, fib_sync_up", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 2))
		ns.down(ns.link("left").Index)
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left 1 dead, 10.1.0.2 right 2"}, "a route of which one link was set down")
		e.refused(ns.AddRoute(ways("10.2.0.0/24", hop("10.1.0.2", 0, 1)), kernel.Exclusive), kernel.EEXIST, "add another route")
		ns.up(ns.link("left").Index)
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left 1, 10.1.0.2 right 2"}, "a route of which one link was set down and up")
	}},
	{"route/multipath/all-links-set-down", "net/ipv4/fib_semantics.c fib_sync_down_dev: dead == fib_nhs", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
		ns.down(ns.link("left").Index)
		ns.down(ns.link("right").Index)
		equal(e, ns.ways("10.2.0.0/24"), []string{}, "routes of which all links were set down")
		ns.up(ns.link("left").Index, ns.link("right").Index)
		equal(e, ns.ways("10.2.0.0/24"), []string{}, "routes of which all links were set down and up")
	}},
	{"route/multipath/link-deleted", "net/ipv4/fib_semantics.c fib_sync_down_dev: NETDEV_UNREGISTER", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
		e.ok(ns.DeleteLink(ns.link("right").Index), "delete one of the links")
		equal(e, ns.ways("10.2.0.0/24"), []string{}, "routes of which one link was deleted")
	}},
	{"route/multipath/last-address-deleted", "net/ipv4/fib_frontend.c fib_inetaddr_event: fib_disable_ip, fib_sync_up", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
		ns.take(ns.link("right").Index, "10.1.0.1/24")
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left 1, 10.1.0.2 right 1 dead"}, "a route of which one link has lost its address")
		ns.give(ns.link("right").Index, "10.9.0.1/24")
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left 1, 10.1.0.2 right 1"}, "the route when the link has another one")
	}},
	{"route/multipath/source-deleted", "net/ipv4/fib_semantics.c fib_sync_down_addr", func(e *env) {
		ns := e.twoWays()
		ns.give(ns.link("left").Index, "10.9.0.1/24")
		r := ways("10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
		r.Source = netip.MustParseAddr("10.9.0.1")
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route with a preferred source")
		ns.take(ns.link("left").Index, "10.9.0.1/24")
		equal(e, ns.ways("10.2.0.0/24"), []string{}, "routes whose preferred source was deleted")
	}},
	{"route/multipath/carrier", "net/ipv4/fib_semantics.c fib_nexthop_info: ip_ignore_linkdown", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "10.2.0.0/24", hop("10.0.0.2", 0, 1), hop("10.1.0.2", 0, 1))
		ns.down(ns.link("left-end").Index)
		ns.oper(ns.link("left").Index, kernel.OperLowerLayerDown, "veth whose peer was set down")
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left 1, 10.1.0.2 right 1"}, "a route of which one link has no carrier")
		ns.setSysctl(conf(kernel.IPv4, "left", "ignore_routes_with_linkdown"), "1")
		equal(e, ns.ways("10.2.0.0/24"), []string{"by 10.0.0.2 left 1 dead, 10.1.0.2 right 1"}, "the route where such links are not to be used")
	}},
}

// twoWays makes a namespace with two veths, left and right, that are up and have the addresses 10.0.0.1/24 and fd00::1/64,
// and 10.1.0.1/24 and fd01::1/64.
func (e *env) twoWays() *netns {
	ns := e.netns("a")
	for i, name := range []string{"left", "right"} {
		v, w := ns.veth(name, name+"-end")
		ns.up(v, w)
		ns.oper(v, kernel.OperUp, "veth, both ends up")
		ns.oper(w, kernel.OperUp, "veth, both ends up")
		ns.give(v, fmt.Sprintf("10.%d.0.1/24", i))
		ns.giveAtOnce(v, fmt.Sprintf("fd0%d::1/64", i))
	}
	return ns
}

// hop describes a next hop; an empty gateway stands for none.
func hop(gateway string, link, weight int) kernel.NextHop {
	h := kernel.NextHop{Link: link, Weight: weight}
	if gateway != "" {
		h.Gateway = netip.MustParseAddr(gateway)
	}
	return h
}

// ways describes a route by its next hops.
func ways(dst string, hops ...kernel.NextHop) kernel.Route {
	return kernel.Route{Dst: netip.MustParsePrefix(dst), NextHops: hops}
}

func (e *env) addsWays(ns *netns, dst string, hops ...kernel.NextHop) {
	e.ok(ns.AddRoute(ways(dst, hops...), kernel.Exclusive), "add a route to %s with %d next hops", dst, len(hops))
}

// ways returns the routes to dst in the main table, in the order in which they are listed, with all their next hops.
func (n *netns) ways(dst string) []string { return n.mainBy(dst, n.waysOf) }

func (n *netns) waysOf(r kernel.Route) string {
	hops := r.NextHops
	if len(hops) == 0 {
		hops = []kernel.NextHop{{Gateway: r.Gateway, Link: r.Link, Weight: r.Weight, OnLink: r.OnLink, Dead: r.Dead}}
	}
	texts := make([]string, len(hops))
	for i, h := range hops {
		texts[i] = n.hopText(h)
	}
	text := "by " + strings.Join(texts, ", ")
	if r.Metric != 0 {
		text = fmt.Sprintf("metric %d ", r.Metric) + text
	}
	return text
}

func (n *netns) hopText(h kernel.NextHop) string {
	words := []string{}
	if h.Gateway.IsValid() {
		words = append(words, h.Gateway.String())
	}
	words = append(words, n.at(h.Link).Name)
	if h.Weight != 0 {
		words = append(words, fmt.Sprint(h.Weight))
	}
	if h.OnLink {
		words = append(words, "onlink")
	}
	if h.Dead {
		words = append(words, "dead")
	}
	return strings.Join(words, " ")
}
