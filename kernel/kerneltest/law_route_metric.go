package kerneltest

import (
	"fmt"

	"github.com/cnilab/cnilab/kernel"
)

// routeMetricLaws are about what a route says of the packets that take it.
var routeMetricLaws = []Law{
	{"route/v4/metrics", "net/ipv4/fib_semantics.c fib_create_info, fib_dump_info", func(e *env) {
		ns, v := e.wired()
		ns.addsWithMetrics(v, "10.1.0.0/16", "10.0.0.9", 1400, 1360)
		equal(e, ns.metrics(kernel.IPv4, "10.1.0.0/16"), []string{"mtu 1400 advmss 1360"}, "the metrics of the route")
	}},
	{"route/v6/metrics", "net/ipv6/route.c ip6_route_info_create, rt6_fill_node", func(e *env) {
		ns, v := e.wired()
		ns.addsWithMetrics(v, "fd01::/64", "fd00::9", 1400, 1340)
		equal(e, ns.metrics(kernel.IPv6, "fd01::/64"), []string{"mtu 1400 advmss 1340"}, "the metrics of the route")
	}},
	{"route/v4/metrics-too-great", "net/ipv4/metrics.c ip_metrics_convert", func(e *env) {
		ns, v := e.wired()
		ns.addsWithMetrics(v, "10.1.0.0/16", "10.0.0.9", 100000, 100000)
		equal(e, ns.metrics(kernel.IPv4, "10.1.0.0/16"), []string{"mtu 65520 advmss 65495"}, "the metrics of the route")
	}},
	{"route/v4/great-numbers", "net/ipv4/fib_semantics.c fib_dump_info: RTA_TABLE and RTA_PRIORITY are u32", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "10.0.0.9")
		r.Table, r.Metric = 1<<32-1, 1<<32-2
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route in the last table, with a great metric")
		routes, err := ns.Routes(kernel.IPv4)
		e.ok(err, "list the routes")
		var got []kernel.Route
		for _, other := range routes {
			if other.Dst == r.Dst {
				got = append(got, kernel.Route{Table: other.Table, Metric: other.Metric})
			}
		}
		equal(e, got, []kernel.Route{{Table: r.Table, Metric: r.Metric}}, "its table and metric")
	}},
	{"route/v4/beside-other-metrics", "net/ipv4/fib_semantics.c fib_find_info: the metrics count", func(e *env) {
		ns, v := e.wired()
		ns.addsWithMetrics(v, "10.1.0.0/16", "10.0.0.9", 1400, 0)
		ns.addsWithMetrics(v, "10.1.0.0/16", "10.0.0.9", 1300, 0)
		equal(e, ns.metrics(kernel.IPv4, "10.1.0.0/16"), []string{"mtu 1300 advmss 0", "mtu 1400 advmss 0"}, "routes, the new one first")
		r := via(v, "10.1.0.0/16", "10.0.0.9")
		r.MTU = 1400
		e.ok(ns.DeleteRoute(r), "delete the one with MTU 1400")
		equal(e, ns.metrics(kernel.IPv4, "10.1.0.0/16"), []string{"mtu 1300 advmss 0"}, "the other one")
	}},
	{"route/v6/beside-other-metrics", "net/ipv6/ip6_fib.c fib6_add_rt2node: rt6_duplicate_nexthop", func(e *env) {
		ns, v := e.wired()
		ns.addsWithMetrics(v, "fd01::/64", "fd00::9", 1400, 0)
		r := via(v, "fd01::/64", "fd00::9")
		r.MTU = 1300
		e.refused(ns.AddRoute(r, kernel.Beside), kernel.EEXIST, "add the same route with another MTU")
	}},
}

// addsWithMetrics adds a route beside those there are.
func (n *netns) addsWithMetrics(link int, dst, gateway string, mtu, advmss int) {
	r := via(link, dst, gateway)
	r.MTU, r.AdvMSS = mtu, advmss
	n.e.ok(n.AddRoute(r, kernel.Beside), "add a route with MTU %d and segments of %d", mtu, advmss)
}

// metrics are those of the routes to a destination, in their order.
func (n *netns) metrics(f kernel.Family, dst string) []string {
	routes, err := n.Routes(f)
	n.e.ok(err, "list routes")
	texts := []string{}
	for _, r := range routes {
		if r.Dst.String() == dst {
			texts = append(texts, fmt.Sprintf("mtu %d advmss %d", r.MTU, r.AdvMSS))
		}
	}
	return texts
}
