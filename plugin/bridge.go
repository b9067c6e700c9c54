package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

func mustBeBridge(l kernel.Link) error {
	if l.Kind == kernel.KindBridge {
		return nil
	}
	return types.NewError(types.ErrInvalidNetworkConfig, fmt.Sprintf("%q already exists but is not a bridge", l.Name),
		`choose another name for "bridge"`)
}

// ensureBridge makes the bridge, or takes the one there is as it is, but sets it up and has it hear no router
// advertisements.
func (s *section) ensureBridge(context.Context) error {
	bridge, err := s.host.LinkByName(s.config.Bridge)
	switch {
	case errors.Is(err, kernel.ENODEV):
		return s.createBridge()
	case err != nil:
		return err
	}
	return s.useBridge(bridge)
}

func (s *section) useBridge(bridge kernel.Link) error {
	if err := mustBeBridge(bridge); err != nil {
		return err
	}
	s.bridge = bridge
	if err := s.filterVLANs(); err != nil {
		return err
	}
	return s.setDeafUp(bridge)
}

// setDeafUp sets a link up that somebody else made, once it hears no router advertisements.
func (s *section) setDeafUp(l kernel.Link) error {
	if err := s.refuseAdvertisements(l.Name); err != nil || l.Up {
		return err
	}
	if err := s.keepAddresses(l); err != nil {
		return err
	}
	s.undo.push("set "+l.Name+" down", func(context.Context) error { return setUp(s.host, l, false) })
	return setUp(s.host, l, true)
}

// keepAddresses has a link that is down get its addresses back when what sets it up has been undone: of IPv6 Linux deletes
// them when a link goes down (addrconf_ifdown, net/ipv6/addrconf.c).
func (s *section) keepAddresses(l kernel.Link) error {
	addresses, err := s.host.Addresses(l.Index)
	s.undo.push("restore the addresses of "+l.Name, func(context.Context) (failure error) {
		for _, a := range addresses {
			failure = errors.Join(failure, s.restoreAddress(a))
		}
		return failure
	})
	return err
}

// createBridge gives the bridge an address of its own. Without one it has its lowest port's, and none when the last
// port leaves; whoever talks to the gateway would have to learn a new address each time.
func (s *section) createBridge() error {
	spec := kernel.LinkSpec{
		Name: s.config.Bridge,
		Kind: kernel.KindBridge,
		MTU:  s.config.MTU,
		MAC:  bridgeMAC(s.bootID, s.config.Bridge),
		Up:   true,
	}
	if s.config.VLANs.Filter() {
		spec.Bridge.Filtering = new(true)
	}
	s.undo.push("delete the bridge", func(context.Context) error { return s.deleteBridge(spec) })
	created := s.host.AddLink(spec)
	if created != nil && !errors.Is(created, kernel.EEXIST) {
		return created
	}
	bridge, err := s.host.LinkByName(spec.Name)
	switch {
	case err != nil:
		return err
	case created != nil: // by somebody who does not know of the lock, such as the reference plugin
		s.undo.pop()
		return s.useBridge(bridge)
	}
	s.bridge = bridge
	return s.refuseAdvertisements(bridge.Name)
}

// refuseAdvertisements keeps a container from becoming the host's router by an IPv6 router advertisement on the bridge
// or the gateway of a VLAN (CVE-2020-10749), whoever made it; an ADD that was cut off may have made it, and come no further. A kernel without
// IPv6 has no such key, and no such problem.
func (s *section) refuseAdvertisements(link string) error {
	key := ipv6Key(link, "accept_ra")
	before, err := s.host.Sysctl(key)
	switch {
	case errors.Is(err, kernel.ENOENT):
		return nil
	case err != nil || before == "0":
		return err
	}
	s.undo.push("have the bridge hear router advertisements", func(context.Context) error {
		return s.resetSysctl(sysctl{key, before})
	})
	return s.host.SetSysctl(key, "0")
}

// setPromisc does what promiscMode asks for.
func (s *section) setPromisc(context.Context) error {
	if !s.config.PromiscMode || s.bridge.Promisc {
		return nil
	}
	index := s.bridge.Index
	s.undo.push("have the bridge take its own packets alone", func(context.Context) error {
		return s.host.ChangeLink(index, kernel.LinkChange{Promisc: new(false)})
	})
	return s.host.ChangeLink(index, kernel.LinkChange{Promisc: new(true)})
}

// deleteBridge deletes the bridge that this ADD made, unless somebody who does not know of the lock uses it by now.
func (s *section) deleteBridge(spec kernel.LinkSpec) error {
	links, err := s.host.Links()
	if err != nil {
		return err
	}
	index := 0
	for _, l := range links {
		if l.Name == spec.Name && bytes.Equal(l.MAC, spec.MAC) {
			index = l.Index
		}
	}
	for _, l := range links {
		if l.Master == index && l.Name != s.hostEnd.Name {
			return nil
		}
	}
	return deleteLink(s.host, index)
}
