package plugin

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
	"github.com/cnilab/cnilab/plugin/ipam/static"
)

// In iptables the interfaces of a container share what masquerades them, and nothing there says which address is whose.
// So it has to be found out.

// claim claims for the attachment what is its own, and what is nobody else's. The addresses are those that are known to
// be its own; others are asked about only where something does not come from these.
func (c *call) claim(ctx context.Context, host kernel.NetNS, addresses []netip.Prefix) claim {
	var all []ipam.Lease
	var others []netip.Prefix
	asked, shared := false, false
	return func(source netip.Prefix) (_ bool, err error) {
		if containsAny(source, addresses) {
			return true, nil
		}
		if !asked {
			if all, err = c.leases(ctx, c.env.containerID); err != nil {
				return false, err
			}
			if shared, err = c.hasOtherInterface(host); err != nil {
				return false, err
			}
			if others, err = c.othersAddresses(); err != nil {
				return false, err
			}
			asked = true
		}
		if of := leasesOf(all, source, c.env.containerID); len(of) > 0 {
			return slices.ContainsFunc(of, func(l ipam.Lease) bool { return l.IfName == c.env.ifname || l.IfName == "" }), nil
		}
		return !shared && !containsAny(source, others), nil
	}
}

// leasesOf returns a container's leases that are of a prefix.
func leasesOf(all []ipam.Lease, p netip.Prefix, containerID string) (of []ipam.Lease) {
	for _, l := range all {
		if l.ContainerID == containerID && p.Contains(l.IP) {
			of = append(of, l)
		}
	}
	return of
}

// released claims what is leased to interfaces of a container that are none of these.
func (c *call) released(ctx context.Context) func(containerID string, names []string) claim {
	return func(containerID string, names []string) claim {
		return func(source netip.Prefix) (bool, error) {
			all, err := c.leases(ctx, containerID)
			of := leasesOf(all, source, containerID)
			isValid := func(l ipam.Lease) bool { return l.IfName == "" || slices.Contains(names, l.IfName) }
			return len(of) > 0 && !slices.ContainsFunc(of, isValid), err
		}
	}
}

// leases returns what is known of the addresses of a container. Of host-local it does not matter which binary gave
// them; other plugins, but static, cannot be asked.
func (c *call) leases(ctx context.Context, containerID string) ([]ipam.Lease, error) {
	request := c.request()
	request.ContainerID = containerID
	switch c.network.IPAM {
	case hostlocal.Name:
		return hostlocal.Plugin{Files: c.machine}.Leases(ctx, request)
	case static.Name:
		return static.Plugin{}.Leases(ctx, request)
	}
	return nil, nil
}

// hasOtherInterface reports whether the container has another interface in the network, as aliases say.
func (c *call) hasOtherInterface(host kernel.NetNS) (bool, error) {
	links, err := host.Links()
	start, own := asAlias(c.network.Name+"/"+c.env.containerID+"/"), c.attachment().hostEnd()
	return slices.ContainsFunc(links, func(l kernel.Link) bool {
		return l.Name != own && l.Kind == kernel.KindVeth && strings.HasPrefix(l.Alias, start)
	}), err
}

// othersAddresses are those of the container's other interfaces, as far as its namespace is there. They may be the
// reference plugin's, which leaves no alias.
func (c *call) othersAddresses() (others []netip.Prefix, err error) {
	container, err := c.openContainer()
	if err != nil || container == nil {
		return nil, err
	}
	defer container.Close()
	own, err := container.LinkByName(c.env.ifname)
	if err != nil && !errors.Is(err, kernel.ENODEV) {
		return nil, err
	}
	addresses, err := container.Addresses(0)
	for _, a := range addresses {
		if a.Link != own.Index {
			others = append(others, a.Prefix)
		}
	}
	return others, err
}

// previousAddresses are those that prevResult says are the interface's, as far as it can be read.
func (c *call) previousAddresses() (addresses []netip.Prefix) {
	r, err := config.ParsePrevResult(c.network)
	if err != nil || r == nil {
		return nil
	}
	for _, ip := range r.IPs {
		if i := ip.Interface; i != nil && *i >= 0 && *i < len(r.Interfaces) && r.Interfaces[*i].Name != c.env.ifname {
			continue
		}
		if p, err := prefixOf(ip.Address); err == nil {
			addresses = append(addresses, p)
		}
	}
	return addresses
}
