//go:build linux

package linux

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// Advertise implements kernel.Routers with a raw socket, as routing daemons do. The kernel adds the checksum.
func (ns *NetNS) Advertise(a kernel.RouterAdvertisement) error {
	return ns.fail("advertise", dev(a.Link)+" "+a.String(), ns.advertise(a))
}

func (ns *NetNS) advertise(a kernel.RouterAdvertisement) error {
	message, errno := a.Message()
	if errno != 0 {
		return because(unix.EINVAL, "a time is less than 0 or too long, or the prefix is none of IPv6")
	}
	s, err := ns.socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, option := range []struct{ name, value int }{
		{unix.IPV6_MULTICAST_HOPS, 255}, // who is further away cannot send what is believed: RFC 4861, 6.1.2
		{unix.IPV6_MULTICAST_LOOP, 0},
		{unix.IPV6_MULTICAST_IF, a.Link},
	} {
		if err := s.set(unix.SOL_IPV6, option.name, option.value); err != nil {
			return err
		}
	}
	allNodes := &unix.SockaddrInet6{ZoneId: uint32(a.Link), Addr: netip.MustParseAddr("ff02::1").As16()}
	return s.do(func(fd int) error { return unix.Sendto(fd, message, 0, allNodes) })
}
