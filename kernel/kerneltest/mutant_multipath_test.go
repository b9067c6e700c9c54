package kerneltest

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

func multipathMutants() []mutant {
	return []mutant{
		{"route/multipath/added", "has one next hop for all", addsHops(func(hops []kernel.NextHop) []kernel.NextHop { return hops[:1] })},
		{"route/multipath/weight", "takes any weight", addsHops(func(hops []kernel.NextHop) []kernel.NextHop {
			for i := range hops {
				hops[i].Weight = min(max(hops[i].Weight, 1), 256)
			}
			return hops
		})},
		{"route/multipath/one-hop", "has a next hop of what has one", eachRoute(func(r *kernel.Route) {
			if r.Gateway.IsValid() {
				r.NextHops = []kernel.NextHop{{Gateway: r.Gateway, Link: r.Link, Weight: 5}}
				r.Gateway = netip.Addr{}
			}
		})},
		{"route/multipath/beside-itself", "sorts next hops", addsHops(func(hops []kernel.NextHop) []kernel.NextHop {
			slices.SortFunc(hops, func(a, b kernel.NextHop) int { return a.Gateway.Compare(b.Gateway) })
			return hops
		})},
		{"route/multipath/all-or-none", "leaves out what does not work", twist{AddRoute: addWhatWorks}},
		{"route/multipath/onlink", "does not believe it", addsHops(func(hops []kernel.NextHop) []kernel.NextHop {
			for i := range hops {
				hops[i].OnLink = false
			}
			return hops
		})},
		{"route/multipath/without-gateways", "knows the first link alone", addsHops(func(hops []kernel.NextHop) []kernel.NextHop { return hops[:1] })},
		{"route/multipath/scope-host", "takes the first", addsHops(func(hops []kernel.NextHop) []kernel.NextHop { return hops[:1] })},
		{"route/multipath/blackhole", "does not look at them", addsHops(func([]kernel.NextHop) []kernel.NextHop { return nil })},
		{"route/multipath/gateway-besides", "does not look at what stands besides", routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
			if len(r.NextHops) > 0 {
				r.Gateway, r.Link = netip.Addr{}, 0
			}
		})},
		{"route/multipath/delete-by-gateway", "deletes by the destination", deletesAs(func(r *kernel.Route) {
			r.Gateway, r.Link = netip.Addr{}, 0
		})},
		{"route/multipath/delete-by-hops", "looks at the first one", deletesAs(func(r *kernel.Route) {
			r.Gateway, r.NextHops = r.NextHops[0].Gateway, nil
		})},
		{"route/multipath/link-set-down", "leaves next hops out whose link is down", showsHops(func(hops []kernel.NextHop) []kernel.NextHop {
			return slices.DeleteFunc(hops, func(h kernel.NextHop) bool { return h.Dead })
		})},
		{"route/multipath/all-links-set-down", "keeps routes", pretend(isSetDown)},
		{"route/multipath/link-deleted", "sets it down", twist{DeleteLink: func(ns kernel.NetNS, index int) error {
			return ns.ChangeLink(index, kernel.LinkChange{Up: new(false)})
		}}},
		{"route/multipath/last-address-deleted", "uses links without an address", showsHops(alive)},
		{
			"route/multipath/source-deleted", "ignores the source",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Source = netip.Addr{} }),
		},
		{"route/multipath/carrier", "uses links without a carrier", showsHops(alive)},
		{"route/siblings/added", "makes one route of all", addsHops(func(hops []kernel.NextHop) []kernel.NextHop { return hops[:1] })},
		{"route/siblings/weight-alone", "forgets the weight of a route without others", addsHops(func(hops []kernel.NextHop) []kernel.NextHop {
			if len(hops) == 1 {
				hops[0].Weight = 1
			}
			return hops
		})},
		{"route/siblings/all-or-none", "keeps what could be added", twist{AddRoute: addOneByOne}},
		{"route/siblings/without-gateway", "adds them one by one", twist{AddRoute: addOneByOne}},
		{"route/siblings/delete", "stops at the first that is not there", twist{DeleteRoute: deleteUntilRefused}},
		{"route/siblings/link-set-down", "deletes what has others beside it, too", hideRoute(func(r kernel.Route) bool { return r.Dead })},
		{"route/siblings/all-links-set-down", "keeps routes", pretend(isSetDown)},
		{"route/siblings/link-deleted", "deletes all of them, as IPv4 does", deletesSiblings()},
	}
}

