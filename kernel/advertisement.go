package kernel

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Routers are what a program inside the namespace does that says to be a router of IPv6, rightly or not: a pod that can
// make its node take it for one reads the node's traffic (CVE-2020-10749).
type Routers interface {
	// Advertise sends one router advertisement to all nodes on a link, from the link's link-local address.
	//
	//	ENODEV         no link has the index
	//	EADDRNOTAVAIL  the link has no address that it could be sent from
	//	EINVAL         a time is less than 0 or does not fit, or Prefix is one of IPv4
	Advertise(a RouterAdvertisement) error
}

// A RouterAdvertisement is what a router says of itself and of a link: RFC 4861, 4.2.
type RouterAdvertisement struct {
	Link   int
	Router time.Duration // for how long the sender is a default router, in whole seconds, at most MaxRouterLifetime; 0: not, or no longer
	MTU    int           // of the link; 0: nothing is said

	// Prefix is on the link, and nodes may make addresses of it (the flags L and A); the zero Prefix: nothing is said. It
	// is valid, and preferred, for as long as Valid: whole seconds, or Forever.
	Prefix netip.Prefix
	Valid  time.Duration
}

// MaxRouterLifetime is the longest that a router can be one for.
const MaxRouterLifetime = 65535 * time.Second

// Forever is the lifetime that does not end: 2³²-1 seconds.
const Forever = (1<<32 - 1) * time.Second

// The types of the message and of its options: RFC 4861, 4.2 and 4.6.
const (
	TypeRouterAdvertisement = 134
	OptionPrefix            = 3
	OptionMTU               = 5
)

// Message returns the ICMPv6 message, without its checksum. EINVAL as of Advertise.
func (a RouterAdvertisement) Message() ([]byte, Errno) {
	if !lasts(a.Router, MaxRouterLifetime) || !lasts(a.Valid, Forever) || a.Prefix.IsValid() && a.Prefix.Addr().Is4() || a.MTU < 0 {
		return nil, EINVAL
	}
	m := make([]byte, 16, 56)
	m[0] = TypeRouterAdvertisement
	binary.BigEndian.PutUint16(m[6:], uint16(a.Router/time.Second))
	if a.MTU > 0 {
		m = append(m, OptionMTU, 1, 0, 0)
		m = binary.BigEndian.AppendUint32(m, uint32(a.MTU))
	}
	if a.Prefix.IsValid() {
		const onLink, autonomous = 0x80, 0x40
		seconds := uint32(a.Valid / time.Second)
		m = append(m, OptionPrefix, 4, byte(a.Prefix.Bits()), onLink|autonomous)
		m = binary.BigEndian.AppendUint32(m, seconds)
		m = binary.BigEndian.AppendUint32(m, seconds)
		m = append(m, 0, 0, 0, 0)
		m = append(m, a.Prefix.Masked().Addr().AsSlice()...)
	}
	return m, 0
}

func lasts(d, most time.Duration) bool { return d >= 0 && d <= most && d%time.Second == 0 }

// String is what is said, without the link.
func (a RouterAdvertisement) String() string {
	words := []string{"router", a.Router.String()}
	if a.MTU != 0 {
		words = append(words, "mtu", strconv.Itoa(a.MTU))
	}
	if a.Prefix.IsValid() {
		words = append(words, "prefix", a.Prefix.String(), "valid", a.Valid.String())
	}
	return strings.Join(words, " ")
}
