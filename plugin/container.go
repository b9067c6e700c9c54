package plugin

import (
	"context"

	"github.com/cnilab/cnilab/kernel"
)

// configureContainer gives the container's interface its addresses, sets it up, and adds the routes, which Linux
// refuses for a link that is down. All of it goes with the veth pair.
func (s *section) configureContainer(context.Context) error {
	if s.config.DisableContainerInterface || s.adopted {
		return nil
	}
	if err := s.prepareIPv6(); err != nil {
		return err
	}
	for _, prefix := range s.layer3.addresses {
		if err := s.container.AddAddress(s.newContainerAddress(prefix)); err != nil {
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

// announce has neighbours forget who had the container's addresses before. With arp_notify Linux sends a gratuitous
// ARP whenever the interface's MAC address is set (inetdev_event, net/ipv4/devinet.c), to what it is, too; with
// ndisc_notify an unsolicited neighbour advertisement (ndisc_netdev_event, net/ipv6/ndisc.c). It also sends them when
// the interface comes up, but the bridge's port, which is not working then, drops them: measured on 6.18, where the
// reference plugin's containers are unreachable to those who knew the address until ARP expires.
func (s *section) announce(context.Context) error {
	if len(s.layer3.addresses) == 0 || s.adopted {
		return nil
	}
	for _, notify := range []struct {
		family kernel.Family
		key    string
	}{
		{kernel.IPv4, "net/ipv4/conf/" + s.env.ifname + "/arp_notify"},
		{kernel.IPv6, ipv6Key(s.env.ifname, "ndisc_notify")},
	} {
		if !s.layer3.has(notify.family) {
			continue
		}
		if err := s.container.SetSysctl(notify.key, "1"); err != nil {
			return err
		}
	}
	return s.container.ChangeLink(s.containerEnd.Index, kernel.LinkChange{MAC: s.containerEnd.MAC})
}
