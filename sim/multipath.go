package sim

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// shared returns the way that a packet takes where several share the traffic to a destination, by a hash, so that what
// belongs together keeps to one way: of a route's next hops, and of IPv6 siblings.
func (ns *namespace) shared(r *route, to flow) *route {
	switch {
	case r.hops != nil:
		return ns.sharedHop(r, to)
	case to.dst.Is4() || to.out != nil || !r.canShare():
		return r
	}
	return ns.sharedSibling(r, to)
}

// sharedSibling is net/ipv6/route.c: fib6_select_path, rt6_multipath_hash with fib_multipath_hash_policy 0. A sibling whose
// gateway is known not to answer is left out (rt6_check_neigh).
func (ns *namespace) sharedSibling(r *route, to flow) *route {
	var siblings []*route
	for _, other := range ns.fib6.siblings(r) {
		if other.usable() {
			siblings = append(siblings, other)
		}
	}
	if len(siblings) < 2 {
		return r
	}
	bounds := upperBounds(siblings)
	hash := ns.pathHash(to.src, to.dst, 0)
	chosen := siblings[slices.IndexFunc(bounds, func(bound uint64) bool { return hash <= bound })]
	if chosen.silent() {
		return r
	}
	return chosen
}

// sharedHop is net/ipv4/fib_semantics.c: fib_select_multipath. Where the packet is the namespace's own and has a source
// already, a hop that would have given it that comes first (nh_saddr).
func (ns *namespace) sharedHop(r *route, to flow) *route {
	var hops []*route
	for _, h := range *r.hops {
		if h.usable() {
			hops = append(hops, h)
		}
	}
	bounds, hash := upperBounds(hops), ns.pathHash(ns.pathKeys(to))
	prefers := to.in == nil && to.src.IsValid() && ns.world().config.Profile.Features.PrefersOwnHop
	careful := ns.sysctls.plain.get("net/ipv4/fib_multipath_use_neigh") != 0
	best, bestScore := hops[0], -1
	for i, h := range hops {
		score := 0
		if careful && h.unheard() {
			continue
		}
		if prefers && ns.source4(h) == to.src {
			score += 2
		}
		if hash <= bounds[i] {
			score++
		}
		if score > bestScore {
			best, bestScore = h, score
		}
	}
	return best
}

// upperBounds gives each way its share of the numbers of 31 bits: those up to its bound that are no other's before it.
// (fib_rebalance; net/ipv6/route.c: rt6_multipath_rebalance.)
func upperBounds(ways []*route) []uint64 {
	total, sum := uint64(0), uint64(0)
	for _, w := range ways {
		total += uint64(w.weight) + 1
	}
	bounds := make([]uint64, len(ways))
	for i, w := range ways {
		sum += uint64(w.weight) + 1
		bounds[i] = (sum<<31+total/2)/total - 1
	}
	return bounds
}

// silent reports whether the route's gateway was asked for its MAC in vain.
func (r *route) silent() bool {
	n := r.link.neighbours[r.Gateway]
	return n != nil && n.state == kernel.Failed
}

// unheard reports whether the route's gateway is being asked for its MAC, or was in vain. (fib_good_nh: NUD_VALID.)
func (r *route) unheard() bool {
	n := r.link.neighbours[r.Gateway]
	return n != nil && (n.state == kernel.Incomplete || n.state == kernel.Failed)
}

// The values of fib_multipath_hash_policy that look at more than addresses: at ports and protocol, or at what
// fib_multipath_hash_fields says, which is the protocol.
const (
	hashByPorts    = 1
	hashByProtocol = 3
)

// pathKeys is what the hash is made of. By addresses, an ICMP error is of the flow that it is about. (net/ipv4/route.c:
// fib_multipath_hash, ip_multipath_l3_keys.)
func (ns *namespace) pathKeys(to flow) (src, dst netip.Addr, more uint64) {
	src, dst = to.src, to.dst
	if to.of == nil {
		return src, dst, 0
	}
	switch ns.sysctls.plain.get("net/ipv4/fib_multipath_hash_policy") {
	case hashByPorts:
		more = uint64(to.of.protocol()) << 32
		if t, ok := to.of.tuple(); ok && (t.protocol == protoTCP || t.protocol == protoUDP) {
			more |= uint64(t.from.port)<<16 | uint64(t.to.port)
		}
	case hashByProtocol:
		more = uint64(to.of.protocol()) << 32
	default:
		if about, ok := to.of.about(); ok {
			src, dst = about.src(), about.dst()
		}
	}
	return src, dst, more
}

// about is the beginning of the packet that an ICMP error of IPv4 is about.
func (p packet) about() (packet, bool) {
	message := p.payload()
	if p.v6() || !p.first() || !p.isICMPError() || len(message) < icmpHeader {
		return nil, false
	}
	return parseQuoted(message[icmpHeader:])
}

// pathHash is a number of 31 bits that depends on what it is given, and on the machine as Linux's random seed does.
func (ns *namespace) pathHash(src, dst netip.Addr, more uint64) uint64 {
	h := ns.machine.pathSeed
	mix := func(word uint64) {
		h = (h ^ word) * golden
		h ^= h >> 32
	}
	for _, a := range []netip.Addr{src, dst} {
		b := a.As16()
		for half := range 2 {
			mix(binary.BigEndian.Uint64(b[8*half:]))
		}
	}
	if more != 0 {
		mix(more)
	}
	return h & 0x7fffffff
}
