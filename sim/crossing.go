package sim

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// A crossing is a destination of many that make a tree, or where the ways to two of them part; the root is that of all
// addresses. Below it is what begins as it does. As many steps lead to a route, at most, as there are bits in an address.
// (net/ipv4/fib_trie.c takes several bits at a step.)
type crossing struct {
	start  digits
	length int          // how many bits of it count
	routes []*route     // in the order in which they are tried
	below  [2]*crossing // by the first bit behind the start
}

// digits are the bits of an address; behind those of IPv4 there are zeros.
type digits struct{ high, low uint64 }

func digitsOf(a netip.Addr) digits {
	if a.Is4() {
		return digits{high: uint64(number4(a)) << 32}
	}
	b := a.As16()
	return digits{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// common is how many first bits two have in common.
func (d digits) common(other digits) int {
	if d.high != other.high {
		return bits.LeadingZeros64(d.high ^ other.high)
	}
	return 64 + bits.LeadingZeros64(d.low^other.low)
}

// at is the bit with a number, 0 behind the last.
func (d digits) at(i int) uint64 {
	if i < 64 {
		return d.high << i >> 63
	}
	return d.low << (i - 64) >> 63
}

// lookup returns the route with the longest prefix that ok accepts, nil where there is none.
func (c *crossing) lookup(dst netip.Addr, ok func(*route) bool) (best *route) {
	d := digitsOf(dst)
	for c != nil && d.common(c.start) >= c.length {
		if i := slices.IndexFunc(c.routes, ok); i >= 0 {
			best = c.routes[i]
		}
		c = c.below[d.at(c.length)]
	}
	return best
}

// at returns the routes to a destination.
func (c *crossing) at(dst netip.Prefix) []*route {
	d := digitsOf(dst.Addr())
	for c != nil && c.length < dst.Bits() && d.common(c.start) >= c.length {
		c = c.below[d.at(c.length)]
	}
	if c == nil || c.length != dst.Bits() || c.start != d {
		return nil
	}
	return c.routes
}

// insert puts a route before those to its destination that have a metric or a greater one. The crossing is the root.
func (c *crossing) insert(r *route, metric int) {
	d, length := digitsOf(r.Dst.Addr()), r.Dst.Bits()
	for c.length < length {
		next := &c.below[d.at(c.length)]
		if *next == nil {
			*next = &crossing{start: d, length: length}
		} else if common := min((*next).start.common(d), length); common < (*next).length {
			part := &crossing{start: d.first(common), length: common}
			part.below[(*next).start.at(common)] = *next
			*next = part
		}
		c = *next
	}
	c.routes = slices.Insert(c.routes, before(c.routes, metric), r)
}

// first is the address with zeros behind its first bits.
func (d digits) first(n int) digits {
	if n < 64 {
		return digits{high: d.high &^ (1<<(64-n) - 1)}
	}
	return digits{d.high, d.low &^ (1<<(128-n) - 1)}
}

// remove takes a route out, and with the last one to a destination the crossings that nobody needs any more, but for the
// root, which the crossing is.
func (c *crossing) remove(r *route) {
	if c.length == r.Dst.Bits() {
		i := slices.Index(c.routes, r)
		c.routes = slices.Delete(c.routes, i, i+1)
		return
	}
	next := &c.below[digitsOf(r.Dst.Addr()).at(c.length)]
	(*next).remove(r)
	if left := *next; len(left.routes) > 0 || left.below[0] != nil && left.below[1] != nil {
		return
	} else if *next = left.below[0]; *next == nil {
		*next = left.below[1]
	}
}

// appendThose appends the routes that match to a list, those to all destinations in order.
func (c *crossing) appendThose(match func(*route) bool, list []*route) []*route {
	if c == nil {
		return list
	}
	list = appendThose(match, list, c.routes)
	return c.below[1].appendThose(match, c.below[0].appendThose(match, list))
}
