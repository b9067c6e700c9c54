package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// A way is where the routes send a packet.
type way struct {
	kind kernel.RouteType // Unicast, Local or Broadcast
	link *link            // out of which; for Local the loopback device
	next netip.Addr       // whose MAC it is sent to
	by   *route

	learned int // the path's MTU, 0: no router has said; it is not for what is forwarded (ip_dst_mtu_maybe_forward)
}

// route returns the way of a packet, by the errors of connect(2): ENETUNREACH without a route, EHOSTUNREACH,
// EACCES and EINVAL for those of type unreachable, prohibit and blackhole, and what rules say. (net/ipv4/fib_semantics.c: fib_props;
// net/ipv4/route.c: ip_route_output_key_hash_rcu.)
func (ns *namespace) route(to flow) (way, kernel.Errno) {
	r, errno := ns.routed(to)
	if errno != 0 {
		return way{}, errno
	}
	r = ns.shared(r, to)
	way := ns.wayBy(r, to.dst)
	if to.in == nil {
		if way.isClosedTo(to.src) {
			return way, kernel.EINVAL
		}
		way.learned = ns.fib(to.dst).learnedMTU(r, to.dst)
	}
	return way, 0
}

// isClosedTo reports whether a loopback address would leave the machine. (net/ipv4/route.c: __mkroute_output.)
func (to way) isClosedTo(src netip.Addr) bool {
	return src.Is4() && src.IsLoopback() && to.kind != kernel.Local && to.link != to.link.ns.lo() &&
		to.link.either4("route_localnet") == 0
}

// routed returns the route of a packet, all its ways.
func (ns *namespace) routed(to flow) (*route, kernel.Errno) {
	r, errno := ns.fib(to.dst).lookup(to, (*route).usable)
	if errno == 0 {
		errno = r.refusal()
	}
	return r, errno
}

// String is the way as `ip route get` says it.
func (to way) String() string {
	switch {
	case to.kind == kernel.Local:
		return "local dev " + to.link.name
	case to.by != nil && to.by.Gateway.IsValid():
		return "via " + to.next.String() + " dev " + to.link.name
	}
	return "dev " + to.link.name
}

// usable reports whether packets may take a route. Those of a link that went down are gone; one without a carrier does not
// matter, unless ignore_routes_with_linkdown is set. (net/ipv4/fib_trie.c: fib_lookup_good_nhc; net/ipv6/route.c:
// find_match.)
func (r *route) usable() bool {
	switch l := r.link; {
	case r.expired || r.dead:
		return false
	case r.hops != nil:
		return r.by((*route).usable) != nil
	case l == nil || r.Type == kernel.Local || l.running():
		return true
	}
	return !r.ignoredLinkDown()
}

// ignoredLinkDown reports whether the route's link is said to be of no use without a carrier.
func (r *route) ignoredLinkDown() bool {
	if r.Dst.Addr().Is4() {
		return r.link.either4("ignore_routes_with_linkdown") != 0
	}
	return r.link.setting6("ignore_routes_with_linkdown") != 0
}

// refusal is the errno of the route types that lead nowhere, 0 of any other.
func (r *route) refusal() kernel.Errno {
	switch r.Type {
	case kernel.Unreachable:
		return kernel.EHOSTUNREACH
	case kernel.Prohibit:
		return kernel.EACCES
	case kernel.Blackhole:
		return kernel.EINVAL
	case kernel.Unicast:
		if r.rejectsOnLoopback() {
			return kernel.ENETUNREACH
		}
	}
	return 0
}

// rejectsOnLoopback reports whether a route of IPv6 leads to the loopback device, though not to the loopback address: there is
// nobody. (net/ipv6/route.c: fib6_is_reject; net/ipv6/ip6_fib.c: ip6_rt_type_to_error.)
func (r *route) rejectsOnLoopback() bool {
	return r.Dst.Addr().Is6() && r.link != nil && r.link.loopback() && !r.Dst.Addr().IsLoopback()
}

