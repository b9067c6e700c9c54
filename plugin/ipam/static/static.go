// Package static gives the addresses that the configuration or the runtime names: the static IPAM plugin, with the
// reference plugin's configuration and messages. It keeps nothing, so that two containers can be given one address.
//
// It differs from the reference in these: errors have the specification's codes, CNI_ARGS is ignored where args.cni.ips
// is given, and CHECK fails where prevResult lacks an address.
package static

import (
	"context"
	"fmt"
	"net"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/plugin/ipam"
)

// Name is the type by which configurations ask for this plugin.
const Name = "static"

// A Plugin answers from the request alone.
type Plugin struct{}

var (
	_ ipam.Plugin    = Plugin{}
	_ ipam.Validator = Plugin{}
	_ ipam.Lister    = Plugin{}
)

// Validate returns the error of Add for a configuration, or CNI_ARGS, that is not valid.
func (Plugin) Validate(r ipam.Request) error {
	_, err := ParseConfig(r.Config, r.Args)
	return err
}

// Add returns the addresses.
func (Plugin) Add(_ context.Context, r ipam.Request) (*types100.Result, error) {
	c, err := ParseConfig(r.Config, r.Args)
	if err != nil {
		return nil, err
	}
	result := &types100.Result{CNIVersion: r.CNIVersion, Routes: c.Routes, DNS: c.DNS}
	for _, a := range c.Addresses {
		result.IPs = append(result.IPs, &types100.IPConfig{Address: a.network(), Gateway: a.Gateway.AsSlice()})
	}
	return result, nil
}

func (a Address) network() net.IPNet {
	ip := a.Prefix.Addr()
	return net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(a.Prefix.Bits(), ip.BitLen())}
}

// Leases returns the addresses for the request's attachment: none where the configuration is valid no longer.
func (Plugin) Leases(_ context.Context, r ipam.Request) ([]ipam.Lease, error) {
	if r.ContainerID == "" {
		return nil, nil // of GC: nothing is kept
	}
	c, _ := ParseConfig(r.Config, r.Args) // DEL asks, and needs no valid one
	var all []ipam.Lease
	for _, a := range c.Addresses {
		all = append(all, ipam.Lease{IP: a.Prefix.Addr(), ContainerID: r.ContainerID, IfName: r.IfName})
	}
	return all, nil
}

// Del has nothing to release: Add reserves nothing.
func (Plugin) Del(context.Context, ipam.Request) error { return nil }

// GC has nothing to release either.
func (Plugin) GC(context.Context, ipam.Request, []types.GCAttachment) error { return nil }

// Status says what Add would: it depends on the configuration alone.
func (p Plugin) Status(_ context.Context, r ipam.Request) error { return p.Validate(r) }

// Check returns an error unless prevResult has every address, with its gateway where one is configured.
func (Plugin) Check(_ context.Context, r ipam.Request) error {
	c, err := ParseConfig(r.Config, r.Args)
	if err != nil {
		return err
	}
	result, err := ipam.PrevResult(r)
	switch {
	case err != nil:
		return err
	case result == nil:
		return ipam.Invalid("Required prevResult missing")
	}
	for _, a := range c.Addresses {
		if err := a.check(result, r.IfName); err != nil {
			return err
		}
	}
	return nil
}

func (a Address) check(result *types100.Result, ifname string) error {
	want := a.network()
	for _, ip := range result.IPs {
		switch {
		case !ip.Address.IP.Equal(want.IP):
			continue
		case a.Gateway.IsValid() && !ip.Gateway.Equal(a.Gateway.AsSlice()):
			return fmt.Errorf("static: Failed to match addr %v on interface %v", want.IP, ifname)
		}
		return nil
	}
	return fmt.Errorf("static: address %v is not in prevResult for interface %v", want.IP, ifname)
}
