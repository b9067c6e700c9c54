package sim

import "github.com/cnilab/cnilab/kernel"

// inputIPv4 takes a packet from a link: it is for the namespace, to be forwarded, or dropped. (net/ipv4/ip_input.c: ip_rcv;
// net/ipv4/route.c: ip_route_input_slow.)
func (l *link) inputIPv4(f frame) {
	p, ok := parseIPv4(f.payload)
	if !ok || l.martian(p) {
		return
	}
	if p.dst() == limitedBroadcast {
		l.ns.deliverToMany(p)
		return
	}
	to, errno := l.ns.route(p.dst())
	switch {
	case errno == 0 && to.kind == kernel.Local:
		l.ns.deliver(p)
	case errno == 0 && to.kind == kernel.Broadcast:
		l.ns.deliverToMany(p)
	case l.setting4("forwarding") == 0 || f.dst.multicast():
	case errno != 0:
		l.ns.report(p, noWay[errno])
	default:
		l.ns.forward(p, to)
	}
}

// noWay is what a router says of a packet that it has no way for. Nothing (the zero value) for a blackhole.
// (net/ipv4/route.c: ip_error.)
var noWay = map[kernel.Errno]report{
	kernel.ENETUNREACH:  netUnreachable,
	kernel.EHOSTUNREACH: hostUnreachable,
	kernel.EACCES:       packetFiltered,
}

// martian reports whether a packet cannot have come from where it says: loopback addresses from a wire, a source that is
// no host, or one that is the namespace's own. (net/ipv4/route.c: ip_route_input_slow; net/ipv4/fib_frontend.c:
// __fib_validate_source.)
func (l *link) martian(p ipv4) bool {
	src, dst := p.src(), p.dst()
	if src.IsMulticast() || src == limitedBroadcast {
		return true
	}
	if l.loopback() {
		return false
	}
	return src.IsLoopback() || dst.IsLoopback() || l.ns.hasLocal4(src)
}

// forward sends a packet of somebody else on. (net/ipv4/ip_forward.c: ip_forward.) Redirects are not sent.
func (ns *namespace) forward(p ipv4, to way) {
	if p.ttl() <= 1 {
		ns.report(p, timeExceeded)
		return
	}
	ns.leave(p.aged(), to)
}
