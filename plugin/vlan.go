package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// requireVLANs refuses a configuration with VLANs on a kernel whose bridges know none. bridge is the one there is, or
// the zero Link.
//
// A kernel that has no bridge is asked for one that it cannot make. br_validate (net/bridge/br_netlink.c) refuses the
// default VLAN 4095 with EINVAL before anything is made; but of it only kernels with CONFIG_BRIDGE_VLAN_FILTERING have
// that line, and others refuse to filter, with EOPNOTSUPP (br_vlan_filter_toggle, net/bridge/br_private.h).
func requireVLANs(host kernel.NetNS, c config.Config, bridge kernel.Link) error {
	switch {
	case !c.VLANs.Filter():
		return nil
	case bridge.Index != 0 && bridge.Bridge.DefaultPVID != kernel.NoVLANs:
		return nil
	case bridge.Index != 0:
		return noVLANs(c.Bridge)
	}
	err := host.AddLink(kernel.LinkSpec{
		Name: c.Bridge, Kind: kernel.KindBridge,
		Bridge: kernel.BridgeChange{Filtering: new(true), DefaultPVID: new(kernel.MaxVLAN + 1)},
	})
	switch {
	case errors.Is(err, kernel.EINVAL), errors.Is(err, kernel.EEXIST): // somebody has just made it, and knows
		return nil
	case errors.Is(err, kernel.EOPNOTSUPP):
		return noVLANs(c.Bridge)
	}
	return err
}

func noVLANs(bridge string) error {
	return types.NewError(CodeHost, fmt.Sprintf("bridge %q cannot filter VLANs: operation not supported by this kernel", bridge),
		`it was built without CONFIG_BRIDGE_VLAN_FILTERING; use another one, or leave "vlan" and "vlanTrunk" out`)
}

// filterVLANs has the bridge that there is keep VLANs apart. (The reference leaves it as it is, and its containers in
// one network.) Its ports stay in its default VLAN, all together.
func (s *section) filterVLANs() error {
	if !s.config.VLANs.Filter() || s.bridge.Bridge.Filtering {
		return nil
	}
	index := s.bridge.Index
	s.undo.push("have the bridge filter no VLANs", func(context.Context) error {
		return s.host.ChangeBridge(index, kernel.BridgeChange{Filtering: new(false)})
	})
	return s.host.ChangeBridge(index, kernel.BridgeChange{Filtering: new(true)})
}

// joinVLANs puts the host end into its VLANs, before it works. It leaves them with the veth pair.
func (s *section) joinVLANs(context.Context) error {
	if s.isOthersPort() {
		return nil
	}
	return s.join(s.hostEnd.Index, s.config.VLANs)
}

// join puts a port into VLANs; one that is new is in the bridge's default VLAN. Each range is one request, and the VLAN
// of untagged frames the last, since a range may have it too.
func (s *section) join(port int, v config.VLANs) error {
	native := v.Native()
	if native == 0 {
		return nil
	}
	if byDefault := s.bridge.Bridge.DefaultPVID; byDefault > 0 && byDefault != native && !v.PreserveDefault {
		if err := s.host.DeleteVLANs(kernel.VLANRange{Link: port, First: byDefault}); err != nil {
			return err
		}
	}
	for _, r := range v.Trunk {
		if err := s.host.AddVLANs(newVLANRange(port, r)); err != nil {
			return err
		}
	}
	return s.host.AddVLANs(kernel.VLANRange{Link: port, First: native, PVID: true, Untagged: true})
}

// newVLANRange leaves Last out where it is First, which the kernel would refuse.
func newVLANRange(port int, r config.VLANRange) kernel.VLANRange {
	if r.Last == r.First {
		return kernel.VLANRange{Link: port, First: r.First}
	}
	return kernel.VLANRange{Link: port, First: r.First, Last: r.Last}
}

// checkVLANs looks whether the host end is in its VLANs, and in no others.
func (k *check) checkVLANs(context.Context) error {
	if !k.config.VLANs.Filter() || k.bridge.Index == 0 || k.hostEnd.Index == 0 {
		return nil
	}
	if !k.bridge.Bridge.Filtering {
		k.missing("bridge %s does not filter VLANs", k.bridge.Name)
	}
	return k.checkMemberships(k.hostEnd, k.config.VLANs)
}

// checkMemberships notes in which VLANs a port is wrongly, or is not.
func (k *check) checkMemberships(port kernel.Link, v config.VLANs) error {
	all, err := k.host.VLANs()
	if err != nil {
		return err
	}
	member := map[int]kernel.VLAN{}
	for _, m := range all {
		if m.Link == port.Index {
			member[m.ID] = m
		}
	}
	if m, ok := member[v.Native()]; !ok || !m.PVID || !m.Untagged {
		k.missing("port %s is not in VLAN %d without a tag", port.Name, v.Native())
	}
	delete(member, v.Native())
	for _, r := range v.Trunk {
		for id := r.First; id <= r.Last; id++ {
			if _, ok := member[id]; !ok && id != v.Native() {
				k.missing("port %s is not in VLAN %d", port.Name, id)
				break
			}
			delete(member, id)
		}
	}
	if v.PreserveDefault {
		delete(member, k.bridge.Bridge.DefaultPVID)
	}
	for _, r := range all {
		if _, ok := member[r.ID]; ok && r.Link == port.Index {
			k.missing("port %s is in VLAN %d, which it should not be", port.Name, r.ID)
		}
	}
	return nil
}
