package sim

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// advertise sends a router advertisement to all nodes on the link. It comes from the address that a socket gets.
func (l *link) advertise(message []byte) *refusal {
	src := l.ns.source6(allNodes, l)
	if !src.IsValid() {
		return refuse(kernel.EADDRNOTAVAIL) // net/ipv6/ip6_output.c: ip6_dst_lookup_tail
	}
	l.sendNDP(multicastMAC(allNodes), ndpPacket(src, allNodes, message))
	return nil
}

// parseAdvertisement takes a packet apart that says to be from a router on the link. (net/ipv6/ndisc.c: ndisc_rcv,
// ndisc_router_discovery.)
func parseAdvertisement(p packet) (a kernel.RouterAdvertisement, ok bool) {
	const withoutOptions = 16
	if !isNDP(p, withoutOptions) || !p.src().IsLinkLocalUnicast() {
		return a, false
	}
	b := p.payload()
	a.Router = seconds(uint32(binary.BigEndian.Uint16(b[6:])))
	for o := range ndpOptions(b[withoutOptions:]) {
		switch {
		case o[0] == kernel.OptionMTU:
			a.MTU = int(binary.BigEndian.Uint32(o[4:]))
		case o[0] == kernel.OptionPrefix && o[1] == 4:
			a.Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte(o[16:32])), int(o[2]))
			a.Valid = seconds(binary.BigEndian.Uint32(o[4:]))
		}
	}
	return a, true
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// inputRouter believes a router on the link, as far as accept_ra and its like say. (net/ipv6/ndisc.c:
// ndisc_router_discovery.)
func (l *link) inputRouter(a kernel.RouterAdvertisement, from netip.Addr) {
	if !l.believesRouters() {
		return
	}
	if l.ip6.search != nil {
		l.ip6.search.heard = true
	}
	if l.setting6("accept_ra_defrtr") != 0 && !l.has6(from) {
		l.learnRouter(from, a.Router)
	}
	if l.setting6("accept_ra_mtu") != 0 && a.MTU >= minIPv6MTU && a.MTU <= l.mtu && l.setting6("mtu") != a.MTU {
		l.ip6.conf.set("mtu", a.MTU)
		if r := l.defaultBy(from); r != nil {
			r.fibInfo = new(*r.fibInfo)
			r.MTU = uint16(min(a.MTU, maxRouteMTU))
		}
	}
	subnet := a.Prefix.Addr()
	if l.setting6("accept_ra_pinfo") != 0 && a.Prefix.IsValid() && !subnet.IsLinkLocalUnicast() && !subnet.IsMulticast() {
		l.learnSubnet(a.Prefix.Masked(), a.Valid)
		l.learnAddress(a.Prefix.Masked(), a.Valid)
	}
}

// learnRouter makes who said so a default router for a time, or takes it back. (net/ipv6/route.c: rt6_add_dflt_router.)
func (l *link) learnRouter(gateway netip.Addr, lifetime time.Duration) {
	l.learnRoute(lifetime, &route{Dst: everywhere6, link: l, fibInfo: &fibInfo{
		Gateway: gateway, Type: kernel.Unicast, Table: kernel.TableMain, Protocol: kernel.ProtoRA, Metric: userMetric,
		byRouter: true,
	}})
}

var everywhere6 = netip.PrefixFrom(netip.IPv6Unspecified(), 0)

// defaultBy is the route of a router that has said to be one, nil where there is none. (rt6_get_dflt_router.)
func (l *link) defaultBy(gateway netip.Addr) *route {
	for _, r := range l.ns.fib6.find(kernel.TableMain).to(everywhere6) {
		if r.link == l && r.byRouter && r.Gateway == gateway {
			return r
		}
	}
	return nil
}

// learnSubnet makes the route to a subnet on the link, for a time. (net/ipv6/addrconf.c: addrconf_prefix_rcv.)
func (l *link) learnSubnet(subnet netip.Prefix, valid time.Duration) {
	l.learnRoute(valid, &route{Dst: subnet, link: l, fibInfo: prefixInfo})
}

