package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// userMetric is IP6_RT_PRIO_USER, the metric of a route that is added without one.
const userMetric = 1024

// addRoute6 is net/ipv6/route.c: ip6_route_add and ip6_fib.c: fib6_add_rt2node. Bits beyond the prefix length are
// ignored (ipv6_addr_prefix in ip6_route_info_create).
func (ns *namespace) addRoute6(req kernel.Route, mode kernel.RouteMode) *refusal {
	return ns.addWeighed6(req, mode, 0)
}

func (ns *namespace) addWeighed6(req kernel.Route, mode kernel.RouteMode, weight uint8) *refusal {
	req = withDefaults(req)
	t := ns.fib6.table(req.Table) // ip6_route_info_create: fib6_new_table, whatever becomes of the route
	r, refused := ns.newRoute6(req)
	if refused != nil {
		return refused
	}
	for _, other := range t.alike(r) {
		if mode == kernel.Exclusive || other.same6(r) {
			return refuse(kernel.EEXIST)
		}
	}
	r.weight = weight
	t.append(r)
	r.link.noteRoute(r.Dst)
	return nil
}

// same6 reports whether two routes are one to Linux: destination, metric and next hop. (rt6_duplicate_nexthop.)
func (r *route) same6(other *route) bool {
	return r.link == other.link && r.Dst == other.Dst && r.Table == other.Table && r.Metric == other.Metric &&
		r.Gateway == other.Gateway
}

// newRoute6 is net/ipv6/route.c: ip6_route_info_create.
func (ns *namespace) newRoute6(req kernel.Route) (*route, *refusal) {
	r := newRoute(req, ns.link(req.Link))
	r.Scope, r.Dst = 0, r.Dst.Masked()
	if r.Metric == 0 {
		r.Metric = userMetric
	}
	if refused := ns.checkNextHop6(r, req.Link); refused != nil {
		return nil, refused
	}
	if r.Source.IsValid() && !ns.isOwn6(r.Source, r.link) {
		return nil, refuse(kernel.EINVAL, "Invalid source address")
	}
	return r, nil
}

// checkNextHop6 is net/ipv6/route.c: fib6_nh_init.
func (ns *namespace) checkNextHop6(r *route, wanted int) *refusal {
	switch {
	case wanted != 0 && (r.link == nil || r.link.ip6.conf == nil):
		return refuse(kernel.ENODEV)
	case r.OnLink && r.link == nil:
		return refuse(kernel.ENODEV, "Nexthop device required for onlink")
	case r.OnLink && !r.link.up:
		return refuse(kernel.ENETDOWN, "Nexthop device is not up")
	}
	if dropping(r.Type) { // a route of these types leads to lo
		r.link, r.Gateway = ns.lo(), netip.Addr{}
		return nil
	}
	if r.Gateway.IsValid() {
		if refused := ns.checkGateway6(r); refused != nil {
			return refused
		}
	}
	switch {
	case r.link == nil:
		return refuse(kernel.ENODEV)
	case !r.link.ip6Enabled():
		return refuse(kernel.EACCES, "IPv6 is disabled on nexthop device")
	case !r.link.up:
		return refuse(kernel.ENETDOWN, "Nexthop device is not up")
	}
	return nil
}

// rejects6 reports whether packets end at the route: by its type, or because it leads to lo, where they would go round
// and round. (net/ipv6/route.c: fib6_is_reject.)
func (r *route) rejects6() bool {
	return dropping(r.Type) || r.link != nil && r.link.loopback() && !r.Dst.Addr().IsLoopback() &&
		r.Type != kernel.Local && r.Type != kernel.Anycast
}

// checkGateway6 is net/ipv6/route.c: ip6_validate_gw.
func (ns *namespace) checkGateway6(r *route) *refusal {
	switch {
	case r.link != nil && ns.takesGateway6(r.Gateway, r.link):
		return refuse(kernel.EINVAL, "Gateway can not be a local address")
	case r.Gateway.IsMulticast() || r.Gateway.IsUnspecified(): // ::1 is IPV6_ADDR_UNICAST, too
		return refuse(kernel.EINVAL, "Invalid gateway address")
	case r.Gateway.IsLinkLocalUnicast() && r.link == nil:
		return refuse(kernel.EINVAL, "Egress device not specified")
	}
	var refused *refusal
	switch {
	case r.Gateway.IsLinkLocalUnicast():
	case r.OnLink:
		refused = ns.checkOnLink6(r)
	default:
		refused = ns.resolveGateway6(r)
	}
	if refused == nil && r.link.loopback() {
		return refuse(kernel.EINVAL, "Egress device can not be loopback device for this route")
	}
	return refused
}

