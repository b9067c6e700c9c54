package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// addGateways makes the bridge the gateway, before the host end is a port: the bridge's MAC address, which neighbours
// are going to know, has to be one that no port gives and takes.
func (s *section) addGateways(context.Context) error {
	if !s.config.IsGateway {
		return nil
	}
	if len(s.layer3.gateways) == 0 {
		return nil
	}
	addresses, err := s.host.Addresses(s.gateway.Index)
	if err != nil {
		return err
	}
	for _, gateway := range s.layer3.gateways {
		if addresses, err = s.addGateway(addresses, gateway); err != nil {
			return err
		}
	}
	return nil
}

// addGateway gives the bridge, which has these addresses, one that it may have already, and returns those that it has
// then.
func (s *section) addGateway(addresses []kernel.Address, gateway netip.Prefix) ([]kernel.Address, error) {
	if slices.ContainsFunc(addresses, func(a kernel.Address) bool { return a.Prefix == gateway }) {
		return addresses, nil
	}
	if gateway.Addr().Is4() {
		if err := s.keepRoutes(addresses); err != nil {
			return nil, err
		}
	}
	left, err := s.makeRoom(addresses, gateway)
	if err != nil {
		return nil, err
	}
	if err := s.pinBridge(); err != nil {
		return nil, err
	}
	if gateway.Addr().Is6() {
		if err := enableIPv6(s.host, s.gateway.Name, &s.undo); err != nil {
			return nil, err
		}
	}
	address := newAddress(s.gateway.Index, gateway)
	return append(left, address), s.addBridgeAddress(address)
}

func (s *section) addBridgeAddress(address kernel.Address) error {
	s.undo.push("delete the gateway's address", func(context.Context) error { return s.deleteBridgeAddress(address) })
	err := s.host.AddAddress(address)
	if errors.Is(err, kernel.EEXIST) { // somebody who does not know of the lock was faster
		s.undo.pop()
		return nil
	}
	return err
}

// keepRoutes has what others route by the bridge, and from its addresses, brought back where the rest is undone: Linux
// deletes all of the one when the link loses its last IPv4 address, and the other with the address (fib_inetaddr_event,
// net/ipv4/fib_frontend.c; fib_sync_down_addr, net/ipv4/fib_semantics.c).
func (s *section) keepRoutes(addresses []kernel.Address) error {
	all, err := s.host.Routes(kernel.IPv4)
	var before []kernel.Route
	for _, r := range all {
		isSource := func(a kernel.Address) bool { return a.Prefix.Addr() == r.Source }
		if r.Protocol != kernel.ProtoKernel && (r.Link == s.gateway.Index || slices.ContainsFunc(addresses, isSource)) {
			before = append(before, r)
		}
	}
	s.undo.push("restore the bridge's routes", func(context.Context) error {
		return errors.Join(s.restoreRoutes(before, false), s.restoreRoutes(before, true)) // gateways have to be reachable
	})
	return err
}

// restoreRoutes adds those that are not there any more, of the ones that lead to a gateway, or of the others.
func (s *section) restoreRoutes(routes []kernel.Route, toGateway bool) (failure error) {
	for _, r := range routes {
		if r.Gateway.IsValid() != toGateway {
			continue
		}
		if err := s.host.AddRoute(r, kernel.Beside); !errors.Is(err, kernel.EEXIST) {
			failure = errors.Join(failure, err)
		}
	}
	return failure
}

// makeRoom sees to the addresses of the bridge that the gateway's cannot stand beside: with forceAddress they are
// deleted, the secondary ones first, because Linux deletes those with the first of their subnet. It returns the others.
func (s *section) makeRoom(addresses []kernel.Address, gateway netip.Prefix) (left []kernel.Address, err error) {
	for _, a := range slices.Backward(addresses) {
		if !conflict(a.Prefix, gateway) {
			left = append(left, a)
			continue
		}
		if !s.config.ForceAddress {
			return nil, types.NewError(types.ErrInvalidNetworkConfig,
				fmt.Sprintf("%q already has an IP address different from %s", s.gateway.Name, gateway),
				fmt.Sprintf(`it has %s; choose another bridge or subnet, delete the address, or set "forceAddress"`, a.Prefix))
		}
		s.undo.push("restore the bridge's address", func(context.Context) error { return s.restoreAddress(a) })
		if err := s.deleteBridgeAddress(a); err != nil {
			return nil, err
		}
	}
	slices.Reverse(left)
	return left, nil
}

