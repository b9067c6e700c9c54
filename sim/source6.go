package sim

import (
	"math/bits"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// source6 chooses the source of what goes to dst out of a link, by the rules of RFC 6724, section 5, that the
// simulation knows: the same address, an appropriate scope, the outgoing link, the longest common prefix. Among equals
// the first one counts. (net/ipv6/route.c: ip6_route_get_saddr; net/ipv6/addrconf.c: ipv6_dev_get_saddr,
// __ipv6_dev_get_saddr.)
func (ns *namespace) source6(dst netip.Addr, out *link) (best netip.Addr) {
	var score [4]int
	for _, l := range ns.sorted() {
		if (dst.IsLinkLocalUnicast() || dst.IsMulticast()) && l != out {
			continue // ipv6_dev_get_saddr: candidates of the outgoing link alone
		}
		for _, a := range l.addresses6 {
			if s := a.rank(dst, out); !a.Tentative && (!best.IsValid() || less(score, s)) {
				best, score = a.ip(), s
			}
		}
	}
	return best
}

// rank is how well an address suits as a source, the first rule first.
func (a *address) rank(dst netip.Addr, out *link) (score [4]int) {
	if a.ip() == dst {
		score[0] = 1
	}
	have, want := reach(a.ip()), reach(dst)
	if have >= want {
		score[1] = 1000 - have // wide enough, and no wider than need be
	} else {
		score[1] = have
	}
	if a.link == out {
		score[2] = 1
	}
	score[3] = min(commonPrefix(a.ip(), dst), a.Prefix.Bits())
	return score
}

// reach is the scope of an address: the wider, the greater (IPV6_ADDR_SCOPE_..., IPV6_ADDR_MC_SCOPE).
func reach(a netip.Addr) int {
	if a.IsMulticast() {
		return int(a.As16()[1] & 0xf)
	}
	switch scope6(a) {
	case kernel.ScopeHost:
		return 1
	case kernel.ScopeLink:
		return 2
	case kernel.ScopeSite:
		return 5
	}
	return 14
}

func less(a, b [4]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// commonPrefix returns how many bits two addresses share at their beginning.
func commonPrefix(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			return i*8 + bits.LeadingZeros8(d)
		}
	}
	return 128
}
