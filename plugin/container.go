package plugin

import (
	"context"
	"fmt"

	"github.com/cnilab/cnilab/kernel"
)

// configureContainer gives the container's interface its addresses, sets it up, and adds the routes, which Linux
// refuses for a link that is down. All of it goes with the veth pair.
func (s *section) configureContainer(context.Context) error {
	for _, prefix := range s.layer3.addresses {
		if err := s.container.AddAddress(ipv4Address(s.containerEnd.Index, prefix)); err != nil {
			return err
		}
	}
	if err := s.container.ChangeLink(s.containerEnd.Index, kernel.LinkChange{Up: new(true)}); err != nil {
		return err
	}
	return s.addRoutes()
}

// addRoutes adds each beside others to the same destination, which a container with several interfaces may have.
func (s *section) addRoutes() error {
	for _, route := range s.layer3.routes {
		route.Link = s.containerEnd.Index
		if err := s.container.AddRoute(route, kernel.Beside); err != nil {
			return err
		}
	}
	return nil
}

// announce has neighbours forget who had the container's addresses before. With arp_notify Linux sends a gratuitous ARP
// whenever the interface's MAC address is set (inetdev_event, net/ipv4/devinet.c), to what it is, too. It also sends
// one when the interface comes up, but the bridge's port, which is not working then, drops it: measured on 6.18, where
// the reference plugin's containers are unreachable to those who knew the address until ARP expires.
func (s *section) announce(context.Context) error {
	if len(s.layer3.addresses) == 0 {
		return nil
	}
	if err := s.container.SetSysctl(fmt.Sprintf("net/ipv4/conf/%s/arp_notify", s.env.ifname), "1"); err != nil {
		return err
	}
	return s.container.ChangeLink(s.containerEnd.Index, kernel.LinkChange{MAC: s.containerEnd.MAC})
}
