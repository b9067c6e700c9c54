package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// inputIP takes a packet from a link: it is for the namespace, to be forwarded, or dropped. (net/ipv4/ip_input.c:
// ip_rcv; net/ipv4/route.c: ip_route_input_slow; net/ipv6/ip6_input.c: ipv6_rcv.)
func (l *link) inputIP(f frame) {
	p, ok := parsePacket(f.payload)
	if !ok || p.v6() != (f.kind == typeIPv6) || l.martian(p) || l.inputNDP(p) {
		return
	}
	p, by := l.arrived(p)
	if p == nil {
		return
	}
	if p.dst() == limitedBroadcast || p.dst().IsMulticast() {
		l.ns.deliverToMany(p)
		return
	}
	to, errno := l.ns.route(flow{src: p.src(), dst: p.dst(), in: l})
	switch {
	case errno == 0 && (to.kind == kernel.Local || to.kind == kernel.Anycast):
		if l.ns.filter.admits(localIn, factsOf(p, l, nil)) {
			l.ns.deliver(p)
		}
	case errno == 0 && to.kind == kernel.Broadcast:
		l.ns.deliverToMany(p)
	case !l.forwarding(p) || f.dst.multicast():
	case errno != 0:
		l.ns.report(p, noWay[errno])
	default:
		l.ns.forward(p, to, by)
	}
}

// noWay is what a router says of a packet that it has no way for. Nothing (the zero value) for a blackhole.
// (net/ipv4/route.c: ip_error; net/ipv6/route.c: ip6_pkt_discard, ip6_pkt_prohibit.)
var noWay = map[kernel.Errno]report{
	kernel.ENETUNREACH:  netUnreachable,
	kernel.EHOSTUNREACH: {v4: hostUnreachable.v4, v6: netUnreachable.v6},
	kernel.EACCES:       packetFiltered,
}

// martian reports whether a packet cannot have come from where it says: loopback addresses from a wire, a source that
// is no host, or one that is the namespace's own. (net/ipv4/route.c: ip_route_input_slow; net/ipv4/fib_frontend.c:
// __fib_validate_source; net/ipv6/ip6_input.c: ip6_rcv_core, which does not look at the last.)
func (l *link) martian(p packet) bool {
	src, dst := p.src(), p.dst()
	if src.IsMulticast() || src == limitedBroadcast {
		return true
	}
	if l.loopback() {
		return false
	}
	if p.v6() {
		return src.IsLoopback() || dst.IsLoopback()
	}
	return (src.IsLoopback() || dst.IsLoopback()) && l.either4("route_localnet") == 0 ||
		l.ns.local(src) && l.either4("accept_local") == 0 || l.reverseFiltered(src, dst)
}

// reverseFiltered reports whether rp_filter drops what comes from src by this link: a source without a way back, or,
// where it is strict, with one by another link. (net/ipv4/fib_frontend.c: __fib_validate_source.)
func (l *link) reverseFiltered(src, dst netip.Addr) bool {
	mode := l.either4("rp_filter")
	if mode == 0 || src.IsUnspecified() {
		return false
	}
	back, errno := l.ns.route(flow{src: dst, dst: src})
	return errno != 0 || back.link != l && mode == 1
}

// forwarding reports whether the link takes part in forwarding.
func (l *link) forwarding(p packet) bool {
	if p.v6() {
		return l.setting6("forwarding") != 0
	}
	return l.setting4("forwarding") != 0
}

// forward sends a packet of somebody else on. (net/ipv4/ip_forward.c: ip_forward; net/ipv6/ip6_output.c: ip6_forward,
// where no router cuts a packet.) Redirects are not sent.
func (ns *namespace) forward(p packet, to way, by passage) {
	switch {
	case *p.hopLimit() <= 1:
		ns.report(p, timeExceeded)
	case p.v6() && (p.src().IsLinkLocalUnicast() || p.dst().IsLinkLocalUnicast()):
		ns.report(p, report{v6: icmpKind{icmpv6Unreachable, 2}}) // beyond the scope of the source
	case p.v6() && len(p) > to.link.mtu:
		ns.report(p, tooBig(to.link.mtu))
	case ns.filter.admits(forwardHook, factsOf(p, by.in, to.link)):
		ns.leave(p.aged(), to, by)
	}
}
