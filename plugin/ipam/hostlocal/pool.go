package hostlocal

import (
	"encoding/binary"
	"iter"
	"net/netip"
)

// A Pool is a range of addresses to give away, the first and the last included.
type Pool struct {
	Subnet      netip.Prefix
	First, Last netip.Addr
	Gateway     netip.Addr // never given away
}

// newPool applies the reference's defaults: all of the subnet but its own address and the broadcast address, and the
// first address as the gateway.
func newPool(k poolKeys) (Pool, error) {
	subnet, err := parseSubnet(k.Subnet)
	if err != nil {
		return Pool{}, err
	}
	p := Pool{Subnet: subnet}
	for _, a := range []struct {
		key, value string
		into       *netip.Addr
		standard   netip.Addr
	}{
		{"rangeStart", k.RangeStart, &p.First, subnet.Addr().Next()},
		{"rangeEnd", k.RangeEnd, &p.Last, broadcast(subnet).Prev()},
		{"gateway", k.Gateway, &p.Gateway, subnet.Addr().Next()},
	} {
		if *a.into, err = parseAddr(a.key, a.value); err != nil {
			return Pool{}, err
		}
		if !a.into.IsValid() {
			*a.into = a.standard
		}
	}
	return p, p.validate()
}

func parseSubnet(s string) (netip.Prefix, error) {
	subnet, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return subnet, invalid("ipam.subnet %q is not an address with a prefix length", s)
	case !subnet.Addr().Is4():
		return subnet, invalid("ipam.subnet %s: this plugin gives IPv4 addresses only", subnet)
	case subnet.Bits() > 30:
		return subnet, invalid("Network %s too small to allocate from", subnet)
	case subnet != subnet.Masked():
		return subnet, invalid("Network has host bits set. For a subnet mask of length %d the network address is %s",
			subnet.Bits(), subnet.Masked().Addr())
	}
	return subnet, nil
}

func (p Pool) validate() error {
	switch {
	case !p.Subnet.Contains(p.First):
		return invalid("RangeStart %s not in network %s", p.First, p.Subnet)
	case !p.Subnet.Contains(p.Last):
		return invalid("RangeEnd %s not in network %s", p.Last, p.Subnet)
	case p.Last.Less(p.First):
		return invalid("RangeEnd %s is before RangeStart %s", p.Last, p.First)
	}
	return nil
}

// Contains reports whether the pool has the address.
func (p Pool) Contains(a netip.Addr) bool { return !a.Less(p.First) && !p.Last.Less(a) }

// After goes once around the pool, beginning with the address after last, or with the first one where last is not of
// the pool. What no container can have is left out: the gateway, the subnet's own address, its broadcast address.
func (p Pool) After(last netip.Addr) iter.Seq[netip.Addr] {
	start := p.First
	if last.IsValid() && p.Contains(last) {
		start = p.following(last)
	}
	return func(yield func(netip.Addr) bool) {
		for a, begun := start, false; !begun || a != start; a, begun = p.following(a), true {
			if p.usable(a) && !yield(a) {
				return
			}
		}
	}
}

func (p Pool) following(a netip.Addr) netip.Addr {
	if a == p.Last {
		return p.First
	}
	return a.Next()
}

func (p Pool) usable(a netip.Addr) bool {
	return a != p.Gateway && a != p.Subnet.Addr() && a != broadcast(p.Subnet)
}

// broadcast returns the last address of an IPv4 subnet.
func broadcast(subnet netip.Prefix) netip.Addr {
	a := subnet.Addr().As4()
	hosts := uint32(1)<<(32-subnet.Bits()) - 1
	binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])|hosts)
	return netip.AddrFrom4(a)
}
