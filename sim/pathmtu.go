package sim

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"time"
)

// pathMTUTime is how long a path's MTU is remembered. (net/ipv4/route.c: ip_rt_mtu_expires; net/ipv6/route.c:
// ip6_rt_mtu_expires.)
const pathMTUTime = 10 * time.Minute

// minPathMTU is the least that an IPv4 router is believed: net.ipv4.route.min_pmtu.
const minPathMTU = 552

// A routedPath is a way to a destination by a route. What is known of it is gone when another route leads there.
type routedPath struct {
	by  *route
	dst netip.Addr
}

// A pathMTU is what a router has said of a path.
type pathMTU struct {
	mtu   int
	until time.Duration
}

// learnMTU notes what an ICMP error says of a packet of the namespace's own that was too big for a link on its way.
// (net/ipv4/route.c: ip_rt_update_pmtu; net/ipv6/route.c: __ip6_rt_update_pmtu.)
func (ns *namespace) learnMTU(p packet) {
	mtu, about, ok := p.saysTooBig()
	if !ok || !ns.local(about.src()) {
		return
	}
	to, errno := ns.route(flow{src: about.src(), dst: about.dst(), of: about})
	if errno != 0 || mtu >= to.mtu() {
		return
	}
	ns.fib(about.dst()).learn(routedPath{to.by, about.dst()}, mtu)
}

// learn notes the MTU of a path, and forgets those that are over.
func (f *fib) learn(of routedPath, mtu int) {
	now := f.ns.world().clock.elapsed()
	maps.DeleteFunc(f.learned, func(_ routedPath, p pathMTU) bool { return now >= p.until })
	if f.learned == nil {
		f.learned = map[routedPath]pathMTU{}
	}
	f.learned[of] = pathMTU{mtu: mtu, until: now + pathMTUTime}
}

// learnedMTU is the MTU that was learned of the way to dst by a route; 0 where there is none, or no longer.
func (f *fib) learnedMTU(r *route, dst netip.Addr) int {
	if len(f.learned) == 0 {
		return 0
	}
	if p, ok := f.learned[routedPath{r, dst}]; ok && f.ns.world().clock.elapsed() < p.until {
		return p.mtu
	}
	return 0
}

// saysTooBig reads the ICMP error that a packet was too big: the MTU, and the beginning of the packet.
func (p packet) saysTooBig() (mtu int, about packet, ok bool) {
	message := p.payload()
	if !p.isICMPError() || len(message) < icmpHeader {
		return 0, nil, false
	}
	switch kind := (icmpKind{message[0], message[1]}); {
	case !p.v6() && kind == tooBig(0).v4:
		mtu = max(int(binary.BigEndian.Uint16(message[6:])), minPathMTU)
	case p.v6() && kind == tooBig(0).v6:
		mtu = int(binary.BigEndian.Uint32(message[4:]))
		if mtu < minIPv6MTU {
			return 0, nil, false
		}
	default:
		return 0, nil, false
	}
	about, ok = parseQuoted(message[icmpHeader:])
	return mtu, about, ok
}