// mtu is that of the path, of the route, or the link's. (net/ipv4/route.c: ipv4_mtu; net/ipv6/route.c: ip6_mtu.)
func (to way) mtu() int {
	mtu := to.link.mtu
	if to.by != nil && to.by.MTU != 0 {
		mtu = min(mtu, int(to.by.MTU))
	}
	if to.learned != 0 {
		mtu = min(mtu, to.learned)
	}
	return mtu
}

// wayBy is the way to a destination by a route. A gateway of IPv4 that is the namespace's own address is none: the
// destination is taken to be on the link. (net/ipv4/route.c: rt_set_nexthop, which wants a next hop of the scope link.)
func (ns *namespace) wayBy(r *route, dst netip.Addr) way {
	p := way{kind: r.Type, link: r.link, next: dst, by: r}
	if r.Gateway.IsValid() && (dst.Is6() || r.nhScope == kernel.ScopeLink) {
		p.next = r.Gateway
	}
	if p.kind == kernel.Local {
		p.link = ns.lo()
	}
	return p
}

// source returns the source that a packet to dst gets on its way if it has none; the zero Addr where there is none to
// have.
func (ns *namespace) source(to way, dst netip.Addr) netip.Addr {
	switch {
	case to.by.Source.IsValid():
		return to.by.Source
	case dst.Is6():
		return ns.source6(dst, to.by.link)
	}
	return ns.source4(to.by)
}

// sourceTo returns the source that a packet to dst gets. IPv6 chooses one even where no route leads there, and then says
// what the routes do. (net/ipv6/ip6_output.c: ip6_dst_lookup_tail.)
func (ns *namespace) sourceTo(dst netip.Addr) (netip.Addr, kernel.Errno) {
	to, errno := ns.route(flow{dst: dst})
	switch {
	case errno == 0:
		return ns.source(to, dst), 0
	case dst.Is4():
		return netip.Addr{}, errno
	}
	src := ns.source6(dst, nil)
	if !src.IsValid() {
		return src, kernel.EADDRNOTAVAIL
	}
	_, errno = ns.route(flow{src: src, dst: dst})
	return src, errno
}

func (ns *namespace) fib(dst netip.Addr) *fib {
	if dst.Is6() {
		return &ns.fib6
	}
	return &ns.fib4
}

// local reports whether an address is one of the namespace's own. (net/ipv4/fib_frontend.c: inet_addr_type;
// net/ipv6/addrconf.c: ipv6_chk_addr.)
func (ns *namespace) local(a netip.Addr) bool {
	r := ns.fib(a).find(kernel.TableLocal).lookup(a, anyRoute)
	return r != nil && r.Type == kernel.Local
}

// source4 is the source that packets by a route without one get: the first address of its link out of the gateway's
// subnet, else the first one, else one of another link. (net/ipv4/fib_semantics.c: fib_info_update_nhc_saddr;
// net/ipv4/devinet.c: inet_select_addr.)
func (ns *namespace) source4(r *route) netip.Addr {
	return ns.selectAddress(r.link, r.Gateway, r.Scope)
}

// selectAddress is the first address of a link of a scope that reaches far enough, one that shares a subnet with near before
// others, else the first one of another link. (net/ipv4/devinet.c: inet_select_addr.)
func (ns *namespace) selectAddress(l *link, near netip.Addr, scope kernel.Scope) netip.Addr {
	if l != nil {
		if a := l.sourceFor(near, scope); a.IsValid() {
			return a
		}
	}
	for _, l := range ns.sorted() {
		if a := l.sourceFor(netip.Addr{}, min(scope, kernel.ScopeSite)); a.IsValid() {
			return a
		}
	}
	return netip.Addr{}
}

// sourceFor is inet_select_addr's look at one link: primary addresses of a scope that reaches far enough, those that
// share a subnet with near first.
func (l *link) sourceFor(near netip.Addr, scope kernel.Scope) (first netip.Addr) {
	for _, a := range l.addresses4 {
		if a.Secondary || min(a.Scope, kernel.ScopeLink) > scope {
			continue
		}
		if !near.IsValid() || a.subnet().Contains(near) {
			return a.ip()
		}
		if !first.IsValid() {
			first = a.ip()
		}
	}
	return first
}
