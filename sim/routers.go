package sim

import "github.com/cnilab/cnilab/kernel"

// Advertise is kernel.Routers'.
func (n *handle) Advertise(a kernel.RouterAdvertisement) error {
	return n.do("advertise", a.String(), func() *refusal {
		message, errno := a.Message()
		if errno != 0 {
			return refuse(errno)
		}
		l := n.ns.link(a.Link)
		if l == nil {
			return refuse(kernel.ENODEV) // net/ipv6/ipv6_sockglue.c: IPV6_MULTICAST_IF
		}
		return l.advertise(message)
	})
}
