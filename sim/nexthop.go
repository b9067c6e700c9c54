package sim

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// nextHops are the ways of an IPv4 route that has several: each as if it were the only one. (include/net/ip_fib.h: fib_nh.)
type nextHops []*route

// maxWeight is the greatest weight of a next hop: rtnh_hops, a byte, is one less.
const maxWeight = 256

// validWeights reports whether a request can be made of the next hops.
func validWeights(hops []kernel.NextHop) bool {
	return !slices.ContainsFunc(hops, func(h kernel.NextHop) bool { return h.Weight < 0 || h.Weight > maxWeight })
}

// weightOf is a weight less one, as Linux's messages have it.
func weightOf(hop kernel.NextHop) uint8 { return uint8(max(hop.Weight, 1) - 1) }

// byHop is a request for the route that has this next hop alone.
func byHop(req kernel.Route, hop kernel.NextHop) kernel.Route {
	req.NextHops = nil
	req.Gateway, req.Link, req.OnLink = hop.Gateway, hop.Link, hop.OnLink
	return req
}

// beginsWith reports whether what a request has of a next hop besides is that of the first one. (fib_get_nhs.)
func beginsWith(hops []kernel.NextHop, req kernel.Route) bool {
	return (req.Link == 0 || req.Link == hops[0].Link) && (!req.Gateway.IsValid() || req.Gateway == hops[0].Gateway)
}

// checkNextHops4 gives a route its next hops. (fib_get_nhs; the end of fib_create_info.)
func (ns *namespace) checkNextHops4(r *route, req kernel.Route) *refusal {
	if len(req.NextHops) == 0 {
		return ns.checkNextHop4(r, req.Link)
	}
	if r.Scope == kernel.ScopeHost {
		return refuse(kernel.EINVAL, "Route with host scope can not have multiple nexthops")
	}
	hops := make(nextHops, len(req.NextHops))
	for i, hop := range req.NextHops {
		one := byHop(req, hop)
		hops[i] = newRoute(one, ns.link(one.Link))
		hops[i].weight = weightOf(hop)
		if refused := ns.checkNextHop4(hops[i], one.Link); refused != nil {
			return refused
		}
	}
	r.link, r.Gateway, r.OnLink, r.hops = nil, netip.Addr{}, false, &hops
	return nil
}

// same reports whether two routes have the same next hops to Linux. (nh_comp.)
func (hops *nextHops) same(others *nextHops) bool {
	return slices.EqualFunc(*hops, *others, func(a, b *route) bool {
		mine, other := *a.fibInfo, *b.fibInfo
		mine.dead, other.dead = false, false // RTNH_COMPARE_MASK
		return a.link == b.link && mine == other
	})
}

func (hops *nextHops) describe() (list []kernel.NextHop) {
	for _, h := range *hops {
		list = append(list, kernel.NextHop{
			Gateway: h.Gateway, Link: h.link.index, Weight: int(h.weight) + 1, OnLink: h.OnLink, Dead: h.isDead(),
		})
	}
	return list
}

// first is the first way of a route, which is the route itself if it has no others.
func (r *route) first() *route {
	if r.hops == nil {
		return r
	}
	return (*r.hops)[0]
}

// by returns the first of a route's ways that is alive and that ok accepts, nil where there is none. (net/ipv4/fib_trie.c:
// fib_table_lookup, fib_lookup_good_nhc.)
func (r *route) by(ok func(*route) bool) *route {
	if r.hops == nil {
		if ok(r) {
			return r
		}
		return nil
	}
	for _, h := range *r.hops {
		if !h.dead && ok(h) {
			return h
		}
	}
	return nil
}

// leadsBy reports whether any way of the route is by the link. (fib_info_nh_uses_dev.)
func (r *route) leadsBy(l *link) bool {
	if r.hops == nil {
		return r.link == l
	}
	return slices.ContainsFunc(*r.hops, func(h *route) bool { return h.link == l })
}

// matchesHops reports whether a route has the next hops that a request names, unless that names a gateway or link, which
// is all that counts then. (net/ipv4/fib_semantics.c: fib_nh_match.)
func (r *route) matchesHops(req kernel.Route) bool {
	if len(req.NextHops) == 0 || req.Link != 0 || req.Gateway.IsValid() {
		return true
	}
	ways := []*route{r}
	if r.hops != nil {
		ways = *r.hops
	}
	if len(req.NextHops) < len(ways) {
		return false
	}
	for i, w := range ways {
		named := kernel.Route{Link: req.NextHops[i].Link, Gateway: req.NextHops[i].Gateway}
		if !w.matchesCommon(named) {
			return false
		}
	}
	return true
}

// killHops has the next hops by a link that went down, or lost its last address, not be used any more. A route without any
// that is alive goes. (net/ipv4/fib_semantics.c: fib_sync_down_dev.)
func (l *link) killHops() {
	if !l.ns.fib4.ways {
		return
	}
	l.ns.fib4.flush(func(r *route) bool {
		if r.hops == nil || !r.leadsBy(l) {
			return false
		}
		for _, h := range *r.hops {
			if h.link == l {
				h.setDead(true)
			}
		}
		return !slices.ContainsFunc(*r.hops, func(h *route) bool { return !h.dead })
	})
}

// reviveHops has the next hops by a link that is up be used again. (net/ipv4/fib_semantics.c: fib_sync_up.)
func (l *link) reviveHops() {
	if !l.ns.fib4.ways || !l.up || l.conf4 == nil {
		return
	}
	for _, r := range l.ns.fib4.all() {
		if r.hops == nil {
			continue
		}
		for _, h := range *r.hops {
			if h.link == l && h.dead {
				h.setDead(false)
			}
		}
	}
}