// alive says of no next hop that it is of no use.
func alive(hops []kernel.NextHop) []kernel.NextHop {
	for i := range hops {
		hops[i].Dead = false
	}
	return hops
}

// addsHops is the twist that adds other next hops than those that are asked for.
func addsHops(f func([]kernel.NextHop) []kernel.NextHop) twist {
	return routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
		if len(r.NextHops) > 0 {
			r.NextHops = f(slices.Clone(r.NextHops))
		}
	})
}

// showsHops is the twist that shows next hops other than they are.
func showsHops(f func([]kernel.NextHop) []kernel.NextHop) twist {
	return eachRoute(func(r *kernel.Route) { r.NextHops = f(r.NextHops) })
}

// deletesAs is the twist that deletes routes with next hops, or by a gateway or link, as if others had been asked for.
func deletesAs(f func(r *kernel.Route)) twist {
	return twist{DeleteRoute: func(ns kernel.NetNS, r kernel.Route) error {
		if len(r.NextHops) > 0 || r.Gateway.IsValid() || r.Link != 0 {
			f(&r)
		}
		return ns.DeleteRoute(r)
	}}
}

// addWhatWorks adds a route with those of its next hops that a route of their own can be made of.
func addWhatWorks(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
	err := ns.AddRoute(r, m)
	for n := len(r.NextHops) - 1; err != nil && n > 0; n-- {
		r.NextHops = r.NextHops[:n]
		err = ns.AddRoute(r, m)
	}
	return err
}

// addOneByOne adds a route for each next hop, and leaves those that it has when one is refused.
func addOneByOne(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
	if len(r.NextHops) == 0 {
		return ns.AddRoute(r, m)
	}
	for _, h := range r.NextHops {
		one := r
		one.NextHops, one.Gateway, one.Link = nil, h.Gateway, h.Link
		if err := ns.AddRoute(one, m); err != nil {
			return err
		}
		m = kernel.Beside
	}
	return nil
}

func deleteUntilRefused(ns kernel.NetNS, r kernel.Route) error {
	hops := r.NextHops
	for _, h := range hops {
		r.NextHops = []kernel.NextHop{h}
		if err := ns.DeleteRoute(r); err != nil {
			return err
		}
	}
	return nil
}

// deletesSiblings deletes with a link all routes that share the traffic with those by it.
func deletesSiblings() twist {
	return twist{DeleteLink: func(ns kernel.NetNS, index int) error {
		all, _ := ns.Routes(kernel.IPv6)
		for _, r := range all {
			if r.Link == index && r.Gateway.IsValid() {
				_ = ns.DeleteRoute(kernel.Route{Dst: r.Dst})
			}
		}
		return ns.DeleteLink(index)
	}}
}

func sharedMutants() []mutant {
	first := addsHops(func(hops []kernel.NextHop) []kernel.NextHop { return hops[:1] })
	return []mutant{
		{"probe/multipath/both-ways", "takes the first way", first},
		{"probe/multipath/dead", "takes the first way", first},
		{"probe/multipath/weight", "does not look at weights", addsHops(func(hops []kernel.NextHop) []kernel.NextHop {
			for i := range hops {
				hops[i].Weight = 1
			}
			return hops
		})},
		{"probe/multipath/reverse-path", "knows one way back", first},
	}
}
