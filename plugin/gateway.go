package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// addGateways makes the bridge the gateway, before the host end is a port: the bridge's MAC address, which neighbours
// are going to know, has to be one that no port gives and takes.
func (s *section) addGateways(context.Context) error {
	if !s.config.IsGateway {
		return nil
	}
	for _, gateway := range s.layer3.gateways {
		if err := s.addGateway(gateway); err != nil {
			return err
		}
	}
	return nil
}

// addGateway gives the bridge an address that it may have already. Another one it may not have: a bridge serves one
// network.
func (s *section) addGateway(gateway netip.Prefix) error {
	addresses, err := s.host.Addresses(s.bridge.Index)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		switch {
		case a.Prefix == gateway:
			return nil
		case a.Prefix.Addr().Is4():
			return types.NewError(types.ErrInvalidNetworkConfig,
				fmt.Sprintf("%q already has an IP address different from %s", s.bridge.Name, gateway),
				fmt.Sprintf("it has %s; choose another bridge or subnet, or delete the address", a.Prefix))
		}
	}
	if err := s.pinBridge(); err != nil {
		return err
	}
	address := ipv4Address(s.bridge.Index, gateway)
	s.undo.push("delete the gateway's address", func(context.Context) error { return s.deleteGateway(address) })
	err = s.host.AddAddress(address)
	if errors.Is(err, kernel.EEXIST) { // somebody who does not know of the lock was faster
		s.undo.pop()
		return nil
	}
	return err
}

// pinBridge sets the MAC address of a bridge that somebody else made to the one it has; to one of ours where it has
// none, having lost it with its last port. That needs no undo: nobody knew the bridge by another.
func (s *section) pinBridge() error {
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

func (s *section) deleteGateway(a kernel.Address) error {
	err := s.host.DeleteAddress(a)
	if errors.Is(err, kernel.EADDRNOTAVAIL) || errors.Is(err, kernel.ENODEV) {
		return nil
	}
	return err
}

// forwardingKey is whether the host passes IPv4 packets on. Writing it sets the same for every interface
// (inet_forward_change, net/ipv4/devinet.c).
const forwardingKey = "net/ipv4/ip_forward"

// forward turns forwarding on for networks that have addresses.
func (s *section) forward(context.Context) error {
	if !s.config.IsGateway || len(s.layer3.gateways) == 0 {
		return nil
	}
	before, err := s.host.Sysctl(forwardingKey)
	if err != nil || before == "1" {
		return err
	}
	s.undo.push("turn forwarding off", func(context.Context) error { return s.host.SetSysctl(forwardingKey, before) })
	return s.host.SetSysctl(forwardingKey, "1")
}
