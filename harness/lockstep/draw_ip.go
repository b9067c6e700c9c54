package lockstep

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

func prefixes(all ...string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, p := range all {
		parsed = append(parsed, netip.MustParsePrefix(p))
	}
	return parsed
}

func addresses(all ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, a := range all {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	return parsed
}

var (
	usualAddresses = prefixes(
		"10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24", "10.0.1.1/24", "10.0.1.2/24", "10.0.0.1/16", "10.0.0.2/32", "10.0.2.1/30",
		"fd00::1/64", "fd00::2/64", "fd00::3/64", "fd00:1::1/64", "fd00:1::2/64", "fd00::1/128", "2001:db8::1/48",
	)
	oddAddresses = append(prefixes(
		"10.0.0.0/24", "10.0.0.255/24", "10.0.0.1/0", "10.0.0.1/8", "10.0.2.0/31", "10.0.2.1/31", "127.0.0.1/8", "127.0.0.2/8",
		"127.0.0.1/32", "0.0.0.0/0", "0.0.0.0/24", "255.255.255.255/32", "224.0.0.1/32", "169.254.1.1/16", "240.0.0.1/24",
		"0.1.2.3/8", "::1/128", "::/0", "::/128", "ff02::1/128", "ff05::1/64", "fe80::1/64", "fe80::1/128", "fec0::1/64",
		"fd00::/64", "fd00::1/0", "fd00::1/127", "::ffff:10.0.0.1/128", "::10.0.0.1/96", "2002:a00:1::1/16",
	), netip.Prefix{})
)

// prefix draws an address for a link, which mostly is none of those that it has.
func (d *drawer) prefix() netip.Prefix { return mostly(d, 7, usualAddresses, oddAddresses) }

func (d *drawer) addressAdd() operation.Operation {
	var o operation.AddressAdd
	o.NetNS, o.Link = d.aLink(anyLink)
	if d.has(isNarrow) && d.percent(25) {
		o.NetNS, o.Link = d.aLink(isNarrow)
	}
	a := &o.Address
	a.Prefix = d.prefix()
	if d.has(isWithout6) && d.percent(10) {
		o.NetNS, o.Link = d.aLink(isWithout6)
		a.Prefix = pick(d, usualAddresses[8:]...)
	}
	if len(d.m.addresses) > 0 && d.percent(12) {
		again := pick(d, d.m.addresses...)
		o.NetNS, o.Link, a.Prefix = again.netns, again.link, again.prefix
	}
	if a.Prefix.IsValid() && a.Prefix.Addr().Is4() && d.percent(15) {
		a.Broadcast = mostly(d, 20, addresses("10.0.0.255", "10.0.1.255"), addresses("0.0.0.0", "255.255.255.255", "10.0.0.1"))
	}
	if d.percent(5) {
		a.Scope = pick(d, kernel.ScopeLink, kernel.ScopeHost, kernel.ScopeSite, kernel.ScopeNowhere)
	} else if a.Prefix.IsValid() && a.Prefix.Addr().IsLoopback() {
		a.Scope = kernel.ScopeHost
	}
	a.NoDAD = d.percent(20)
	return o
}

func (d *drawer) addressDelete() operation.Operation {
	if len(d.m.addresses) == 0 && !d.percent(20) {
		return d.addressAdd()
	}
	if d.has(isNarrow6) && d.percent(8) {
		netns, link := d.aLink(isNarrow6)
		return operation.AddressDelete{NetNS: netns, Link: link, Prefix: pick(d, usualAddresses[8:]...)}
	}
	if len(d.m.addresses) > 0 && !d.percent(8) {
		a := pick(d, d.m.addresses...)
		return operation.AddressDelete{NetNS: a.netns, Link: a.link, Prefix: a.prefix}
	}
	netns, link := d.aLink(anyLink)
	return operation.AddressDelete{
		NetNS: netns, Link: link, Prefix: mostly(d, 20, usualAddresses, append(oddAddresses[:5:5], netip.Prefix{}, netip.Prefix{})),
	}
}

var (
	usualDestinations = prefixes(
		"0.0.0.0/0", "192.0.2.0/24", "198.51.100.0/24", "10.0.0.0/24", "10.0.9.0/24", "10.9.0.1/32", "10.0.0.0/8",
		"::/0", "fd00:2::/64", "fd00:3::/64", "fd00::/64", "fd00:2::1/128", "2001:db8:1::/48",
	)
	oddDestinations = append(prefixes(
		"10.0.9.1/24", "10.0.0.1/32", "10.0.0.255/32", "224.0.0.0/4", "224.0.0.1/32", "255.255.255.255/32", "127.0.0.0/8",
		"0.0.0.0/8", "0.0.0.0/32", "240.0.0.0/4", "fd00:2::1/64", "ff00::/8", "ff02::1/128", "fe80::/64", "::1/128", "::/128",
		"fe80::1/128", "fd00::1/128", "::ffff:10.0.0.0/120",
	), netip.Prefix{})
	oddGateways = addresses(
		"10.0.0.1", "10.0.0.2", "10.0.0.255", "10.0.0.0", "192.0.2.1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1",
		"fd00::1", "fd00::2", "fd00:9::1", "fe80::1", "::1", "::", "ff02::1", "::ffff:10.0.0.1",
	)
)

func (d *drawer) routeAdd() operation.Operation {
	netns, link := d.aLink(isUp)
	o := operation.RouteAdd{NetNS: netns, Mode: pick(d, kernel.Exclusive, kernel.Exclusive, kernel.Beside)}
	r := &o.Route
	r.Dst = mostly(d, 8, usualDestinations, oddDestinations)
	if len(d.m.routes) > 0 && d.percent(25) {
		again := pick(d, d.m.routes...) // the same destination, or the very same route
		if o.NetNS, netns, r.Dst = again.NetNS, again.NetNS, again.Route.Dst; d.percent(40) {
			again.Mode = o.Mode
			return again
		}
		link = d.linkName(netns, isUp)
	}
	if d.has(isWithout6) && d.percent(10) {
		netns, link = d.aLink(isWithout6)
		o.NetNS, r.Dst = netns, pick(d, usualDestinations[7:]...)
	}
	six := r.Dst.IsValid() && r.Dst.Addr().Is6()
	own := d.ownAddresses(netns, six)
	switch n := d.below(100); {
	case n < 45:
		o.Link = &link
	case n < 85 && len(own) > 0:
		d.via(&o, own)
	case n < 93:
		r.Type = pick(d, kernel.Blackhole, kernel.Unreachable, kernel.Prohibit, kernel.Throw)
	default:
		d.oddWay(&o)
	}
	d.routeDetails(&o, own)
	r.Scope = d.routeScope(*r)
	return o
}

// ownAddresses are those of a namespace, of one family.
func (d *drawer) ownAddresses(netns string, six bool) []modelAddress {
	var own []modelAddress
	for _, a := range d.m.addresses {
		if a.netns == netns && a.prefix.Addr().Is6() == six {
			own = append(own, a)
		}
	}
	return own
}

// via draws a gateway out of the subnet of an address.
func (d *drawer) via(o *operation.RouteAdd, own []modelAddress) {
	a := pick(d, own...)
	next := a.prefix.Masked().Addr()
	for range pick(d, 9, 9, 9, 9, 1, 2, 3) {
		next = next.Next()
	}
	o.Route.Gateway = next
	if d.percent(50) {
		o.Link = new(a.link)
	}
	o.Route.OnLink = d.percent(8)
}

// oddWay draws whatever a route can say of its way.
func (d *drawer) oddWay(o *operation.RouteAdd) {
	if d.percent(70) {
		o.Route.Gateway = pick(d, oddGateways...)
	}
	if d.percent(60) {
		o.Link = new(d.linkName(o.NetNS, anyLink))
	}
	if d.percent(30) {
		o.Route.Type = pick(d, kernel.Unicast, kernel.Local, kernel.Broadcast, kernel.Anycast, kernel.Multicast)
	}
	o.Route.OnLink = d.percent(30)
}

func (d *drawer) routeDetails(o *operation.RouteAdd, own []modelAddress) {
	r := &o.Route
	if len(own) > 0 && d.percent(12) {
		r.Source = pick(d, own...).prefix.Addr()
	} else if d.percent(2) {
		r.Source = pick(d, oddGateways...)
	}
	if d.percent(25) {
		r.Metric = pick(d, 1, 5, 100, 256, 1024, 1<<31-1)
	}
	if d.percent(15) {
		r.Table = pick(d, 100, 100, 1000, kernel.TableMain, kernel.TableDefault, kernel.TableLocal, 1)
	}
	if d.percent(15) {
		r.Protocol = pick(d, kernel.ProtoStatic, kernel.ProtoStatic, kernel.ProtoKernel, kernel.ProtoRA, kernel.ProtoRedirect, 99, 255)
	}
}

func (d *drawer) routeScope(r kernel.Route) kernel.Scope {
	if d.percent(4) {
		return pick(d, kernel.ScopeGlobal, kernel.ScopeSite, kernel.ScopeLink, kernel.ScopeHost, kernel.ScopeNowhere, 7)
	}
	return operation.UsualRouteScope(r)
}

func (d *drawer) routeDelete() operation.Operation {
	if len(d.m.routes) == 0 && !d.percent(20) {
		return d.routeAdd()
	}
	if len(d.m.routes) == 0 || d.percent(10) {
		add := d.routeAdd().(operation.RouteAdd)
		return operation.RouteDelete{NetNS: add.NetNS, Route: withoutScope(add.Route), Link: add.Link}
	}
	add := pick(d, d.m.routes...)
	o := operation.RouteDelete{NetNS: add.NetNS, Route: withoutScope(add.Route), Link: add.Link}
	r := &o.Route
	r.OnLink = false
	// Less than the whole route is enough to name it.
	if d.percent(40) {
		r.Source, r.Protocol = netip.Addr{}, 0
	}
	if d.percent(30) {
		r.Metric = 0
	}
	if d.percent(30) {
		o.Link = nil
	}
	if d.percent(30) {
		r.Gateway = netip.Addr{}
	}
	if d.percent(20) {
		r.Type = ""
	}
	if d.percent(5) {
		r.Scope = pick(d, kernel.ScopeLink, kernel.ScopeHost)
	}
	return o
}

func withoutScope(r kernel.Route) kernel.Route {
	r.Scope, r.OnLink = kernel.ScopeGlobal, false
	return r
}

var neighbourIPs = addresses("10.0.0.9", "10.0.0.8", "192.0.2.1", "fd00::9", "fd00::8", "fe80::9")

func (d *drawer) neighbourAdd() operation.Operation {
	var o operation.NeighbourAdd
	o.NetNS, o.Link = d.aLink(anyLink)
	o.Neighbour.IP = mostly(d, 10, neighbourIPs, append(oddGateways[:len(oddGateways):len(oddGateways)], netip.Addr{}))
	if len(d.m.neighbours) > 0 && d.percent(10) {
		again := pick(d, d.m.neighbours...)
		o.NetNS, o.Link, o.Neighbour.IP = again.NetNS, again.Link, again.Neighbour.IP
	}
	o.Neighbour.MAC = d.newMAC()
	if d.percent(5) {
		o.Neighbour.MAC = nil
	}
	if d.percent(6) {
		o.Neighbour.State = pick(d, kernel.Permanent, kernel.NoARP, kernel.Stale, kernel.Failed)
	}
	return o
}

func (d *drawer) neighbourDelete() operation.Operation {
	if len(d.m.neighbours) == 0 && !d.percent(20) {
		return d.neighbourAdd()
	}
	if len(d.m.neighbours) > 0 && !d.percent(10) {
		n := pick(d, d.m.neighbours...)
		return operation.NeighbourDelete{NetNS: n.NetNS, Link: n.Link, IP: n.Neighbour.IP}
	}
	netns, link := d.aLink(anyLink)
	return operation.NeighbourDelete{
		NetNS: netns, Link: link, IP: mostly(d, 30, neighbourIPs, append(oddGateways[:5:5], netip.Addr{})),
	}
}
