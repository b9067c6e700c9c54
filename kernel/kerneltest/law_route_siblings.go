package kerneltest

import "github.com/cnilab/cnilab/kernel"

// siblingLaws are about next hops of IPv6, which are routes beside each other.
var siblingLaws = []Law{
	{"route/siblings/added", "net/ipv6/route.c ip6_route_multipath_add, rt6_fill_node", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "fd02::/64", hop("fd00::2", 0, 1), hop("fd01::2", 0, 2))
		equal(e, ns.ways("fd02::/64"), []string{"metric 1024 by fd00::2 left", "metric 1024 by fd01::2 right 2"}, "a route for each next hop")
		e.refused(ns.AddRoute(ways("fd02::/64", hop("fd00::3", 0, 0), hop("fd00::4", 0, 0)), kernel.Exclusive), kernel.EEXIST,
			"add next hops to the same destination")
		e.ok(ns.AddRoute(ways("fd02::/64", hop("fd00::3", 0, 0), hop("fd00::4", 0, 0)), kernel.Beside), "add them beside")
		equal(e, len(ns.ways("fd02::/64")), 4, "how many routes there are then")
	}},
	{"route/siblings/weight-alone", "net/ipv6/route.c rt6_fill_node: RTA_MULTIPATH for siblings", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "fd02::/64", hop("fd00::2", 0, 3))
		equal(e, ns.ways("fd02::/64"), []string{"metric 1024 by fd00::2 left"}, "a route without others")
		e.ok(ns.AddRoute(via(0, "fd02::/64", "fd01::2"), kernel.Beside), "add another route beside it")
		equal(e, ns.ways("fd02::/64"), []string{"metric 1024 by fd00::2 left 3", "metric 1024 by fd01::2 right"}, "routes beside each other")
	}},
	{"route/siblings/all-or-none", "net/ipv6/route.c ip6_route_multipath_add: add_errout", func(e *env) {
		ns := e.twoWays()
		for _, c := range []struct {
			second string
			want   kernel.Errno
		}{{"fd77::2", kernel.EHOSTUNREACH}, {"fd00::2", kernel.EEXIST}, {"fd00::1", kernel.EINVAL}} {
			e.refused(ns.AddRoute(ways("fd02::/64", hop("fd00::2", 0, 1), hop(c.second, 0, 1)), kernel.Exclusive), c.want,
				"add next hops of which the second is %s", c.second)
		}
		equal(e, ns.ways("fd02::/64"), []string{}, "routes after it")
		ns.via(0, "fd02::/64", "fd01::2")
		e.refused(ns.AddRoute(ways("fd02::/64", hop("fd00::2", 0, 1), hop("fd01::2", 0, 1)), kernel.Beside), kernel.EEXIST,
			"add next hops beside a route that is one of them")
		equal(e, ns.ways("fd02::/64"), []string{"metric 1024 by fd01::2 right"}, "routes after that")
	}},
	{"route/siblings/without-gateway", "net/ipv6/route.c ip6_route_multipath_add: rt6_qualify_for_ecmp", func(e *env) {
		ns := e.twoWays()
		e.refused(ns.AddRoute(ways("fd02::/64", hop("fd00::2", 0, 1), hop("", ns.link("right").Index, 1)), kernel.Exclusive),
			kernel.EINVAL, "add a next hop without a gateway")
	}},
	{"route/siblings/delete", "net/ipv6/route.c ip6_route_multipath_del: last_err", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "fd02::/64", hop("fd00::2", 0, 1), hop("fd01::2", 0, 1), hop("fd00::3", 0, 1))
		e.refused(ns.DeleteRoute(ways("fd02::/64", hop("fd00::9", 0, 1), hop("fd00::2", 0, 1), hop("fd00::8", 0, 1))), kernel.ESRCH,
			"delete three next hops, one of which is there")
		equal(e, ns.ways("fd02::/64"), []string{"metric 1024 by fd01::2 right", "metric 1024 by fd00::3 left"}, "routes after it")
		e.ok(ns.DeleteRoute(ways("fd02::/64", hop("fd00::3", 0, 1), hop("fd01::2", 0, 1))), "delete what is left")
		equal(e, ns.ways("fd02::/64"), []string{}, "routes after that")
	}},
	{"route/siblings/link-set-down", "net/ipv6/route.c fib6_ifdown: rt6_multipath_nh_flags_set; rt6_sync_up", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "fd02::/64", hop("fd00::2", 0, 1), hop("fd01::2", 0, 1))
		ns.via(0, "fd03::/64", "fd00::2")
		ns.down(ns.link("left").Index)
		equal(e, ns.ways("fd02::/64"), []string{"metric 1024 by fd00::2 left dead", "metric 1024 by fd01::2 right"},
			"routes of which one link was set down")
		equal(e, ns.ways("fd03::/64"), []string{}, "a route without others")
		ns.up(ns.link("left").Index)
		alive := func() []string { return ns.ways("fd02::/64") }
		eventually(e, alive, []string{"metric 1024 by fd00::2 left", "metric 1024 by fd01::2 right"}, "routes when the link is up again")
	}},
	{"route/siblings/all-links-set-down", "net/ipv6/route.c fib6_ifdown: rt6_multipath_flush", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "fd02::/64", hop("fd00::2", 0, 1), hop("fd01::2", 0, 1))
		ns.down(ns.link("left").Index)
		ns.down(ns.link("right").Index)
		equal(e, ns.ways("fd02::/64"), []string{}, "routes of which all links were set down")
	}},
	{"route/siblings/link-deleted", "net/ipv6/route.c fib6_ifdown: NETDEV_UNREGISTER", func(e *env) {
		ns := e.twoWays()
		e.addsWays(ns, "fd02::/64", hop("fd00::2", 0, 2), hop("fd01::2", 0, 2))
		e.ok(ns.DeleteLink(ns.link("left").Index), "delete one of the links")
		equal(e, ns.ways("fd02::/64"), []string{"metric 1024 by fd01::2 right"}, "the route that is left")
	}},
}
