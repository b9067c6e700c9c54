package sim

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// ownRoutes4 returns the routes that an address brings along. (net/ipv4/fib_frontend.c: fib_add_ifaddr.)
func (l *link) ownRoutes4(a, primary *address) []*route {
	local, broadcast := ownInfo4(kernel.Local, primary.ip()), ownInfo4(kernel.Broadcast, primary.ip())
	own := func(dst netip.Prefix, info *fibInfo) *route { return &route{Dst: dst, link: l, fibInfo: info} }
	routes := []*route{own(netip.PrefixFrom(a.ip(), 32), local)}
	if b := a.Broadcast; b.IsValid() && !b.IsUnspecified() && b != limitedBroadcast {
		routes = append(routes, own(netip.PrefixFrom(b, 32), broadcast))
	}
	subnet := a.subnet()
	if zeroNet(subnet.Addr()) || a.Secondary || subnet.Bits() == 32 {
		return routes
	}
	connected := local
	if !l.loopback() {
		connected = ownInfo4(kernel.Unicast, primary.ip())
	}
	routes = append(routes, own(subnet, connected))
	if subnet.Bits() < 31 {
		routes = append(routes, own(netip.PrefixFrom(lastOf(subnet), 32), broadcast))
	}
	return routes
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// zeroNet is ipv4_is_zeronet: 0.0.0.0/8.
func zeroNet(ip netip.Addr) bool { return ip.As4()[0] == 0 }

// lastOf returns the last address of an IPv4 subnet.
func lastOf(subnet netip.Prefix) netip.Addr {
	b := subnet.Addr().As4()
	for bit := subnet.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}

var loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Each namespace has 127.0.0.1, with routes that are like those of all others.
var (
	loopbackLocal     = newOwnInfo4(kernel.Local, loopback4)
	loopbackBroadcast = newOwnInfo4(kernel.Broadcast, loopback4)
)

// ownInfo4 is what the routes of a type are like that a primary address brings along.
func ownInfo4(typ kernel.RouteType, primary netip.Addr) *fibInfo {
	switch {
	case primary == loopback4 && typ == kernel.Local:
		return loopbackLocal
	case primary == loopback4 && typ == kernel.Broadcast:
		return loopbackBroadcast
	}
	return newOwnInfo4(typ, primary)
}

// newOwnInfo4 is net/ipv4/fib_frontend.c: fib_magic, with the scopes that fib_create_info gives the next hops.
func newOwnInfo4(typ kernel.RouteType, primary netip.Addr) *fibInfo {
	info := &fibInfo{
		Source: primary, Type: typ,
		Table: kernel.TableLocal, Protocol: kernel.ProtoKernel, Scope: kernel.ScopeLink, nhScope: kernel.ScopeHost,
	}
	switch typ {
	case kernel.Unicast:
		info.Table = kernel.TableMain
	case kernel.Local:
		info.Scope, info.nhScope = kernel.ScopeHost, kernel.ScopeNowhere
	}
	return info
}

// makeRoutes4 puts the routes of an address into the tables, behind others to the same destination (NLM_F_APPEND).
func (l *link) makeRoutes4(a *address) {
	routes := l.ownRoutes4(a, l.primary(a))
	if !l.up {
		routes = routes[:1] // fib_add_ifaddr: IFF_UP is asked for behind the local route
	}
	for _, r := range routes {
		if !l.ns.validSource4(r) {
			continue // fib_create_info
		}
		t := l.ns.fib4.table(int(r.Table))
		if !slices.ContainsFunc(t.alike(r), r.same4) {
			t.append(r)
		}
	}
	l.reviveHops() // fib_inetaddr_event
}

// dropRoutes4 takes the routes of an address out of the tables, except those that another address of the link with the
// same primary makes as well, and then whatever has the address as its source. (net/ipv4/fib_frontend.c:
// fib_del_ifaddr, fib_sync_down_addr.)
func (l *link) dropRoutes4(a, primary *address) {
	if primary == nil {
		return
	}
	for _, r := range l.ownRoutes4(a, primary) {
		if l.anotherMakes(r, a, primary) {
			continue
		}
		t := l.ns.fib4.table(int(r.Table))
		for _, mine := range t.to(r.Dst) {
			if mine.same4(r) {
				t.remove(mine)
			}
		}
	}
	if !l.ns.hasLocal4(a.ip()) {
		// fib_sync_down_addr: fib_tb_id
		l.ns.fib4.flush(func(r *route) bool { return r.Source == a.ip() && r.Table == kernel.TableMain })
	}
}

// anotherMakes reports whether an address other than a, with the same primary IP, brings the route r too.
func (l *link) anotherMakes(r *route, a, primary *address) bool {
	for _, other := range l.addresses4 {
		if other == a || l.primary(other) == nil || l.primary(other).ip() != primary.ip() {
			continue
		}
		if slices.ContainsFunc(l.ownRoutes4(other, l.primary(other)), r.same4) {
			return true
		}
	}
	return false
}

// hasLocal4 reports whether packets to ip are for this namespace. (inet_addr_type == RTN_LOCAL.)
func (ns *namespace) hasLocal4(ip netip.Addr) bool {
	r := ns.fib4.find(kernel.TableLocal).lookup(ip, anyRoute)
	return r != nil && r.Type == kernel.Local
}

func anyRoute(*route) bool { return true }
