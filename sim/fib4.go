package sim

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// typeScope4 is the narrowest scope that a route of a type may have, 0 where any will do. (fib_props of
// net/ipv4/fib_semantics.c.)
var typeScope4 = map[kernel.RouteType]kernel.Scope{
	kernel.Local:     kernel.ScopeHost,
	kernel.Broadcast: kernel.ScopeLink,
	kernel.Anycast:   kernel.ScopeLink,
}

// dropping reports whether packets that take a route of the type end there.
func dropping(t kernel.RouteType) bool {
	switch t {
	case kernel.Blackhole, kernel.Unreachable, kernel.Prohibit, kernel.Throw:
		return true
	}
	return false
}

// The greatest metrics of a route; greater ones are made these. (net/ipv4/metrics.c: ip_metrics_convert.)
const (
	maxRouteMTU = 65535 - 15
	maxAdvMSS   = 65535 - 40
)

// withDefaults fills in what a request leaves to the kernel.
func withDefaults(r kernel.Route) kernel.Route {
	if r.Table == 0 {
		r.Table = kernel.TableMain
	}
	if r.Protocol == 0 {
		r.Protocol = kernel.ProtoBoot
	}
	if r.Type == "" {
		r.Type = kernel.Unicast
	}
	r.MTU, r.AdvMSS = min(r.MTU, maxRouteMTU), min(r.AdvMSS, maxAdvMSS)
	return r
}

// addRoute4 is net/ipv4/fib_frontend.c: inet_rtm_newroute and fib_trie.c: fib_table_insert.
func (ns *namespace) addRoute4(req kernel.Route, mode kernel.RouteMode) *refusal {
	req = withDefaults(req)
	if req.Dst != req.Dst.Masked() {
		return refuse(kernel.EINVAL, "Invalid prefix for given prefix length") // fib_valid_key_len
	}
	t := ns.fib4.table(req.Table) // fib_new_table, whatever else is wrong with the route
	r, refused := ns.newRoute4(req)
	if refused != nil {
		return refused
	}
	alike := t.alike(r)
	if len(alike) > 0 && mode == kernel.Exclusive {
		return refuse(kernel.EEXIST) // fib_table_insert: NLM_F_EXCL
	}
	if slices.ContainsFunc(alike, r.same4) {
		return refuse(kernel.EEXIST) // fib_table_insert: fa_match
	}
	t.prepend(r)
	ns.fib4.ways = ns.fib4.ways || r.hops != nil
	return nil
}

// same4 reports whether two routes are one to Linux. (net/ipv4/fib_semantics.c: fib_find_info, nh_comp.)
func (r *route) same4(other *route) bool {
	if r.Dst != other.Dst || r.link != other.link {
		return false
	}
	if r.hops == nil || other.hops == nil {
		return *r.fibInfo == *other.fibInfo
	}
	mine, others := *r.fibInfo, *other.fibInfo
	mine.hops, others.hops = nil, nil
	return mine == others && r.hops.same(other.hops)
}

// newRoute4 is net/ipv4/fib_semantics.c: fib_create_info.
func (ns *namespace) newRoute4(req kernel.Route) (*route, *refusal) {
	if len(req.NextHops) > 0 && !beginsWith(req.NextHops, req) {
		return nil, refuse(kernel.EINVAL, "Nexthop device index does not match RTA_OIF") // fib_get_nhs; RTA_GATEWAY likewise
	}
	only, weight := req, uint8(0)
	if len(req.NextHops) == 1 {
		only, weight = byHop(req, req.NextHops[0]), weightOf(req.NextHops[0])
	}
	r := newRoute(only, ns.link(only.Link))
	r.weight = weight
	if r.Scope < typeScope4[r.Type] {
		return nil, refuse(kernel.EINVAL, "Invalid scope")
	}
	if dropping(r.Type) {
		if req.Link != 0 || r.Gateway.IsValid() || len(req.NextHops) > 0 {
			return nil, refuse(kernel.EINVAL, "Routes with this type can not have a gateway or device")
		}
		return r, nil
	}
	if refused := ns.checkNextHops4(r, only); refused != nil {
		return nil, refused
	}
	if r.Source.IsValid() && !ns.validSource4(r) {
		return nil, refuse(kernel.EINVAL, "Invalid prefsrc address")
	}
	return r, nil
}

