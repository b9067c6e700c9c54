package plugin

import (
	"context"
	"fmt"

	"github.com/cnilab/cnilab/kernel"
)

// configureContainer gives the container's interface its addresses, sets it up, and adds the routes, which Linux refuses
// for a link that is down. All of it goes with the veth pair.
//
// The addresses come first because an interface announces, by gratuitous ARP, those that it has when it comes up.
func (s *section) configureContainer(context.Context) error {
	if err := s.addAddresses(); err != nil {
		return err
	}
	if err := s.container.ChangeLink(s.containerEnd.Index, kernel.LinkChange{Up: new(true)}); err != nil {
		return err
	}
	return s.addRoutes()
}

// addAddresses has them announced (arp_notify), so that neighbours forget who had the address before.
func (s *section) addAddresses() error {
	if len(s.layer3.addresses) == 0 {
		return nil
	}
	if err := s.container.SetSysctl(fmt.Sprintf("net/ipv4/conf/%s/arp_notify", s.env.ifname), "1"); err != nil {
		return err
	}
	for _, prefix := range s.layer3.addresses {
		if err := s.container.AddAddress(ipv4Address(s.containerEnd.Index, prefix)); err != nil {
			return err
		}
	}
	return nil
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
