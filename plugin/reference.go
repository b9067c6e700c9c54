package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// isReferenceHostEnd knows how the reference plugin names the host ends of its veth pairs: veth and 8 random digits.
func isReferenceHostEnd(name string) bool {
	digits, ok := strings.CutPrefix(name, "veth")
	return ok && len(digits) == 8 && strings.Trim(digits, "0123456789abcdef") == ""
}

// deleteReferencePair deletes what the reference plugin made for the attachment, on a node where this plugin has taken
// its place since. prevResult tells which host end that was; by name and MAC address, so that a later one of the same
// name is left alone. Runtimes hand it to DEL since 0.4.0 of the specification; without, CNI_NETNS is looked at, as the
// reference does.
func (c *call) deleteReferencePair(ctx context.Context, host kernel.NetNS) error {
	told := c.previousInterfaces()
	if told == nil {
		return c.deleteReferenceEnd(ctx, host)
	}
	for _, i := range told {
		if i == nil || i.Sandbox != "" || !isReferenceHostEnd(i.Name) {
			continue
		}
		if err := deleteIfSame(host, i); err != nil {
			return err
		}
	}
	return nil
}

// previousInterfaces reads prevResult as far as it can be read; nil where it tells of none. SPEC 1.1.0, section 2, DEL:
// "Plugins should still return without error if prevResult is empty".
func (c *call) previousInterfaces() []*types100.Interface {
	var keys struct {
		PrevResult struct {
			Interfaces []*types100.Interface `json:"interfaces"`
		} `json:"prevResult"`
	}
	if json.Unmarshal(c.stdin, &keys) != nil || len(keys.PrevResult.Interfaces) == 0 {
		return nil
	}
	return keys.PrevResult.Interfaces
}

func deleteIfSame(host kernel.NetNS, i *types100.Interface) error {
	l, err := host.LinkByName(i.Name)
	switch {
	case errors.Is(err, kernel.ENODEV):
		return nil
	case err != nil:
		return err
	case l.Kind != kernel.KindVeth || l.MAC.String() != i.Mac:
		return nil
	}
	return deleteLink(host, l.Index)
}

// deleteReferenceEnd deletes the interface in CNI_NETNS, and with it the host end, where it is the attachment's beyond
// doubt. The path may be another container's by now, or lead nowhere.
func (c *call) deleteReferenceEnd(ctx context.Context, host kernel.NetNS) error {
	container, err := c.openContainer()
	if err != nil || container == nil {
		return err
	}
	defer container.Close()
	end, err := container.LinkByName(c.env.ifname)
	switch {
	case errors.Is(err, kernel.ENODEV):
		return nil
	case err != nil:
		return err
	}
	if attached, err := c.isByReference(host, end); err != nil || !attached {
		return err
	}
	if leased, err := c.hasLeasedAddress(ctx, container, end); err != nil || !leased {
		return err
	}
	return deleteLink(container, end.Index)
}

// isByReference reports whether the other end of a container's interface looks as the reference leaves it: a port of the
// network's bridge, with a name of its kind and nothing that says whose it is.
func (c *call) isByReference(host kernel.NetNS, end kernel.Link) (bool, error) {
	if end.Kind != kernel.KindVeth || end.PeerHere {
		return false, nil
	}
	links, err := host.Links()
	bridge, master := config.FindBridge(c.stdin), 0
	for _, l := range links {
		if l.Name == bridge && l.Kind == kernel.KindBridge {
			master = l.Index
		}
	}
	return master != 0 && slices.ContainsFunc(links, func(l kernel.Link) bool {
		return l.Kind == kernel.KindVeth && l.Index == end.Peer && l.Peer == end.Index && !l.PeerHere &&
			l.Master == master && l.Alias == "" && isReferenceHostEnd(l.Name)
	}), err
}

// hasLeasedAddress reports whether an interface has an address that is leased to the attachment. Other IPAM plugins than
// host-local cannot be asked: what they gave an address to goes with its namespace.
func (c *call) hasLeasedAddress(ctx context.Context, container kernel.NetNS, end kernel.Link) (bool, error) {
	if c.network.IPAM != hostlocal.Name {
		return false, nil
	}
	addresses, err := container.Addresses(end.Index)
	if err != nil {
		return false, err
	}
	leases, err := c.leases(ctx, c.env.containerID)
	own := types.GCAttachment{ContainerID: c.env.containerID, IfName: c.env.ifname}
	return slices.ContainsFunc(leases, func(l ipam.Lease) bool {
		return l.IsOf(own) && slices.ContainsFunc(addresses, func(a kernel.Address) bool { return a.Prefix.Addr() == l.IP })
	}), err
}
