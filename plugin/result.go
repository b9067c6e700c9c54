package plugin

import (
	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/kernel"
)

// result is SPEC 1.1.0, section 5, "ADD Success". What a plugin earlier in the chain made comes first, and ours after
// it.
func (a *add) result() *types100.Result {
	r := &types100.Result{}
	if a.config.PrevResult != nil {
		r = a.config.PrevResult
	}
	own := a.adoptedAt
	r.Interfaces = append(r.Interfaces, a.describe(a.bridge, ""))
	if !a.adopted {
		own = len(r.Interfaces) + 1
		r.Interfaces = append(r.Interfaces, a.describe(a.hostEnd, ""), a.describe(a.containerEnd, a.env.netns))
	}
	if a.gateway.Index != a.bridge.Index {
		r.Interfaces = append(r.Interfaces, a.describe(a.gateway, ""))
	}
	for _, ip := range a.leased.IPs {
		ip.Interface = new(own)
		r.IPs = append(r.IPs, ip)
	}
	r.Routes = append(r.Routes, a.leased.Routes...)
	switch {
	case a.config.DNS != nil:
		r.DNS = *a.config.DNS
	case !a.leased.DNS.IsEmpty():
		r.DNS = a.leased.DNS
	}
	return r
}

// printResult prints a result in the configuration's version, as the specification's own types convert it.
func (c *call) printResult(r *types100.Result) error {
	r.CNIVersion = newest
	converted, err := r.GetAsVersion(c.network.CNIVersion)
	if err != nil {
		return types.NewError(types.ErrInvalidNetworkConfig, err.Error(), newerResults)
	}
	if r, ok := converted.(*types100.Result); ok {
		return c.out.print(documentOf(r))
	}
	return c.out.print(converted)
}

const newerResults = `results have interfaces, and need no address, from "cniVersion": "0.3.0" on`

// respectVersion sees to versions before 0.3.0. They have no chains: prevResult is not the plugin's to look at, and would
// take the place of its own address in a result that has one for each family. And a result without an address has no
// form (convertTo02x, cni's pkg/types/040), so that an ADD whose result could not be told is refused.
func (a *add) respectVersion() error {
	chains, err := version.GreaterThanOrEqualTo(a.network.CNIVersion, "0.3.0")
	if err != nil || chains {
		return err
	}
	a.config.PrevResult = nil
	if a.network.IPAM != "" {
		return nil
	}
	return types.NewError(types.ErrInvalidNetworkConfig, "cannot convert: no valid IP addresses", newerResults)
}

// describe says of a link what a result says. The MTU is of version 1.1.0.
func (a *add) describe(l kernel.Link, sandbox string) *types100.Interface {
	i := &types100.Interface{Name: l.Name, Mac: l.MAC.String(), Sandbox: sandbox}
	if a.config.CNIVersion == newest {
		i.Mtu = l.MTU
	}
	return i
}