// learnRoute makes a route for a time, from now on, or takes it back. One that has expired is not used any more, and goes
// when Linux looks around for such the next time. (net/ipv6/route.c: rt6_check_expired; net/ipv6/ip6_fib.c: fib6_run_gc.)
func (l *link) learnRoute(lifetime time.Duration, r *route) {
	same := func(other *route) bool {
		return other.same6(r) && other.Protocol == r.Protocol && other.byRouter == r.byRouter
	}
	if lifetime == 0 {
		l.ns.fib6.flush(same)
	} else {
		l.addRoute6Once(r)
		l.ns.fib6.setExpired(same, false)
	}
	l.lasts(learned{gateway: r.Gateway, subnet: r.Dst}, lifetime, func() {
		l.ns.fib6.setExpired(same, true)
		l.world().after(lookAround, func() {
			l.ns.fib6.flush(func(r *route) bool { return r.expired && same(r) })
		})
	})
}

// lookAround is net.ipv6.route.gc_interval.
const lookAround = 30 * time.Second

// setExpired says of routes that match whether they are good no longer.
func (f *fib) setExpired(match func(*route) bool, expired bool) {
	for _, r := range f.all() {
		if match(r) && r.expired != expired {
			r.fibInfo = new(*r.fibInfo)
			r.expired = expired
		}
	}
}

// learnAddress makes an address of a prefix of 64 bits, for a time. What is not known to be from the router alone may not
// take an address away in less than two hours. (net/ipv6/addrconf.c: addrconf_prefix_rcv, addrconf_prefix_rcv_add_addr;
// RFC 4862, 5.5.3.)
func (l *link) learnAddress(subnet netip.Prefix, valid time.Duration) {
	if subnet.Bits() != 64 || l.setting6("autoconf") == 0 {
		return
	}
	b := subnet.Addr().As16()
	id := eui64(l.mac)
	if l.setting6("addr_gen_mode") == addrGenRandom {
		id = l.randomID()
	}
	binary.BigEndian.PutUint64(b[8:], id)
	ip := netip.AddrFrom16(b)
	what := learned{subnet: netip.PrefixFrom(ip, subnet.Bits())}
	a := l.find(ip)
	switch {
	case a == nil && valid == 0:
		return
	case a == nil:
		a = &address{Address: kernel.Address{Prefix: what.subnet}, learned: true}
		l.insertAddress6(a)
	case !a.learned:
		return // by hand, and for ever
	default:
		const least = 2 * time.Hour
		valid = max(valid, min(l.remains(what), least))
	}
	l.lasts(what, valid, func() {
		if l.find(ip) == a {
			l.dropAddress6(a)
		}
	})
}

// A learned is something that a link has of a router: it as a gateway, a subnet, or an address in one.
type learned struct {
	link    *link
	gateway netip.Addr
	subnet  netip.Prefix
}

// A lifetime is how long something is good for that was learned.
type lifetime struct {
	end  time.Duration // of the world's time
	stop func() bool
}

// lasts calls expire once something that was learned is good no longer, as it is known from now on.
func (l *link) lasts(what learned, lifetimeOf time.Duration, expire func()) {
	w := l.world()
	what.link = l
	if old, ok := w.lifetimes[what]; ok {
		old.stop()
		delete(w.lifetimes, what)
	}
	if lifetimeOf == 0 || lifetimeOf == kernel.Forever {
		return
	}
	if w.lifetimes == nil {
		w.lifetimes = map[learned]lifetime{}
	}
	w.lifetimes[what] = lifetime{w.clock.elapsed() + lifetimeOf, w.after(lifetimeOf, func() {
		delete(w.lifetimes, what)
		if !l.gone {
			expire()
		}
	})}
}

// remains is how long something is good for still: for ever where nobody said.
func (l *link) remains(what learned) time.Duration {
	what.link = l
	if until, ok := l.world().lifetimes[what]; ok {
		return until.end - l.world().clock.elapsed()
	}
	return kernel.Forever
}

// forgetRouters is what becomes of default routers where a namespace begins to forward, but those of links that believe
// routers all the same. (net/ipv6/route.c: rt6_purge_dflt_routers.)
func (ns *namespace) forgetRouters() {
	ns.fib6.flush(func(r *route) bool {
		return r.byRouter && r.link.setting6("accept_ra") != 2
	})
}
