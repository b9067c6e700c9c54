package plugin

import (
	"context"

	"github.com/cnilab/cnilab/kernel"
)

// enableIPv6 lets a link have IPv6 addresses, where the namespace's default says that it may not: container engines set
// disable_ipv6 for containers that asked for none.
func enableIPv6(ns kernel.NetNS, link string, u *undo) error {
	key := ipv6Key(link, "disable_ipv6")
	before, err := ns.Sysctl(key)
	if err != nil || before == "0" {
		return err
	}
	u.push("turn IPv6 off on "+link, func(context.Context) error { return ns.SetSysctl(key, before) })
	return ns.SetSysctl(key, "0")
}

func ipv6Key(link, name string) string { return "net/ipv6/conf/" + link + "/" + name }

// prepareIPv6 has the container's interface take IPv6 addresses at once and keep them when it is set down: with
// accept_dad its link-local address would be tentative for a second or two, unless enabledad asks for that, and without keep_addr_on_down Linux deletes
// all (addrconf_ifdown, net/ipv6/addrconf.c). As the reference does, it enables IPv6 on the loopback device too.
func (s *section) prepareIPv6() error {
	if !s.layer3.has(kernel.IPv6) {
		return nil
	}
	for _, link := range []string{"lo", s.env.ifname} {
		if err := enableIPv6(s.container, link, &s.add.undo); err != nil {
			return err
		}
	}
	if err := s.setDAD(); err != nil {
		return err
	}
	return s.container.SetSysctl(ipv6Key(s.env.ifname, "keep_addr_on_down"), "1")
}

// setDAD turns duplicate address detection on or off. Enhanced (RFC 7527), it knows a question that comes back by a
// port in hairpin mode for its own.
func (s *section) setDAD() error {
	if !s.config.EnableDAD {
		return s.container.SetSysctl(ipv6Key(s.env.ifname, "accept_dad"), "0")
	}
	if err := s.container.SetSysctl(ipv6Key(s.env.ifname, "enhanced_dad"), "1"); err != nil {
		return err
	}
	return s.container.SetSysctl(ipv6Key(s.env.ifname, "accept_dad"), "1")
}
