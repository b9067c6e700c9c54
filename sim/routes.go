package sim

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// Routes is kernel.Routes'.
func (n *handle) Routes(f kernel.Family) (list []kernel.Route, err error) {
	err = n.do("route list", "", func() *refusal {
		tables := &n.ns.fib4
		if f == kernel.IPv6 {
			tables = &n.ns.fib6
		}
		list = tables.describe()
		return nil
	})
	return list, err
}

// AddRoute is kernel.Routes'.
func (n *handle) AddRoute(r kernel.Route, mode kernel.RouteMode) error {
	return n.do("route add", r.Dst.String(), func() *refusal {
		switch {
		case !r.Dst.IsValid(), !validWeights(r.NextHops):
			return refuse(kernel.EINVAL)
		case r.Dst.Addr().Is4():
			return n.ns.addRoute4(cutTo4(r), mode)
		case isShort(r.Gateway), isShort(r.Source):
			return refuse(kernel.ERANGE) // rtm_ipv6_policy
		case r.Source.IsValid() && r.Source.IsUnspecified():
			r.Source = netip.Addr{} // ip6_route_info_create: ipv6_addr_any
		}
		if len(r.NextHops) > 0 {
			return n.ns.addSiblings6(r, mode)
		}
		return n.ns.addRoute6(r, mode)
	})
}

// DeleteRoute is kernel.Routes'.
func (n *handle) DeleteRoute(r kernel.Route) error {
	return n.do("route delete", r.Dst.String(), func() *refusal {
		switch {
		case !r.Dst.IsValid(), !validWeights(r.NextHops):
			return refuse(kernel.EINVAL)
		case r.Dst.Addr().Is4():
			return n.ns.deleteRoute4(cutTo4(r))
		case isShort(r.Gateway), isShort(r.Source):
			return refuse(kernel.ERANGE) // rtm_ipv6_policy
		}
		if len(r.NextHops) > 0 {
			return n.ns.deleteSiblings6(r)
		}
		return n.ns.deleteRoute6(r)
	})
}

// isShort reports whether an attribute is too short for an IPv6 address.
func isShort(a netip.Addr) bool { return a.Is4() }

// cutTo4 is what becomes of addresses in a request about an IPv4 route: of IPv6's the first four bytes are read, and
// zeros are none. (lib/nlattr.c validate_nla lets an NLA_U32 be longer; fib_frontend.c rtm_to_fib_config.)
func cutTo4(r kernel.Route) kernel.Route {
	r.NextHops = slices.Clone(r.NextHops)
	addresses := []*netip.Addr{&r.Gateway, &r.Source}
	for i := range r.NextHops {
		addresses = append(addresses, &r.NextHops[i].Gateway)
	}
	for _, a := range addresses {
		if a.Is6() {
			b := a.As16()
			*a = netip.AddrFrom4([4]byte(b[:4]))
		}
		if a.IsUnspecified() {
			*a = netip.Addr{}
		}
	}
	return r
}
