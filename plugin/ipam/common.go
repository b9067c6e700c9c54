package ipam

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/plugin/config"
)

// What follows is how every plugin that answers in process reads a request, as the reference's host-local and static do.

// Invalid is the error for a configuration that is refused.
func Invalid(format string, args ...any) error {
	return types.NewError(types.ErrInvalidNetworkConfig, fmt.Sprintf(format, args...), "")
}

// NoSection is the error for a configuration without "ipam".
func NoSection() error { return Invalid("IPAM config missing 'ipam' key") }

// Decode reads of a configuration what a plugin has keys for.
func Decode(data []byte, keys any) error {
	if err := json.Unmarshal(data, keys); err != nil {
		return types.NewError(types.ErrDecodingFailure, config.Explain(err), "")
	}
	return nil
}

// LoadArgs reads CNI_ARGS into a struct that embeds types.CommonArgs.
func LoadArgs(args string, known any) error {
	if err := types.LoadArgs(args, known); err != nil {
		return types.NewError(types.ErrInvalidEnvironmentVariables, err.Error(),
			"CNI_ARGS; IgnoreUnknown=1 there lets keys pass that this plugin does not know")
	}
	return nil
}

// ParseAddr takes what net.ParseIP takes: no zone, and an IPv4 address in either form.
func ParseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("invalid IP address: %s", s)
	}
	return a.Unmap(), nil
}

// RefuseRoutes refuses what encoding/json takes for a route: null, and a document without a destination.
func RefuseRoutes(routes []*types.Route) error {
	for i, route := range routes {
		if route == nil || route.Dst.IP == nil {
			return Invalid("ipam.routes: route %d has no dst", i)
		}
	}
	return nil
}

// RefuseTooMany refuses addresses that no result of the version can tell: before 0.3.0 there is one of each family.
func RefuseTooMany(cniVersion string, addresses []netip.Addr) error {
	count := map[bool]int{}
	for _, a := range addresses {
		count[a.Is4()]++
	}
	if count[true] <= 1 && count[false] <= 1 {
		return nil
	}
	if tells, err := version.GreaterThanOrEqualTo(cniVersion, "0.3.0"); err != nil || !tells {
		return Invalid("CNI version %s does not support more than 1 address per family", cniVersion)
	}
	return nil
}

// PrevResult is the result of ADD that a configuration has; nil where there is none.
func PrevResult(r Request) (*types100.Result, error) {
	var keys struct {
		PrevResult json.RawMessage `json:"prevResult"`
	}
	err := json.Unmarshal(r.Config, &keys)
	if err == nil && (len(keys.PrevResult) == 0 || string(keys.PrevResult) == "null") {
		return nil, nil
	}
	var result *types100.Result
	if err == nil {
		result, err = config.DecodeResult(keys.PrevResult, r.CNIVersion)
	}
	if err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "prevResult: "+err.Error(), "")
	}
	return result, nil
}
