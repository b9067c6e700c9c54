package sim

import (
	"encoding/binary"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// shared returns the route that a packet takes where several share the traffic to a destination: IPv6 siblings, by a hash
// of source and destination, so that what two hosts say to each other keeps to one way. A sibling whose gateway is known
// not to answer is left out. (net/ipv6/route.c: fib6_select_path, rt6_multipath_hash with fib_multipath_hash_policy 0,
// rt6_check_neigh.)
func (ns *namespace) shared(r *route, to flow) *route {
	if to.dst.Is4() || to.out != nil || !r.Gateway.IsValid() {
		return r
	}
	var siblings []*route
	for _, other := range ns.fib6.find(int(r.Table)).alike(r) {
		if r.siblingOf(other) && other.usable() {
			siblings = append(siblings, other)
		}
	}
	if len(siblings) < 2 {
		return r
	}
	chosen := siblings[ns.pathHash(to.src, to.dst)*uint64(len(siblings))>>32]
	if chosen.silent() {
		return r
	}
	return chosen
}

// silent reports whether the route's gateway was asked for its MAC in vain.
func (r *route) silent() bool {
	n := r.link.neighbours[r.Gateway]
	return n != nil && n.state == kernel.Failed
}

// pathHash is a number of 32 bits that depends on the addresses, and on the machine as Linux's random seed does.
func (ns *namespace) pathHash(src, dst netip.Addr) uint64 {
	h := ns.machine.pathSeed
	for _, a := range []netip.Addr{src, dst} {
		b := a.As16()
		for half := range 2 {
			h = (h ^ binary.BigEndian.Uint64(b[8*half:])) * golden
			h ^= h >> 32
		}
	}
	return h & 0xffffffff
}
