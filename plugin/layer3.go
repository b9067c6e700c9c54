package plugin

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"reflect"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// A layer3 is what an IPAM result asks for, in the kernel's terms. The routes lack their link.
type layer3 struct {
	addresses []netip.Prefix // of the container's interface
	gateways  []netip.Prefix // of the bridge, each with its subnet's length
	routes    []kernel.Route // of the container
}

// completeResult adds to an IPAM result what the configuration derives from it: the gateways, and the default route of
// each family.
func completeResult(r *types100.Result, c config.Config) error {
	for _, ip := range r.IPs {
		address, err := prefixOf(ip.Address)
		if err != nil {
			return err
		}
		if c.IsGateway && ip.Gateway == nil {
			ip.Gateway = address.Masked().Addr().Next().AsSlice()
		}
		family := familyOf(address.Addr())
		if c.IsDefaultGateway && ip.Gateway != nil && !hasDefaultRoute(r.Routes, family) {
			r.Routes = append(r.Routes, &types.Route{Dst: everywhere(family), GW: ip.Gateway})
		}
	}
	return nil
}

func familyOf(a netip.Addr) kernel.Family {
	if a.Is4() {
		return kernel.IPv4
	}
	return kernel.IPv6
}

// everywhere is the default route's destination.
func everywhere(f kernel.Family) net.IPNet {
	if f == kernel.IPv4 {
		return net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	}
	return net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
}

// hasDefaultRoute finds one without a gateway too: it gets the first gateway (SPEC 1.1.0, section 5, routes: "If unset,
// a value in gateway in the ips array may be used"). A second one beside it would be refused as the same route.
func hasDefaultRoute(routes []*types.Route, f kernel.Family) bool {
	return slices.ContainsFunc(routes, func(r *types.Route) bool {
		dst, err := prefixOf(r.Dst)
		return err == nil && dst.Bits() == 0 && familyOf(dst.Addr()) == f && r.Table == nil
	})
}

// firstGateway returns the zero Addr where the family has none.
func firstGateway(ips []*types100.IPConfig, f kernel.Family) netip.Addr {
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip.Gateway); ok && familyOf(a.Unmap()) == f {
			return a.Unmap()
		}
	}
	return netip.Addr{}
}

// has reports whether there is an address of the family.
func (l layer3) has(f kernel.Family) bool {
	return slices.ContainsFunc(l.addresses, func(p netip.Prefix) bool { return familyOf(p.Addr()) == f })
}

// newLayer3 reads a completed result.
func newLayer3(r *types100.Result) (layer3, error) {
	var l layer3
	for _, ip := range r.IPs {
		address, err := prefixOf(ip.Address)
		if err != nil {
			return l, err
		}
		l.addresses = append(l.addresses, address)
		if gateway, ok := netip.AddrFromSlice(ip.Gateway); ok && !gateway.Unmap().IsUnspecified() {
			l.gateways = append(l.gateways, netip.PrefixFrom(gateway.Unmap(), address.Bits()))
		}
	}
	for _, route := range r.Routes {
		kernelRoute, err := newRoute(route, r.IPs)
		if err != nil {
			return l, err
		}
		same := func(other kernel.Route) bool { return reflect.DeepEqual(other, kernelRoute) }
		if !slices.ContainsFunc(l.routes, same) { // the kernel refuses the very same route
			l.routes = append(l.routes, kernelRoute)
		}
	}
	return l, nil
}

// newRoute puts a route in the kernel's terms. Without a gateway, and with none to use, the destination is on the link;
// only a route of that scope can lead to another route's gateway (fib_check_nh, net/ipv4/fib_semantics.c). IPv6 has no
// scopes.
func newRoute(r *types.Route, ips []*types100.IPConfig) (kernel.Route, error) {
	dst, err := prefixOf(r.Dst)
	if err != nil {
		return kernel.Route{}, err
	}
	gateway := firstGateway(ips, familyOf(dst.Addr()))
	if own, ok := netip.AddrFromSlice(r.GW); ok {
		gateway = own.Unmap()
	}
	if gateway.IsUnspecified() { // how an IPAM plugin says that there is to be none, and how Linux takes it
		gateway = netip.Addr{}
	}
	if err := validateRoute(r); err != nil {
		return kernel.Route{}, err
	}
	route := kernel.Route{
		Dst: dst, Gateway: gateway, Metric: r.Priority, MTU: min(r.MTU, maxRouteMTU), AdvMSS: min(r.AdvMSS, maxRouteMSS),
	}
	if r.Table != nil {
		route.Table = *r.Table
	}
	switch {
	case dst.Addr().Is6():
	case r.Scope != nil:
		route.Scope = kernel.Scope(*r.Scope)
	case !gateway.IsValid():
		route.Scope = kernel.ScopeLink
	}
	return route, nil
}

// Linux takes less for more: ip_metrics_convert, net/ipv4/metrics.c.
const (
	maxRouteMTU = 65520
	maxRouteMSS = 65495
)

// validateRoute refuses numbers of which Linux would be told a part.
func validateRoute(r *types.Route) error {
	const most = math.MaxUint32
	for _, n := range []struct {
		value *int
		max   uint
	}{{&r.MTU, most}, {&r.AdvMSS, most}, {&r.Priority, most}, {r.Table, most}, {r.Scope, math.MaxUint8}} {
		if n.value != nil && uint(*n.value) > n.max {
			return types.NewError(types.ErrInvalidNetworkConfig,
				fmt.Sprintf("route %s has a number that no route can have: %d", &r.Dst, *n.value), "")
		}
	}
	return nil
}

// prefixOf converts an address or destination.
func prefixOf(n net.IPNet) (netip.Prefix, error) {
	a, ok := netip.AddrFromSlice(n.IP)
	bits, size := n.Mask.Size()
	if !ok || size == 0 {
		return netip.Prefix{}, types.NewError(types.ErrDecodingFailure,
			fmt.Sprintf("%s is no address with a prefix length", &n), "")
	}
	if a = a.Unmap(); a.Is4() && size == 128 {
		bits -= 96 // a mask in the long form of an IPv4-mapped address
	}
	return netip.PrefixFrom(a, bits), nil
}

// newAddress returns the address as it is added to a link. An IPv6 one is not looked for on the network first: IPAM
// gave it, and nobody could use it for the one or two seconds that this takes.
func newAddress(link int, prefix netip.Prefix) kernel.Address {
	if prefix.Addr().Is6() {
		return kernel.Address{Link: link, Prefix: prefix, NoDAD: true}
	}
	return kernel.Address{Link: link, Prefix: prefix, Broadcast: broadcast(prefix)}
}

// broadcast returns the last address of an IPv4 subnet, as ip(8) and the reference set it; the zero Addr where there is
// none.
func broadcast(prefix netip.Prefix) netip.Addr {
	if prefix.Bits() >= 31 {
		return netip.Addr{}
	}
	last := prefix.Addr().As4()
	hosts := uint32(1)<<(32-prefix.Bits()) - 1
	binary.BigEndian.PutUint32(last[:], binary.BigEndian.Uint32(last[:])|hosts)
	return netip.AddrFrom4(last)
}