// resolveGateway6 is net/ipv6/route.c: ip6_route_check_nh.
func (ns *namespace) resolveGateway6(r *route) *refusal {
	direct := func(via *route) bool { return !via.rejects6() && !via.Gateway.IsValid() }
	onLink := func(via *route) bool { return r.link == nil || via.link == r.link }
	via := ns.fib6.find(int(r.Table)).lookup(r.Gateway, anyRoute)
	if via == nil || !direct(via) || !onLink(via) {
		via, _ = ns.fib6.lookup(flow{dst: r.Gateway, out: r.link}, onLink)
	}
	if via == nil || !direct(via) {
		return refuse(kernel.EHOSTUNREACH)
	}
	r.link = via.link
	if ns.takesGateway6(r.Gateway, r.link) {
		return refuse(kernel.EINVAL, "Gateway can not be a local address")
	}
	return nil
}

// checkOnLink6 is net/ipv6/route.c: ip6_route_check_nh_onlink.
func (ns *namespace) checkOnLink6(r *route) *refusal {
	via := ns.fib6.find(int(r.Table)).lookup(r.Gateway, anyRoute)
	if via == nil || via.Dst.Bits() == 0 || via.rejects6() {
		return nil
	}
	if via.Type != kernel.Unicast || via.link != r.link {
		return refuse(kernel.EINVAL, "Nexthop has invalid gateway or device mismatch")
	}
	return nil
}

// has6 reports whether the link has the address and may use it. (ipv6_chk_addr.)
func (l *link) has6(ip netip.Addr) bool {
	a := l.find(ip)
	return a != nil && !a.Tentative
}

// takesGateway6 reports whether an address is the namespace's own, even if it cannot be used yet.
// (net/ipv6/addrconf.c: ipv6_chk_addr_and_flags without banned flags.)
func (ns *namespace) takesGateway6(ip netip.Addr, l *link) bool {
	if ip.IsLinkLocalUnicast() {
		return l.find(ip) != nil
	}
	for _, other := range ns.links {
		if other.find(ip) != nil {
			return true
		}
	}
	return false
}

// isOwn6 reports whether an address is the namespace's own; one of link or host scope has to be l's.
// (net/ipv6/addrconf.c: __ipv6_chk_addr_and_flags.)
func (ns *namespace) isOwn6(ip netip.Addr, l *link) bool {
	if ip.IsLinkLocalUnicast() || ip.IsLoopback() {
		return l.has6(ip)
	}
	return ns.usable6(ip)
}

// usable6 reports whether any link has the address and may use it.
func (ns *namespace) usable6(ip netip.Addr) bool {
	for _, l := range ns.links {
		if l.has6(ip) {
			return true
		}
	}
	return false
}

// deleteRoute6 is net/ipv6/route.c: ip6_route_del. It looks neither at the type nor at the source. Where no gateway is
// named, all siblings of the route go with it.
func (ns *namespace) deleteRoute6(req kernel.Route) *refusal {
	return ns.deleteAlike6(req, !req.Gateway.IsValid())
}

func (ns *namespace) deleteAlike6(req kernel.Route, withSiblings bool) *refusal {
	dst := req.Dst.Masked()
	t := ns.fib6.find(withDefaults(req).Table)
	for _, r := range t.to(dst) {
		if !r.matchesCommon(req) {
			continue
		}
		for _, sibling := range t.to(dst) {
			if sibling == r || withSiblings && r.siblingOf(sibling) {
				t.remove(sibling)
			}
		}
		return nil
	}
	always := withDefaults(req).Table == kernel.TableMain || req.Table == kernel.TableLocal // fib6_tables_init
	if dst.Bits() == 0 && (t != nil || always) && len(t.to(dst)) == 0 && ns.nullRoute6().matchesCommon(req) {
		return refuse(kernel.ENOENT) // fib6_del: what was found is fib6_null_entry, the root of every table
	}
	return refuse(kernel.ESRCH)
}

// nullRoute6 is fib6_null_entry as ip6_route_net_init and ip6_route_dev_notify make it.
func (ns *namespace) nullRoute6() *route {
	return &route{link: ns.lo(), fibInfo: &fibInfo{Protocol: kernel.ProtoKernel, Metric: 1<<32 - 1}}
}
