package kerneltest

import (
	"fmt"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// routeLaws are about routes that are added and deleted.
var routeLaws = []Law{
	{"route/v4/added", "net/ipv4/fib_trie.c fib_table_insert", func(e *env) {
		ns, v := e.wired()
		r := kernel.Route{
			Dst: netip.MustParsePrefix("10.1.0.0/16"), Gateway: netip.MustParseAddr("10.0.0.9"), Link: v,
			Source: netip.MustParseAddr("10.0.0.1"), Table: 100, Protocol: kernel.ProtoStatic, Type: kernel.Unicast,
			Metric: 5,
		}
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route with all that it can say")
		all, err := ns.Routes(kernel.IPv4)
		e.ok(err, "list the IPv4 routes")
		for _, got := range all {
			if got.Dst == r.Dst {
				equal(e, got, r, "the route as it is listed")
				return
			}
		}
		e.breach("the route that was added: want it listed, got %v", all)
	}},
	{"route/v4/defaults", "net/ipv4/fib_frontend.c rtm_to_fib_config; the contract", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		want := kernel.Route{
			Dst: netip.MustParsePrefix("10.1.0.0/16"), Gateway: netip.MustParseAddr("10.0.0.9"), Link: v,
			Table: kernel.TableMain, Protocol: kernel.ProtoBoot, Type: kernel.Unicast,
		}
		all, err := ns.Routes(kernel.IPv4)
		e.ok(err, "list the IPv4 routes")
		for _, got := range all {
			if got.Dst == want.Dst {
				equal(e, got, want, "a route that says only destination, gateway and link")
			}
		}
	}},
	{"route/v4/link-by-gateway", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw", func(e *env) {
		ns, _ := e.wired()
		ns.via(0, "10.1.0.0/16", "10.0.0.9")
		equal(e, ns.main("10.1.0.0/16"), []string{"unicast via 10.0.0.9"}, "a route whose link the gateway tells")
		ns.lists(kernel.IPv4, "unicast 10.1.0.0/16 via 10.0.0.9 dev v table 254 proto 3 scope 0")
	}},
	{"route/v4/default-route", "net/ipv4/fib_trie.c fib_table_insert", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "0.0.0.0/0", "10.0.0.9")
		equal(e, ns.main("0.0.0.0/0"), []string{"unicast via 10.0.0.9"}, "default routes")
	}},
	{"route/v4/twice-exclusive", "net/ipv4/fib_trie.c fib_table_insert: NLM_F_EXCL", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		e.refused(ns.AddRoute(via(v, "10.1.0.0/16", "10.0.0.9"), kernel.Exclusive), kernel.EEXIST, "add a route again")
		e.refused(ns.AddRoute(via(v, "10.1.0.0/16", "10.0.0.8"), kernel.Exclusive), kernel.EEXIST,
			"add a route to the same destination by another gateway")
	}},
	{"route/v4/other-metric", "net/ipv4/fib_trie.c fib_find_alias: the priority counts", func(e *env) {
		ns, v := e.wired()
		for _, metric := range []int{7, 5} {
			r := via(v, "10.1.0.0/16", "10.0.0.9")
			r.Metric = metric
			e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route with metric %d", metric)
		}
		equal(e, ns.main("10.1.0.0/16"), []string{"unicast via 10.0.0.9 metric 5", "unicast via 10.0.0.9 metric 7"},
			"routes by metric")
	}},
	{"route/v4/other-table", "net/ipv4/fib_frontend.c inet_rtm_newroute: fib_new_table", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		r := via(v, "10.1.0.0/16", "10.0.0.9")
		r.Table = 100
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add the same route to another table")
		ns.lists(kernel.IPv4, "unicast 10.1.0.0/16 via 10.0.0.9 dev v table 100 proto 3 scope 0")
	}},
	{"route/v4/beside", "net/ipv4/fib_trie.c fib_table_insert: NLM_F_CREATE alone", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		e.ok(ns.AddRoute(via(v, "10.1.0.0/16", "10.0.0.8"), kernel.Beside), "add a route beside another")
		equal(e, ns.main("10.1.0.0/16"), []string{"unicast via 10.0.0.8", "unicast via 10.0.0.9"},
			"routes, the new one first")
	}},
	{"route/v4/beside-itself", "net/ipv4/fib_trie.c fib_table_insert: fa_match", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		e.refused(ns.AddRoute(via(v, "10.1.0.0/16", "10.0.0.9"), kernel.Beside), kernel.EEXIST,
			"add a route beside itself")
	}},
	{"route/v4/host-bits", "net/ipv4/fib_trie.c fib_valid_key_len", func(e *env) {
		ns, v := e.wired()
		e.refused(ns.AddRoute(via(v, "10.1.0.1/16", "10.0.0.9"), kernel.Exclusive), kernel.EINVAL,
			"add a route whose destination has bits beyond the prefix length")
	}},
	{"route/v4/gateway-unreachable", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw", func(e *env) {
		ns, v := e.wired()
		for _, link := range []int{0, v} {
			e.refused(ns.AddRoute(via(link, "10.1.0.0/16", "10.77.0.1"), kernel.Exclusive), kernel.ENETUNREACH,
				"add a route by a gateway on no link (link given: %d)", link)
		}
	}},
	{"route/v4/gateway-onlink", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw: RTNH_F_ONLINK", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "10.77.0.1")
		r.OnLink = true
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route by a gateway that is said to be on the link")
		equal(e, ns.main("10.1.0.0/16"), []string{"unicast via 10.77.0.1"}, "the route")
	}},
	{"route/v4/gateway-is-own-address", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw: RTN_LOCAL will do", func(e *env) {
		ns, v := e.wired()
		e.ok(ns.AddRoute(via(v, "10.1.0.0/16", "10.0.0.1"), kernel.Exclusive),
			"add a route by a gateway that is the namespace's own address")
	}},
	{
		"route/v4/gateway-is-broadcast",
		"net/ipv4/fib_semantics.c fib_check_nh_v4_gw: neither RTN_UNICAST nor RTN_LOCAL", func(e *env) {
			ns, v := e.wired()
			e.refused(ns.AddRoute(via(v, "10.1.0.0/16", "10.0.0.255"), kernel.Exclusive), kernel.EINVAL,
				"add a route by a gateway that is a broadcast address")
		},
	},
	{"route/v4/link-down", "net/ipv4/fib_semantics.c fib_check_nh_nongw: IFF_UP", func(e *env) {
		ns, v := e.wired()
		ns.down(v)
		e.refused(ns.AddRoute(via(v, "10.1.0.0/16", ""), kernel.Exclusive), kernel.ENETDOWN,
			"add a route on a link that is down")
	}},
	{"route/v4/gateway-link-down", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw", func(e *env) {
		ns, v := e.wired()
		ns.down(v)
		e.refused(ns.AddRoute(via(v, "10.1.0.0/16", "10.0.0.9"), kernel.Exclusive), kernel.ENETUNREACH,
			"add a route by a gateway on a link that is down")
	}},
	{"route/v4/link-absent", "net/ipv4/fib_semantics.c fib_check_nh_nongw", func(e *env) {
		ns, _ := e.wired()
		e.refused(ns.AddRoute(via(absent, "10.1.0.0/16", ""), kernel.Exclusive), kernel.ENODEV,
			"add a route on a link that is not there")
		e.refused(ns.AddRoute(via(0, "10.1.0.0/16", ""), kernel.Exclusive), kernel.ENODEV,
			"add a route without link and gateway")
	}},
	{"route/v4/source-invalid", "net/ipv4/fib_semantics.c fib_valid_prefsrc", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "10.0.0.9")
		r.Source = netip.MustParseAddr("10.0.0.2")
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL,
			"add a route with a source that is no address of the namespace")
	}},
	{"route/v4/without-link", "net/ipv4/fib_semantics.c fib_create_info: fib_props", func(e *env) {
		ns := e.netns("a")
		for i, kind := range []kernel.RouteType{kernel.Blackhole, kernel.Unreachable, kernel.Prohibit, kernel.Throw} {
			dst := fmt.Sprintf("10.%d.0.0/16", i+1)
			e.ok(ns.AddRoute(kernel.Route{Dst: netip.MustParsePrefix(dst), Type: kind}, kernel.Exclusive),
				"add a route of type %s", kind)
			equal(e, ns.main(dst), []string{string(kind)}, "the route")
		}
	}},
	{"route/v4/delete", "net/ipv4/fib_trie.c fib_table_delete", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		e.ok(ns.DeleteRoute(via(0, "10.1.0.0/16", "")), "delete a route by its destination")
		equal(e, ns.main("10.1.0.0/16"), []string{}, "routes after it")
	}},
	{"route/v4/delete-absent", "net/ipv4/fib_trie.c fib_table_delete", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		e.refused(ns.DeleteRoute(via(0, "10.2.0.0/16", "")), kernel.ESRCH, "delete a route that is not there")
		e.refused(ns.DeleteRoute(via(0, "10.1.0.0/16", "10.0.0.8")), kernel.ESRCH, "delete a route by another gateway")
		e.refused(ns.DeleteRoute(kernel.Route{Dst: netip.MustParsePrefix("10.1.0.0/16"), Metric: 5}), kernel.ESRCH,
			"delete a route with another metric")
		e.refused(ns.DeleteRoute(kernel.Route{Dst: netip.MustParsePrefix("10.1.0.0/16"), Table: 100}), kernel.ESRCH,
			"delete a route from another table")
	}},
	{"route/v4/delete-chooses", "net/ipv4/fib_trie.c fib_table_delete: fib_nh_match", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		e.ok(ns.AddRoute(via(v, "10.1.0.0/16", "10.0.0.8"), kernel.Beside), "add a route beside another")
		e.ok(ns.DeleteRoute(via(0, "10.1.0.0/16", "10.0.0.9")), "delete one by its gateway")
		equal(e, ns.main("10.1.0.0/16"), []string{"unicast via 10.0.0.8"}, "routes after it")
	}},
	{"route/v6/twice-exclusive", "net/ipv6/ip6_fib.c fib6_add_rt2node: NLM_F_EXCL", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		e.refused(ns.AddRoute(via(v, "fd01::/64", "fd00::9"), kernel.Exclusive), kernel.EEXIST, "add a route again")
		e.refused(ns.AddRoute(via(v, "fd01::/64", "fd00::8"), kernel.Exclusive), kernel.EEXIST,
			"add a route to the same destination by another gateway")
	}},
	{"route/v6/metric-default", "net/ipv6/route.c ip6_route_info_create: IP6_RT_PRIO_USER", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		equal(e, ns.main("fd01::/64"), []string{"unicast via fd00::9 metric 1024"}, "a route added without a metric")
	}},
	{"route/v6/other-metric", "net/ipv6/ip6_fib.c fib6_add_rt2node", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		r := via(v, "fd01::/64", "fd00::9")
		r.Metric = 5
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add the route again with metric 5")
		equal(e, ns.main("fd01::/64"), []string{"unicast via fd00::9 metric 5", "unicast via fd00::9 metric 1024"},
			"routes by metric")
	}},
	{"route/v6/beside", "net/ipv6/ip6_fib.c fib6_add_rt2node: fib6_nsiblings", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		e.ok(ns.AddRoute(via(v, "fd01::/64", "fd00::8"), kernel.Beside), "add a route beside another")
		equal(e, ns.main("fd01::/64"), []string{"unicast via fd00::9 metric 1024", "unicast via fd00::8 metric 1024"},
			"routes, the new one last")
	}},
	{"route/v6/beside-itself", "net/ipv6/ip6_fib.c fib6_add_rt2node: rt6_duplicate_nexthop", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		e.refused(ns.AddRoute(via(v, "fd01::/64", "fd00::9"), kernel.Beside), kernel.EEXIST,
			"add a route beside itself")
	}},
	{"route/v6/host-bits", "net/ipv6/route.c ip6_route_info_create: ipv6_addr_prefix", func(e *env) {
		ns, v := e.wired()
		e.ok(ns.AddRoute(via(v, "fd01::1/64", "fd00::9"), kernel.Exclusive),
			"add a route whose destination has host bits")
		equal(e, ns.main("fd01::/64"), []string{"unicast via fd00::9 metric 1024"}, "the route, without them")
	}},
	{"route/v6/gateway-unreachable", "net/ipv6/route.c ip6_validate_gw", func(e *env) {
		ns, v := e.wired()
		for _, link := range []int{0, v} {
			e.refused(ns.AddRoute(via(link, "fd01::/64", "fd77::1"), kernel.Exclusive), kernel.EHOSTUNREACH,
				"add a route by a gateway on no link (link given: %d)", link)
		}
	}},
	{"route/v6/gateway-onlink", "net/ipv6/route.c ip6_route_check_nh_onlink", func(e *env) {
		ns, v := e.wired()
		r := via(v, "fd01::/64", "fd77::1")
		r.OnLink = true
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route by a gateway that is said to be on the link")
		equal(e, ns.main("fd01::/64"), []string{"unicast via fd77::1 metric 1024"}, "the route")
	}},
	{"route/v6/gateway-is-own-address", "net/ipv6/route.c ip6_validate_gw: ipv6_chk_addr_and_flags", func(e *env) {
		ns, v := e.wired()
		e.refused(ns.AddRoute(via(v, "fd01::/64", "fd00::1"), kernel.Exclusive), kernel.EINVAL,
			"add a route by a gateway that is the namespace's own address")
	}},
	{"route/v6/gateway-link-local", "net/ipv6/route.c ip6_validate_gw: IPV6_ADDR_LINKLOCAL", func(e *env) {
		ns, v := e.wired()
		e.ok(ns.AddRoute(via(v, "fd01::/64", "fe80::99"), kernel.Exclusive), "add a route by a link-local gateway")
		e.refused(ns.AddRoute(via(0, "fd02::/64", "fe80::99"), kernel.Exclusive), kernel.EINVAL,
			"add a route by a link-local gateway without a link")
	}},
	{"route/v6/link-down", "net/ipv6/route.c fib6_nh_init: IFF_UP", func(e *env) {
		ns, v := e.wired()
		ns.down(v)
		e.refused(ns.AddRoute(via(v, "fd01::/64", ""), kernel.Exclusive), kernel.ENETDOWN,
			"add a route on a link that is down")
	}},
	{"route/v6/link-absent", "net/ipv6/route.c fib6_nh_init", func(e *env) {
		ns, _ := e.wired()
		e.refused(ns.AddRoute(via(absent, "fd01::/64", ""), kernel.Exclusive), kernel.ENODEV,
			"add a route on a link that is not there")
		e.refused(ns.AddRoute(via(0, "fd01::/64", ""), kernel.Exclusive), kernel.ENODEV,
			"add a route without link and gateway")
	}},
	{"route/v6/source-invalid", "net/ipv6/route.c ip6_route_info_create: ipv6_chk_addr", func(e *env) {
		ns, v := e.wired()
		r := via(v, "fd01::/64", "fd00::9")
		r.Source = netip.MustParseAddr("fd99::1")
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL,
			"add a route with a source that is no address of the namespace")
	}},
	{"route/v6/without-link", "net/ipv6/route.c fib6_nh_init: the loopback device takes reject routes", func(e *env) {
		ns := e.netns("a")
		ns.up(ns.link("lo").Index)
		for i, kind := range []kernel.RouteType{kernel.Blackhole, kernel.Unreachable, kernel.Prohibit} {
			dst := fmt.Sprintf("fd0%d::/64", i+1)
			e.ok(ns.AddRoute(kernel.Route{Dst: netip.MustParsePrefix(dst), Type: kind}, kernel.Exclusive),
				"add a route of type %s", kind)
			equal(e, ns.main(dst), []string{string(kind) + " metric 1024"}, "the route")
		}
	}},
	{"route/v6/delete-absent", "net/ipv6/route.c ip6_route_del", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		e.refused(ns.DeleteRoute(via(0, "fd02::/64", "")), kernel.ESRCH, "delete a route that is not there")
		e.refused(ns.DeleteRoute(via(0, "fd01::/64", "fd00::8")), kernel.ESRCH, "delete a route by another gateway")
		e.ok(ns.DeleteRoute(via(0, "fd01::/64", "")), "delete the route by its destination")
	}},
}

