package sim

import (
	"fmt"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// inputIP takes a packet from a link: it is for the namespace, to be forwarded, or dropped. (net/ipv4/ip_input.c:
// ip_rcv; net/ipv4/route.c: ip_route_input_slow; net/ipv6/ip6_input.c: ipv6_rcv.)
func (l *link) inputIP(f frame) {
	p, ok := f.packet()
	if !ok || p.v6() != (f.kind == typeIPv6) {
		l.drop(f, DropBadHeader, "")
		return
	}
	if p.v6() && l.isMartian(f, p) {
		return
	}
	w := f.passage(p, l)
	if f.port == nil && !l.ns.through(atPreRouting, &w) { // br_netfilter_hooks.c: ip_sabotage_in
		return
	}
	if isDiscovery(w.packet) && (!l.ns.through(atLocalIn, &w) || l.inputNDP(w.packet)) {
		return
	}
	f.mark = w.facts.mark
	if p = w.packet; !p.v6() && l.isMartian(f, p) {
		return
	}
	if p.dst() == limitedBroadcast || p.dst().IsMulticast() {
		l.inputToMany(&w)
		return
	}
	to, errno := l.ns.route(flow{src: p.src(), dst: p.dst(), in: l, mark: w.facts.mark, of: p})
	switch {
	case errno == 0 && (to.kind == kernel.Local || to.kind == kernel.Anycast):
		l.ns.decide(p, l, nil, "route: local")
		l.inputLocal(&w)
	case errno == 0 && to.kind == kernel.Broadcast:
		l.inputToMany(&w)
	case !l.forwarding(p) && (errno == 0 || !p.v6()) || f.dst.multicast():
		l.ns.drop(p, l, nil, DropNotForwarding, "forwarding is off")
	case errno != 0:
		l.ns.drop(p, l, nil, DropNoRoute, "route: "+errno.Error())
		if r := noWay[errno]; r != (report{}) && l.ns.mayTellOfNoWay(p) {
			l.ns.report(w.join(), w.in, w.tracked, r)
		}
	default:
		l.ns.forward(&w, to)
	}
}

// inputLocal hands a packet up that is for the namespace. (net/ipv4/ip_input.c: ip_local_deliver.)
func (l *link) inputLocal(w *passage) {
	if l.ns.assemble(w, true) && l.ns.through(atLocalIn, w) {
		l.ns.deliver(w)
	}
}

// inputToMany hands a packet up that is for the namespace among others.
func (l *link) inputToMany(w *passage) {
	if l.ns.assemble(w, true) && l.ns.through(atLocalIn, w) {
		l.ns.deliverToMany(w)
	}
}

// noWay is what a router says of a packet that it has no way for. Nothing (the zero value) for a blackhole. By IPv6 who does
// not forward says so, too: the route is looked for first, and that there is none is a route to where it is said.
// (net/ipv4/route.c: ip_error; net/ipv6/route.c: ip6_pkt_discard, ip6_pkt_prohibit, ip6_null_entry.)
var noWay = map[kernel.Errno]report{
	kernel.ENETUNREACH:  netUnreachable,
	kernel.EHOSTUNREACH: {v4: hostUnreachable.v4, v6: netUnreachable.v6},
	kernel.EACCES:       packetFiltered,
}

// isMartian drops a packet that is martian. Of IPv6 that is found out before rules are asked, of IPv4 behind prerouting.
func (l *link) isMartian(f frame, p packet) bool {
	reason := l.martian(p, f.mark)
	if reason != "" {
		l.drop(f, reason, "")
	}
	return reason != ""
}

// martian says why a packet cannot have come from where it says, "" where it can: loopback addresses from a wire, a source that
// is no host, or one that is the namespace's own. (net/ipv4/route.c: ip_route_input_slow; net/ipv4/fib_frontend.c:
// __fib_validate_source; net/ipv6/ip6_input.c: ip6_rcv_core, which does not look at the last.)
func (l *link) martian(p packet, mark uint32) DropReason {
	src, dst := p.src(), p.dst()
	onWire := src.IsLoopback() || dst.IsLoopback()
	switch {
	case src.IsMulticast() || src == limitedBroadcast:
		return DropInvalidSource
	case l.loopback():
		return ""
	case p.v6() && onWire:
		return DropLocalNet
	case p.v6():
		return ""
	case onWire && l.either4("route_localnet") == 0:
		return DropLocalNet
	case l.ns.local(src) && l.either4("accept_local") == 0:
		return DropLocalSource
	case l.reverseFiltered(src, dst, mark):
		return DropReversePath
	}
	return ""
}

// reverseFiltered reports whether rp_filter drops what comes from src by this link: a source without a way back, or,
// where it is strict, with one by another link. The way back is that of a packet with the mark only where src_valid_mark
// says so. (net/ipv4/fib_frontend.c: __fib_validate_source.)
func (l *link) reverseFiltered(src, dst netip.Addr, mark uint32) bool {
	mode := max(l.conf4.at(rpFilter4), l.ns.sysctls.all4.at(rpFilter4))
	if mode == 0 || src.IsUnspecified() {
		return false
	}
	if mark != 0 && l.either4("src_valid_mark") == 0 {
		mark = 0
	}
	back, errno := l.ns.routed(flow{src: dst, dst: src, mark: mark})
	return errno != 0 || !back.leadsBy(l) && mode == 1 // fib_info_nh_uses_dev: any of its ways
}

// forwarding reports whether the link takes part in forwarding.
func (l *link) forwarding(p packet) bool {
	if p.v6() {
		return l.ip6.conf.at(forwarding6) != 0
	}
	return l.conf4.at(forwarding4) != 0
}

// forward sends a packet of somebody else on. (net/ipv4/ip_forward.c: ip_forward; net/ipv6/ip6_output.c: ip6_forward,
// where no router cuts a packet.) Redirects are not sent.
func (ns *namespace) forward(w *passage, to way) {
	p := w.packet
	w.out = to.link
	switch {
	case *p.hopLimit() <= 1:
		ns.drop(p, w.in, to.link, DropBadHeader, "the TTL is used up")
		ns.report(w.join(), w.in, w.tracked, timeExceeded)
	case p.v6() && (p.src().IsLinkLocalUnicast() || p.dst().IsLinkLocalUnicast()):
		ns.drop(p, w.in, to.link, DropNotForwarding, "link-local addresses stay on their link")
		ns.report(w.join(), w.in, w.tracked, report{v6: icmpKind{icmpv6Unreachable, 2}}) // beyond the scope of the source
	case p.v6() && w.length() > to.link.mtu:
		ns.drop(p, w.in, to.link, DropTooLong, fmt.Sprintf("%d bytes, MTU %d", w.length(), to.link.mtu))
		ns.report(w.join(), w.in, w.tracked, tooBig(to.link.mtu))
	case ns.through(atForward, w):
		if ns.world().watched() { // else nobody has to make words of it
			ns.decide(w.packet, w.in, to.link, "route: %s", to)
		}
		w.take().age()
		ns.leave(w, to)
	}
}
