package sim

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// The routes that the kernel makes itself.
var (
	prefixInfo = &fibInfo{
		Type: kernel.Unicast, Table: kernel.TableMain, Metric: prefixMetric, Protocol: kernel.ProtoKernel,
	}
	localInfo     = &fibInfo{Type: kernel.Local, Table: kernel.TableLocal, Protocol: kernel.ProtoKernel}
	anycastInfo   = &fibInfo{Type: kernel.Anycast, Table: kernel.TableLocal, Protocol: kernel.ProtoKernel}
	multicastInfo = &fibInfo{
		Type: kernel.Multicast, Table: kernel.TableLocal, Metric: prefixMetric, Protocol: kernel.ProtoKernel,
	}
)

// prefixRoute is the route to the subnet of an address (addrconf_prefix_route).
func (l *link) prefixRoute(a *address) *route {
	return &route{Dst: a.subnet(), link: l, fibInfo: prefixInfo}
}

// localRoute is the route that takes packets for the address in (addrconf_f6i_alloc).
func (l *link) localRoute(a *address) *route {
	return &route{Dst: netip.PrefixFrom(a.ip(), 128), link: l, fibInfo: localInfo}
}

// anycastRoute is the route of the subnet-router anycast address, which a router answers to (addrconf_join_anycast).
func (l *link) anycastRoute(a *address) *route {
	return &route{Dst: netip.PrefixFrom(a.subnet().Addr(), 128), link: l, fibInfo: anycastInfo}
}

// addPrefixRoute brings the route to an address's subnet, if the link is up.
func (l *link) addPrefixRoute(a *address) {
	if l.up {
		l.addRoute6Once(l.prefixRoute(a))
	}
}

// addMulticastRoute is net/ipv6/addrconf.c: addrconf_add_mroute.
func (l *link) addMulticastRoute() {
	if l.up && !l.loopback() && l.ip6Enabled() {
		groups := netip.MustParsePrefix("ff00::/8")
		l.addRoute6Once(&route{Dst: groups, link: l, fibInfo: multicastInfo})
	}
}

// addRoute6Once puts a route of the kernel's own into the tables, unless it is there.
func (l *link) addRoute6Once(r *route) {
	t := l.ns.fib6.table(int(r.Table))
	if l.mayLeadTo(r.Dst) {
		for _, other := range t.alike(r) {
			if other.link == l && other.same6(r) { // the link first: a node has as many such routes as links
				return
			}
		}
	}
	t.append(r)
	l.noteRoute(r.Dst)
}

// noteRoute notes that a route by the link leads to a destination, as one of 32 bits that it shares with others: a node
// with 10,000 links has as many routes to each of some destinations, which are not looked through for one that is not there.
func (l *link) noteRoute(dst netip.Prefix) { l.ip6.ledTo |= noteOf(dst) }

// mayLeadTo reports whether there can be a route by the link to a destination.
func (l *link) mayLeadTo(dst netip.Prefix) bool { return l.ip6.ledTo&noteOf(dst) != 0 }

func noteOf(dst netip.Prefix) uint32 {
	d := digitsOf(dst.Addr())
	return 1 << ((d.high + d.low + uint64(dst.Bits())) * golden >> 59)
}

// dropRoute6 takes a route of the kernel's own out of the tables, if it is there.
func (l *link) dropRoute6(r *route) {
	if t := l.ns.fib6.find(int(r.Table)); t != nil {
		t.removeAt(r.Dst, r.same6)
	}
}

// hasAnycast reports whether a router answers to the anycast address of the subnet: not where it has only two
// addresses (RFC 6164; addrconf_join_anycast), nor for an address that cannot be used yet.
func hasAnycast(a *address) bool {
	return a.Prefix.Bits() < 127 && !a.Tentative && !a.subnet().Addr().IsUnspecified()
}

func (l *link) addAnycast(a *address) {
	if hasAnycast(a) {
		l.addRoute6Once(l.anycastRoute(a))
	}
}

// dropAnycast is addrconf_leave_anycast, for an address that is no longer in the list.
func (l *link) dropAnycast(a *address) {
	sharing := func(o *address) bool { return hasAnycast(o) && o.subnet().Addr() == a.subnet().Addr() }
	if hasAnycast(a) && !slices.ContainsFunc(l.addresses6, sharing) {
		l.dropRoute6(l.anycastRoute(a))
	}
}

// forwardingChanged is net/ipv6/addrconf.c: dev_forward_change.
func (l *link) forwardingChanged() {
	router := l.setting6("forwarding") != 0
	if router {
		l.ns.forgetRouters()
	}
	for _, a := range l.addresses6 {
		switch {
		case router:
			l.addAnycast(a)
		case hasAnycast(a):
			l.dropRoute6(l.anycastRoute(a))
		}
	}
}