// routeLifeLaws are about what becomes of routes when other things change.
var routeLifeLaws = []Law{
	{"route/life/v4-link-set-down", "net/ipv4/fib_semantics.c fib_sync_down_dev", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		ns.down(v)
		equal(e, ns.main("10.1.0.0/16"), []string{}, "routes of a link that was set down")
		ns.up(v)
		equal(e, ns.main("10.1.0.0/16"), []string{}, "routes of a link that was set down and up")
	}},
	{"route/life/v4-survives-carrier", "net/ipv4/fib_semantics.c fib_sync_down_dev: RTNH_F_LINKDOWN", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		ns.down(ns.at(v).Peer)
		ns.oper(v, kernel.OperLowerLayerDown, "veth whose peer was set down")
		equal(e, ns.main("10.1.0.0/16"), []string{"unicast via 10.0.0.9"}, "routes of a link that has lost its carrier")
	}},
	{"route/life/v4-source-deleted", "net/ipv4/fib_semantics.c fib_sync_down_addr", func(e *env) {
		ns, v := e.wired()
		ns.give(v, "10.9.0.1/24")
		r := via(v, "10.1.0.0/16", "10.0.0.9")
		r.Source = netip.MustParseAddr("10.9.0.1")
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route with a preferred source")
		ns.take(v, "10.9.0.1/24")
		equal(e, ns.main("10.1.0.0/16"), []string{}, "routes whose preferred source was deleted")
	}},
	{
		"route/life/v4-gateway-outlives-subnet",
		"net/ipv4/fib_frontend.c fib_del_ifaddr: gateways are checked once", func(e *env) {
			ns, v := e.wired()
			ns.give(v, "10.9.0.1/24")
			ns.via(v, "10.1.0.0/16", "10.9.0.9")
			ns.take(v, "10.9.0.1/24")
			equal(e, ns.main("10.1.0.0/16"), []string{"unicast via 10.9.0.9"},
				"routes by a gateway whose subnet was deleted")
		},
	},
	{"route/life/v4-last-address-deleted", "net/ipv4/fib_frontend.c fib_inetaddr_event: fib_disable_ip", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "10.1.0.0/16", "10.0.0.9")
		ns.take(v, "10.0.0.1/24")
		equal(e, ns.main("10.1.0.0/16"), []string{}, "routes of a link whose last IPv4 address was deleted")
	}},
	{"route/life/v6-link-set-down", "net/ipv6/route.c rt6_sync_down_dev", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		ns.down(v)
		equal(e, ns.main("fd01::/64"), []string{}, "routes of a link that was set down")
	}},
	{"route/life/v6-outlives-address", "net/ipv6/addrconf.c ipv6_del_addr: only its own routes go", func(e *env) {
		ns, v := e.wired()
		ns.via(v, "fd01::/64", "fd00::9")
		ns.take(v, "fd00::1/64")
		equal(e, ns.main("fd01::/64"), []string{"unicast via fd00::9 metric 1024"},
			"routes by a gateway whose subnet was deleted")
	}},
	{
		"route/life/link-deleted",
		"net/ipv4/fib_frontend.c fib_netdev_event, net/ipv6/route.c rt6_disable_ip", func(e *env) {
			ns, v := e.wired()
			ns.via(v, "10.1.0.0/16", "10.0.0.9")
			ns.via(v, "fd01::/64", "fd00::9")
			e.ok(ns.DeleteLink(v), "delete the link")
			equal(e, [][]string{ns.main("10.1.0.0/16"), ns.main("fd01::/64")}, [][]string{{}, {}},
				"routes of a link that was deleted")
		},
	},
}