// conflict reports whether a bridge cannot serve with both addresses. It has one of IPv4, and of IPv6 one for each
// subnet.
func conflict(a, gateway netip.Prefix) bool {
	if a.Addr().Is4() && gateway.Addr().Is4() {
		return true
	}
	return a.Overlaps(gateway)
}

// pinBridge sets the MAC address of a bridge that somebody else made to the one it has; to one of ours where it has
// none, having lost it with its last port. That needs no undo: nobody knew the bridge by another. The gateway of a VLAN
// has one of its own.
func (s *section) pinBridge() error {
	if s.gateway.Index != s.bridge.Index {
		return nil
	}
	mac, ours := s.bridge.MAC, bridgeMAC(s.bootID, s.bridge.Name)
	switch {
	case bytes.Equal(mac, ours):
		return nil
	case isZero(mac):
		mac = ours
	}
	return s.host.ChangeLink(s.bridge.Index, kernel.LinkChange{MAC: mac})
}

func isZero(mac net.HardwareAddr) bool { return bytes.Count(mac, []byte{0}) == len(mac) }

func (s *section) deleteBridgeAddress(a kernel.Address) error {
	err := s.host.DeleteAddress(a)
	if errors.Is(err, kernel.EADDRNOTAVAIL) || errors.Is(err, kernel.ENODEV) {
		return nil
	}
	return err
}

// restoreAddress gives a link an address back that it may still have.
func (s *section) restoreAddress(a kernel.Address) error {
	if err := s.host.AddAddress(a); err != nil && !errors.Is(err, kernel.EEXIST) {
		return err
	}
	return nil
}

// forwardingKey is whether the host passes packets of a family on. Writing it sets the same for every interface
// (inet_forward_change, net/ipv4/devinet.c; addrconf_fixup_forwarding, net/ipv6/addrconf.c).
func forwardingKey(f kernel.Family) string {
	if f == kernel.IPv4 {
		return "net/ipv4/ip_forward"
	}
	return "net/ipv6/conf/all/forwarding"
}

// forwardedFamilies are those that the host has to forward.
func forwardedFamilies(c config.Config, l layer3) (families []kernel.Family) {
	for _, f := range []kernel.Family{kernel.IPv4, kernel.IPv6} {
		isOf := func(gateway netip.Prefix) bool { return familyOf(gateway.Addr()) == f }
		if c.IsGateway && slices.ContainsFunc(l.gateways, isOf) {
			families = append(families, f)
		}
	}
	return families
}

// forward turns forwarding on for networks that have addresses.
func (s *section) forward(context.Context) error {
	for _, family := range forwardedFamilies(s.config, s.layer3) {
		if err := s.turnOn(family); err != nil {
			return err
		}
	}
	return nil
}

func (s *section) turnOn(f kernel.Family) error {
	key := forwardingKey(f)
	before, err := s.host.Sysctl(key)
	if err != nil || before == "1" {
		return err
	}
	spread, err := s.spreadOf(f)
	if err != nil {
		return err
	}
	s.undo.push("turn forwarding off", func(context.Context) error {
		if s.othersForward {
			return nil
		}
		err := s.host.SetSysctl(key, before)
		for _, was := range spread {
			err = errors.Join(err, s.resetSysctl(was))
		}
		return err
	})
	return s.host.SetSysctl(key, "1")
}

// A sysctl is a setting and its value.
type sysctl struct{ key, value string }

// spreadOf returns what else writing a family's forwardingKey sets, as it is: whether single links forward, and whether
// the host believes ICMP redirects, which is off where all forward and on where they do not.
func (s *section) spreadOf(f kernel.Family) (spread []sysctl, err error) {
	folder, keys := "net/ipv6/conf/", []string{"default/forwarding"}
	if f == kernel.IPv4 {
		folder, keys = "net/ipv4/conf/", append(keys, "all/accept_redirects")
	}
	links, err := s.host.Links()
	for _, l := range links {
		keys = append(keys, l.Name+"/forwarding")
	}
	for _, key := range keys {
		value, err := s.host.Sysctl(folder + key)
		if err != nil && !errors.Is(err, kernel.ENOENT) {
			return nil, err
		}
		spread = append(spread, sysctl{folder + key, value})
	}
	return spread, err
}

// resetSysctl gives a setting its value back, unless it has it, or its link is gone.
func (s *section) resetSysctl(was sysctl) error {
	value, err := s.host.Sysctl(was.key)
	if errors.Is(err, kernel.ENOENT) {
		return nil
	}
	if err == nil && value != was.value {
		err = s.host.SetSysctl(was.key, was.value)
	}
	return err
}
