package hostlocal

import (
	"fmt"
	"net/netip"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// A Range is addresses to give away, the first and the last included.
type Range struct {
	Subnet      netip.Prefix
	First, Last netip.Addr
	Gateway     netip.Addr // never given away
}

type rangeKeys struct {
	Subnet     string `json:"subnet"`
	RangeStart string `json:"rangeStart"`
	RangeEnd   string `json:"rangeEnd"`
	Gateway    string `json:"gateway"`
}

// newRange applies the reference's defaults: all of the subnet but its own address and, in IPv4, the broadcast address;
// and the first address as the gateway.
func newRange(k rangeKeys) (Range, error) {
	subnet, err := parseSubnet(k.Subnet)
	if err != nil {
		return Range{}, err
	}
	r := Range{Subnet: subnet}
	for _, a := range []struct {
		key, value string
		into       *netip.Addr
		standard   netip.Addr
	}{
		{"gateway", k.Gateway, &r.Gateway, subnet.Addr().Next()},
		{"rangeStart", k.RangeStart, &r.First, subnet.Addr().Next()},
		{"rangeEnd", k.RangeEnd, &r.Last, lastOf(subnet)},
	} {
		*a.into = a.standard
		if a.value == "" {
			continue
		}
		if *a.into, err = ipam.ParseAddr(a.value); err != nil {
			return Range{}, fmt.Errorf("%s %q: %w", a.key, a.value, err)
		}
	}
	return r, r.validate()
}

func parseSubnet(s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, fmt.Errorf("IP <nil> not v4 nor v6: there is no subnet")
	}
	subnet, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return subnet, fmt.Errorf("subnet %q: invalid CIDR address: %s", s, s)
	case subnet.Bits() > subnet.Addr().BitLen()-2:
		return subnet, ipam.Invalid("Network %s too small to allocate from", subnet)
	case subnet.Addr().Is4In6():
		return subnet, fmt.Errorf("IPNet IP and Mask version mismatch")
	case subnet != subnet.Masked():
		return subnet, ipam.Invalid("Network has host bits set. For a subnet mask of length %d the network address is %s",
			subnet.Bits(), subnet.Masked().Addr())
	}
	return subnet, nil
}

func (r Range) validate() error {
	switch {
	case !r.Subnet.Contains(r.First):
		return fmt.Errorf("RangeStart %s not in network %s", r.First, r.Subnet)
	case !r.Subnet.Contains(r.Last):
		return fmt.Errorf("RangeEnd %s not in network %s", r.Last, r.Subnet)
	case r.Last.Less(r.First):
		return fmt.Errorf("RangeEnd %s not in network %s: it is before RangeStart %s", r.Last, r.Subnet, r.First)
	case r.Gateway.Is4() != r.Subnet.Addr().Is4():
		return fmt.Errorf("gateway %s cannot be that of %s", r.Gateway, r.Subnet)
	}
	return nil
}

// Contains reports whether the address is between the first and the last.
func (r Range) Contains(a netip.Addr) bool {
	return a.BitLen() == r.First.BitLen() && !a.Less(r.First) && !r.Last.Less(a)
}

func (r Range) overlaps(o Range) bool {
	return r.Contains(o.First) || r.Contains(o.Last) || o.Contains(r.First) || o.Contains(r.Last)
}

func (r Range) String() string { return r.First.String() + "-" + r.Last.String() }

// usable is false of what no container can have: the gateway, the subnet's own address, its broadcast address. (The
// reference gives the last two where rangeStart or rangeEnd names them.)
func (r Range) usable(a netip.Addr) bool {
	return a != r.Gateway && a != r.Subnet.Addr() && (a.Is6() || a != highest(r.Subnet))
}

// lastOf returns the last address that can be given away by default. IPv6 has no broadcast address.
func lastOf(subnet netip.Prefix) netip.Addr {
	if subnet.Addr().Is6() {
		return highest(subnet)
	}
	return highest(subnet).Prev()
}

// highest returns the address with all bits of the host's part set.
func highest(subnet netip.Prefix) netip.Addr {
	bytes := subnet.Addr().AsSlice()
	for bit := subnet.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(bytes)
	return a
}