// validSource4 is net/ipv4/fib_semantics.c: fib_valid_prefsrc.
func (ns *namespace) validSource4(r *route) bool {
	if r.Type == kernel.Local && r.Dst.Addr() == r.Source {
		return true
	}
	return r.Table != kernel.TableMain && ns.addressTypeIn4(int(r.Table), r.Source) == kernel.Local ||
		ns.addressType4(r.Source) == kernel.Local
}

func (ns *namespace) checkNextHop4(r *route, wanted int) *refusal {
	switch {
	case r.Scope > kernel.ScopeHost:
		return refuse(kernel.EINVAL, "Invalid scope")
	case r.Scope == kernel.ScopeHost && r.Gateway.IsValid():
		return refuse(kernel.EINVAL, "Route with host scope can not have a gateway")
	case r.Scope == kernel.ScopeLink && r.Gateway.IsValid() && r.OnLink:
		return refuse(kernel.EINVAL, "Nexthop has invalid scope") // fib_check_nh_v4_gw
	case r.Scope != kernel.ScopeHost && !r.Gateway.IsValid() && r.OnLink:
		return refuse(kernel.EINVAL, "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set") // fib_check_nh_nongw
	case r.link == nil && (!r.Gateway.IsValid() || r.OnLink):
		return refuse(kernel.ENODEV) // fib_create_info, fib_check_nh: dev_get_by_index
	case r.link == nil && wanted != 0:
		return refuse(kernel.ENETUNREACH, "Nexthop has invalid gateway") // fib_lookup with that oif
	case r.Scope == kernel.ScopeHost:
		r.nhScope = kernel.ScopeNowhere
		return nil
	case !r.Gateway.IsValid():
		return r.checkLink4()
	case r.OnLink:
		return ns.checkOnLink4(r)
	}
	return ns.checkGateway4(r)
}

// checkLink4 is net/ipv4/fib_semantics.c: fib_check_nh_nongw.
func (r *route) checkLink4() *refusal {
	if r.link.conf4 == nil {
		return refuse(kernel.ENODEV) // inetdev_by_index
	}
	if !r.link.up {
		return refuse(kernel.ENETDOWN, "Device for nexthop is not up")
	}
	r.nhScope = kernel.ScopeHost
	return nil
}

// checkOnLink4 is net/ipv4/fib_semantics.c: fib_check_nh_v4_gw for a next hop with RTNH_F_ONLINK.
func (ns *namespace) checkOnLink4(r *route) *refusal {
	switch {
	case !r.link.up:
		return refuse(kernel.ENETDOWN, "Nexthop device is not up")
	case ns.addressTypeIn4(kernel.TableLocal, r.Gateway) != kernel.Unicast:
		return refuse(kernel.EINVAL, "Nexthop has invalid gateway")
	}
	r.nhScope = kernel.ScopeLink
	return nil
}

// checkGateway4 is net/ipv4/fib_semantics.c: fib_check_nh_v4_gw for a next hop that has to be reachable directly: by
// a route of a narrower scope than this one.
func (ns *namespace) checkGateway4(r *route) *refusal {
	scope := max(r.Scope+1, kernel.ScopeLink)
	leads := func(via *route) bool {
		// fib_table_lookup returns the error of a type before it looks at the link
		return r.link == nil || via.link == r.link || dropping(via.Type)
	}
	via, errno := ns.wayToGateway(r, func(via *route) bool { return via.Scope >= scope && via.by(leads) != nil })
	if errno != 0 {
		return refuse(errno, "Nexthop has invalid gateway")
	}
	via = via.by(leads)
	switch {
	case via.refusal() != 0:
		return refuse(via.refusal(), "Nexthop has invalid gateway") // fib_props
	case via.Type != kernel.Unicast && via.Type != kernel.Local:
		return refuse(kernel.EINVAL, "Nexthop has invalid gateway")
	case !via.link.up:
		return refuse(kernel.ENETDOWN)
	}
	r.link, r.nhScope = via.link, via.Scope
	return nil
}