// wired makes a namespace with a veth that is up and has the addresses 10.0.0.1/24 and fd00::1/64.
func (e *env) wired() (ns *netns, v int) {
	ns = e.netns("a")
	v, w := ns.veth("v", "w")
	ns.up(v, w)
	ns.oper(v, kernel.OperUp, "veth, both ends up") // both: what follows may be faster than Linux's linkwatch
	ns.oper(w, kernel.OperUp, "veth, both ends up")
	ns.give(v, "10.0.0.1/24")
	ns.giveAtOnce(v, "fd00::1/64")
	return ns, v
}

// via describes a route; an empty gateway stands for none.
func via(link int, dst, gateway string) kernel.Route {
	r := kernel.Route{Dst: netip.MustParsePrefix(dst), Link: link}
	if gateway != "" {
		r.Gateway = netip.MustParseAddr(gateway)
	}
	return r
}

// via adds a route.
func (n *netns) via(link int, dst, gateway string) {
	n.e.ok(n.AddRoute(via(link, dst, gateway), kernel.Exclusive), "add a route to %s via %s", dst, gateway)
}

// lists demands that this is one of the routes of a family.
func (n *netns) lists(f kernel.Family, want string) {
	for _, got := range n.routes(f) {
		if got == want {
			return
		}
	}
	n.e.breach("%v routes: want one %q, got %q", f, want, n.routes(f))
}
