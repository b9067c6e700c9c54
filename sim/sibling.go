package sim

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// siblingOf reports whether two routes share the traffic.
func (r *route) siblingOf(other *route) bool {
	return r.canShare() && other.canShare() && r.Metric == other.Metric
}

// canShare is rt6_qualify_for_ecmp: of routers that have said to be one for, one is used until it cannot be reached.
func (r *route) canShare() bool { return r.Gateway.IsValid() && !r.byRouter }

// siblings returns the IPv6 routes that share the traffic with a route, itself included.
func (f *fib) siblings(r *route) (list []*route) {
	for _, other := range f.find(int(r.Table)).alike(r) {
		if r.siblingOf(other) {
			list = append(list, other)
		}
	}
	return list
}

// hasSiblings reports whether an IPv6 route has others beside it.
func (f *fib) hasSiblings(r *route) bool {
	return f.family == kernel.IPv6 && r.canShare() && len(f.siblings(r)) > 1
}

// weightGiven is the weight as a reader is told: 0 for 1.
func (r *route) weightGiven() int {
	if r.weight == 0 {
		return 0
	}
	return int(r.weight) + 1
}

// isDead reports whether nothing is sent by the route, as a reader is told. (net/ipv4/fib_semantics.c: fib_nexthop_info.)
func (r *route) isDead() bool {
	return r.dead || r.link != nil && !r.link.running() && r.ignoredLinkDown()
}

// addSiblings6 is net/ipv6/route.c: ip6_route_multipath_add. All next hops are looked at before the first one is there;
// where a route cannot be added those before it are taken back.
func (ns *namespace) addSiblings6(req kernel.Route, mode kernel.RouteMode) *refusal {
	requests := make([]kernel.Route, len(req.NextHops))
	for i, hop := range req.NextHops {
		requests[i] = hop6(req, hop)
		if refused := ns.checkSibling6(requests[:i], requests[i]); refused != nil {
			return refused
		}
	}
	for i, one := range requests {
		if refused := ns.addWeighed6(one, mode, weightOf(req.NextHops[i])); refused != nil {
			for _, before := range requests[:i] {
				ns.deleteAlike6(before, false)
			}
			return refused
		}
		mode = kernel.Beside // NLM_F_EXCL is for the first one
	}
	return nil
}

// hop6 is a request for the route by one of the next hops. What that does not name it has of the whole.
func hop6(req kernel.Route, hop kernel.NextHop) kernel.Route {
	req.NextHops = nil
	if hop.Gateway.IsValid() {
		req.Gateway = hop.Gateway
	}
	if hop.Link != 0 {
		req.Link = hop.Link
	}
	req.OnLink = req.OnLink || hop.OnLink
	return req
}

// checkSibling6 looks at a next hop, behind others of the same request.
func (ns *namespace) checkSibling6(before []kernel.Route, req kernel.Route) *refusal {
	if isShort(req.Gateway) {
		return refuse(kernel.EINVAL, "Invalid IPv6 address in RTA_GATEWAY") // fib6_gw_from_attr
	}
	r, refused := ns.newRoute6(withDefaults(req))
	switch {
	case refused != nil:
		return refused
	case !req.Gateway.IsValid():
		return refuse(kernel.EINVAL, "Device only routes can not be added for IPv6 using the multipath API")
	}
	for _, other := range before {
		if o, refused := ns.newRoute6(withDefaults(other)); refused == nil && o.same6(r) {
			return refuse(kernel.EEXIST) // ip6_route_info_append
		}
	}
	return nil
}

// deleteSiblings6 is net/ipv6/route.c: ip6_route_multipath_del. The error is the last one that there was.
func (ns *namespace) deleteSiblings6(req kernel.Route) (last *refusal) {
	for _, hop := range req.NextHops {
		one := hop6(req, hop)
		if isShort(one.Gateway) {
			return refuse(kernel.EINVAL, "Invalid IPv6 address in RTA_GATEWAY")
		}
		if refused := ns.deleteAlike6(one, false); refused != nil {
			last = refused
		}
	}
	return last
}

// goesDown6 reports whether an IPv6 route goes with a link that goes down. One that has siblings stays, and is not used,
// as long as one of them is alive; otherwise all go. (net/ipv6/route.c: fib6_ifdown with NETDEV_DOWN.)
func (l *link) goesDown6(r *route) bool {
	f := &l.ns.fib6
	if !f.hasSiblings(r) {
		return r.link == l
	}
	siblings := f.siblings(r)
	switch {
	case !slices.ContainsFunc(siblings, func(s *route) bool { return s.link == l }):
		return false
	case !slices.ContainsFunc(siblings, func(s *route) bool { return s.link != l && !s.dead }):
		return true
	case r.link == l:
		r.setDead(true)
		l.noteRoute(r.Dst)
		f.ways = true
	}
	return false
}

// reviveSiblings has the routes by a link that is up be used again. (net/ipv6/route.c: rt6_sync_up.)
func (l *link) reviveSiblings() {
	if !l.ns.fib6.ways {
		return
	}
	for _, r := range l.ns.fib6.all() {
		if r.link == l && r.dead {
			r.setDead(false)
		}
	}
}

// setDead says of a route, or of a next hop, whether it is of no use.
func (r *route) setDead(dead bool) {
	r.fibInfo = new(*r.fibInfo)
	r.dead = dead
}