// wayToGateway looks in the route's own table first, unless that is main, and then as for any packet.
func (ns *namespace) wayToGateway(r *route, ok func(*route) bool) (*route, kernel.Errno) {
	if r.Table != kernel.TableMain {
		if via := ns.fib4.find(int(r.Table)).lookup(r.Gateway, ok); via != nil && !dropping(via.Type) {
			return via, 0
		}
	}
	return ns.fib4.lookup(flow{dst: r.Gateway, out: r.link}, ok)
}

// addressType4 is net/ipv4/fib_frontend.c: inet_addr_type.
func (ns *namespace) addressType4(ip netip.Addr) kernel.RouteType {
	return ns.addressTypeIn4(kernel.TableLocal, ip)
}

// addressTypeIn4 is net/ipv4/fib_frontend.c: __inet_dev_addr_type, which looks into one table; into local and main together
// as long as they are one.
func (ns *namespace) addressTypeIn4(id int, ip netip.Addr) kernel.RouteType {
	if ip.IsUnspecified() || ip == limitedBroadcast {
		return kernel.Broadcast
	}
	if ip.IsMulticast() {
		return kernel.Multicast
	}
	t := ns.fib4.find(id)
	if t == nil {
		return kernel.Broadcast // Linux, too, says so as long as no link has had an address
	}
	r := t.lookup(ip, anyRoute)
	if id == kernel.TableLocal && !ns.fib4.apart {
		r = ns.fib4.localOrMain(ip, anyRoute)
	}
	if r == nil || dropping(r.Type) {
		return kernel.Unicast // fib_table_lookup fails
	}
	return r.Type
}

// deleteRoute4 is net/ipv4/fib_trie.c: fib_table_delete.
func (ns *namespace) deleteRoute4(req kernel.Route) *refusal {
	if req.Dst != req.Dst.Masked() {
		return refuse(kernel.EINVAL, "Invalid prefix for given prefix length") // fib_valid_key_len
	}
	t := ns.fib4.find(withDefaults(req).Table)
	for _, r := range t.to(req.Dst) {
		if r.matches4(req) {
			t.remove(r)
			return nil
		}
	}
	return refuse(kernel.ESRCH)
}

// matches4 reports whether r has all that req names; the zero value of a field names nothing (of the scope:
// RT_SCOPE_NOWHERE, as ip(8) sends it).
func (r *route) matches4(req kernel.Route) bool {
	return (req.Type == "" || req.Type == r.Type) &&
		(req.Scope == 0 || req.Scope == r.Scope) &&
		(!req.Source.IsValid() || req.Source == r.Source) &&
		(req.MTU == 0 || req.MTU == int(r.MTU)) && (req.AdvMSS == 0 || req.AdvMSS == int(r.AdvMSS)) && // fib_metrics_match
		r.first().matchesCommon(req) && r.matchesHops(req)
}

// matchesCommon is the part of it that IPv6 looks at, too. (fib_nh_match; net/ipv6/route.c: ip6_route_del.)
func (r *route) matchesCommon(req kernel.Route) bool {
	return (uint8(req.Protocol) == 0 || uint8(req.Protocol) == r.Protocol) &&
		(req.Metric == 0 || req.Metric == r.Metric) &&
		(req.Link == 0 || r.link != nil && r.link.index == req.Link) &&
		(!req.Gateway.IsValid() || req.Gateway == r.Gateway)
}
