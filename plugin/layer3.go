package plugin

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
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

// completeResult adds to an IPAM result what the configuration derives from it: the gateways and the default route.
func completeResult(r *types100.Result, c config.Config) error {
	for _, ip := range r.IPs {
		address, err := prefixOf(ip.Address)
		if err != nil {
			return err
		}
		if c.IsGateway && ip.Gateway == nil {
			ip.Gateway = address.Masked().Addr().Next().AsSlice()
		}
	}
	if c.IsDefaultGateway && !hasDefaultRoute(r.Routes) {
		if gateway := firstGateway(r.IPs); gateway.IsValid() {
			r.Routes = append(r.Routes, &types.Route{
				Dst: net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
				GW:  gateway.AsSlice(),
			})
		}
	}
	return nil
}

// hasDefaultRoute finds one without a gateway too: it gets the first gateway (SPEC 1.1.0, section 5, routes: "If unset,
// a value in gateway in the ips array may be used"). A second one beside it would be refused as the same route.
func hasDefaultRoute(routes []*types.Route) bool {
	return slices.ContainsFunc(routes, func(r *types.Route) bool {
		bits, _ := r.Dst.Mask.Size()
		return bits == 0 && r.Table == nil
	})
}

func firstGateway(ips []*types100.IPConfig) netip.Addr {
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip.Gateway); ok {
			return a.Unmap()
		}
	}
	return netip.Addr{}
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
		if gateway, ok := netip.AddrFromSlice(ip.Gateway); ok {
			l.gateways = append(l.gateways, netip.PrefixFrom(gateway.Unmap(), address.Bits()))
		}
	}
	for _, route := range r.Routes {
		kernelRoute, err := newRoute(route, firstGateway(r.IPs))
		if err != nil {
			return l, err
		}
		if !slices.Contains(l.routes, kernelRoute) { // the kernel refuses the very same route
			l.routes = append(l.routes, kernelRoute)
		}
	}
	return l, nil
}

// newRoute puts a route in the kernel's terms. Without a gateway, and with none to use, the destination is on the link;
// only a route of that scope can lead to another route's gateway (fib_check_nh, net/ipv4/fib_semantics.c).
func newRoute(r *types.Route, gateway netip.Addr) (kernel.Route, error) {
	dst, err := prefixOf(r.Dst)
	if err != nil {
		return kernel.Route{}, err
	}
	if r.MTU != 0 || r.AdvMSS != 0 {
		return kernel.Route{}, config.Unsupported("routes", fmt.Appendf(nil, "%s mtu %d advmss %d", dst, r.MTU, r.AdvMSS))
	}
	if own, ok := netip.AddrFromSlice(r.GW); ok {
		gateway = own.Unmap()
	}
	route := kernel.Route{Dst: dst, Gateway: gateway, Metric: r.Priority}
	if !gateway.IsValid() {
		route.Scope = kernel.ScopeLink
	}
	if r.Scope != nil {
		route.Scope = kernel.Scope(*r.Scope)
	}
	if r.Table != nil {
		route.Table = *r.Table
	}
	return route, nil
}

// prefixOf converts an IPv4 address or destination.
func prefixOf(n net.IPNet) (netip.Prefix, error) {
	a, ok := netip.AddrFromSlice(n.IP)
	bits, size := n.Mask.Size()
	if !ok || size == 0 {
		return netip.Prefix{}, types.NewError(types.ErrDecodingFailure,
			fmt.Sprintf("%s is no address with a prefix length", &n), "")
	}
	if a = a.Unmap(); !a.Is4() {
		return netip.Prefix{}, types.NewError(CodeNotBuilt, fmt.Sprintf("%s: IPv6 is not built yet", &n), "")
	}
	if size == 128 {
		bits -= 96 // a mask in the long form of an IPv4-mapped address
	}
	return netip.PrefixFrom(a, bits), nil
}

// ipv4Address returns the address as the reference plugin, and ip(8), would add it.
func ipv4Address(link int, prefix netip.Prefix) kernel.Address {
	a := kernel.Address{Link: link, Prefix: prefix}
	if prefix.Bits() < 31 {
		last := prefix.Addr().As4()
		hosts := uint32(1)<<(32-prefix.Bits()) - 1
		binary.BigEndian.PutUint32(last[:], binary.BigEndian.Uint32(last[:])|hosts)
		a.Broadcast = netip.AddrFrom4(last)
	}
	return a
}
