package kerneltest

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func autoRouteMutants() []mutant {
	broadcast := func(r kernel.Route) bool { return r.Type == kernel.Broadcast }
	local := func(r kernel.Route) bool { return r.Type == kernel.Local }
	return []mutant{
		{"route/auto/v4-down", "makes no local route before the link is up", twist{ShowRoutes: onlyUp}},
		{"route/auto/v4-up", "makes no broadcast route", hideRoute(broadcast)},
		{"route/auto/v4-secondary", "makes a connected route for a secondary, too", eachRoute(func(r *kernel.Route) {
			if r.Type == kernel.Local {
				r.Source = r.Dst.Addr()
			}
		})},
		{
			"route/auto/v4-broadcast-given", "does not look at the broadcast address",
			giveAs(func(a *kernel.Address) { a.Broadcast = netip.Addr{} }),
		},
		{
			"route/auto/v4-host", "makes a connected route for a single address",
			shadowRoute(func(r kernel.Route) (kernel.Route, bool) {
				r.Table, r.Type, r.Scope = kernel.TableMain, kernel.Unicast, kernel.ScopeLink
				return r, true
			}),
		},
		{
			"route/auto/v4-point-to-point", "makes a broadcast route for a subnet of two",
			shadowRoute(func(r kernel.Route) (kernel.Route, bool) {
				r.Type = kernel.Broadcast
				return r, r.Dst.Bits() == 32
			}),
		},
		{"route/auto/v4-loopback", "makes a connected route to 127.0.0.0/8", eachRoute(func(r *kernel.Route) {
			if r.Dst.Bits() == 8 {
				r.Type, r.Table = kernel.Unicast, kernel.TableMain
			}
		})},
		{"route/auto/v4-deleted", "keeps the local route", twist{DeleteAddress: keepLocal}},
		{"route/auto/v4-link-set-up", "makes routes only when an address comes", twist{
			ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
				if c.Up != nil && *c.Up {
					c.Up = nil
				}
				return ns.ChangeLink(index, c)
			},
		}},
		{"route/auto/v4-link-set-down", "deletes the local route, too", twist{ShowRoutes: onlyUp}},
		{"route/auto/v4-link-deleted", "keeps the links of routes", pretend(intercept.Every(intercept.LinkDelete))},
		{"route/auto/v6-at-once", "has metric 1024 for connected routes", eachRoute(func(r *kernel.Route) {
			if r.Type == kernel.Unicast {
				r.Metric = 1024
			}
		})},
		{"route/auto/v6-local-after-dad", "makes local routes never", hideRoute(local)},
		{"route/auto/v6-deleted", "keeps the connected route", pretend(intercept.Every(intercept.AddressDelete))},
		{"route/auto/v6-link-set-down", "keeps the multicast route", pretend(isSetDown)},
	}
}

// onlyUp does not have the routes of links that are down.
func onlyUp(ns kernel.NetNS, list []kernel.Route) []kernel.Route {
	return slices.DeleteFunc(list, func(r kernel.Route) bool { l, _ := linkAt(ns, r.Link); return !l.Up })
}

// onlyReachable does not have the routes whose gateway is in no subnet of the namespace.
func onlyReachable(ns kernel.NetNS, list []kernel.Route) []kernel.Route {
	all, _ := ns.Addresses(0)
	return slices.DeleteFunc(list, func(r kernel.Route) bool {
		reaches := func(a kernel.Address) bool { return a.Prefix.Contains(r.Gateway) }
		return r.Gateway.IsValid() && !slices.ContainsFunc(all, reaches)
	})
}

// isSetDown chooses the setting down of a link.
func isSetDown(c intercept.Call) bool {
	return c.Op == intercept.LinkSet && strings.HasSuffix(c.Object, " down")
}

// shadowRoute has one more route for each that f finds worth one.
func shadowRoute(f func(r kernel.Route) (kernel.Route, bool)) twist {
	return twist{ShowRoutes: func(_ kernel.NetNS, list []kernel.Route) []kernel.Route {
		for _, r := range slices.Clone(list) {
			if shadow, ok := f(r); ok {
				list = append(list, shadow)
			}
		}
		return list
	}}
}

// keepLocal makes the local route of a deleted address again.
func keepLocal(ns kernel.NetNS, a kernel.Address) error {
	if err := ns.DeleteAddress(a); err != nil {
		return err
	}
	return ns.AddRoute(kernel.Route{
		Dst: netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()), Link: a.Link,
		Table: kernel.TableLocal, Type: kernel.Local, Protocol: kernel.ProtoKernel, Scope: kernel.ScopeHost,
	}, kernel.Exclusive)
}

func routeMutants() []mutant {
	return []mutant{
		{
			"route/v4/added", "ignores the source",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Source = netip.Addr{} }),
		},
		{"route/v4/defaults", "says that routes are static", routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
			r.Protocol = kernel.ProtoStatic
		})},
		{"route/v4/link-by-gateway", "wants the link", twist{AddRoute: wantLink}},
		{
			"route/v4/default-route", "takes no default route",
			twist{AddRoute: func(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
				if r.Dst.Bits() == 0 {
					return nil
				}
				return ns.AddRoute(r, m)
			}},
		},
		{
			"route/v4/twice-exclusive", "adds it beside the other",
			routeAs(func(_ *kernel.Route, m *kernel.RouteMode) { *m = kernel.Beside }),
		},
		{
			"route/v4/other-metric", "ignores the metric",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Metric = 0 }),
		},
		{"route/v4/other-table", "has one table", routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Table = 0 })},
		{"route/v4/beside", "puts it after the others", twist{
			ShowRoutes: func(_ kernel.NetNS, list []kernel.Route) []kernel.Route { slices.Reverse(list); return list },
		}},
		{"route/v4/beside-itself", "says nothing", swallow(intercept.RouteAdd, kernel.EEXIST)},
		{
			"route/v4/host-bits", "clears them",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Dst = r.Dst.Masked() }),
		},
		{
			"route/v4/gateway-unreachable", "believes the link",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.OnLink = r.Link != 0 }),
		},
		{
			"route/v4/gateway-onlink", "does not believe the link",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.OnLink = false }),
		},
		{"route/v4/gateway-is-own-address", "says EINVAL", refuseGateway("10.0.0.1", kernel.EINVAL)},
		{"route/v4/gateway-is-broadcast", "takes any gateway in a subnet", swallow(intercept.RouteAdd, kernel.EINVAL)},
		{"route/v4/link-down", "says ENETUNREACH", confuse(intercept.RouteAdd, kernel.ENETDOWN, kernel.ENETUNREACH)},
		{
			"route/v4/gateway-link-down", "says ENETDOWN",
			confuse(intercept.RouteAdd, kernel.ENETUNREACH, kernel.ENETDOWN),
		},
		{"route/v4/link-absent", "says EINVAL", confuse(intercept.RouteAdd, kernel.ENODEV, kernel.EINVAL)},
		{
			"route/v4/source-invalid", "ignores the source",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Source = netip.Addr{} }),
		},
		{"route/v4/without-link", "wants the link", twist{AddRoute: wantLink}},
		{"route/v4/delete", "deletes nothing", pretend(intercept.Every(intercept.RouteDelete))},
		{
			"route/v4/delete-absent", "does not look at the metric",
			twist{DeleteRoute: func(ns kernel.NetNS, r kernel.Route) error {
				r.Metric = 0
				return ns.DeleteRoute(r)
			}},
		},
		{
			"route/v4/delete-chooses", "does not look at the gateway",
			twist{DeleteRoute: func(ns kernel.NetNS, r kernel.Route) error {
				r.Gateway = netip.Addr{}
				return ns.DeleteRoute(r)
			}},
		},
		{
			"route/v6/twice-exclusive", "adds it beside the other",
			routeAs(func(_ *kernel.Route, m *kernel.RouteMode) { *m = kernel.Beside }),
		},
		{"route/v6/metric-default", "has the default of IPv4", eachRoute(func(r *kernel.Route) {
			if r.Metric == 1024 {
				r.Metric = 0
			}
		})},
		{
			"route/v6/other-metric", "ignores the metric",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Metric = 0 }),
		},
		{"route/v6/beside", "puts it before the others, as IPv4 does", twist{
			ShowRoutes: func(_ kernel.NetNS, list []kernel.Route) []kernel.Route { slices.Reverse(list); return list },
		}},
		{"route/v6/beside-itself", "says nothing", swallow(intercept.RouteAdd, kernel.EEXIST)},
		{
			"route/v6/host-bits", "refuses them, as IPv4 does",
			twist{AddRoute: func(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
				if r.Dst != r.Dst.Masked() {
					return &kernel.Error{Op: "route add", Errno: kernel.EINVAL}
				}
				return ns.AddRoute(r, m)
			}},
		},
		{
			"route/v6/gateway-unreachable", "says ENETUNREACH, as IPv4 does",
			confuse(intercept.RouteAdd, kernel.EHOSTUNREACH, kernel.ENETUNREACH),
		},
		{
			"route/v6/gateway-onlink", "does not believe the link",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.OnLink = false }),
		},
		{"route/v6/gateway-is-own-address", "lets it pass, as IPv4 does", swallow(intercept.RouteAdd, kernel.EINVAL)},
		{"route/v6/gateway-link-local", "takes any link for it", swallow(intercept.RouteAdd, kernel.EINVAL)},
		{"route/v6/link-down", "says ENETUNREACH", confuse(intercept.RouteAdd, kernel.ENETDOWN, kernel.ENETUNREACH)},
		{"route/v6/link-absent", "says EINVAL", confuse(intercept.RouteAdd, kernel.ENODEV, kernel.EINVAL)},
		{
			"route/v6/source-invalid", "ignores the source",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Source = netip.Addr{} }),
		},
		{"route/v6/without-link", "wants the link", twist{AddRoute: wantLink}},
		{
			"route/v6/delete-absent", "does not look at the gateway",
			twist{DeleteRoute: func(ns kernel.NetNS, r kernel.Route) error {
				r.Gateway = netip.Addr{}
				return ns.DeleteRoute(r)
			}},
		},
	}
}

func wantLink(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
	if r.Link == 0 {
		return &kernel.Error{Op: "route add", Errno: kernel.EINVAL}
	}
	return ns.AddRoute(r, m)
}

func refuseGateway(gateway string, errno kernel.Errno) twist {
	return twist{AddRoute: func(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
		if r.Gateway == netip.MustParseAddr(gateway) {
			return &kernel.Error{Op: "route add", Errno: errno}
		}
		return ns.AddRoute(r, m)
	}}
}

func routeLifeMutants() []mutant {
	return []mutant{
		{"route/life/v4-link-set-down", "restores routes when the link is up again", restoreRoutes()},
		{"route/life/v4-survives-carrier", "deletes routes with the carrier", twist{
			ShowRoutes: func(ns kernel.NetNS, list []kernel.Route) []kernel.Route {
				return slices.DeleteFunc(list, func(r kernel.Route) bool {
					l, _ := linkAt(ns, r.Link)
					return !l.LowerUp
				})
			},
		}},
		{
			"route/life/v4-source-deleted", "ignores the source",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Source = netip.Addr{} }),
		},
		{
			"route/life/v4-gateway-outlives-subnet", "deletes routes whose gateway is unreachable",
			twist{ShowRoutes: onlyReachable},
		},
		{
			"route/life/v4-last-address-deleted", "keeps routes without an address",
			pretend(intercept.Every(intercept.AddressDelete)),
		},
		{"route/life/v6-link-set-down", "keeps routes", pretend(isSetDown)},
		{"route/life/v6-outlives-address", "deletes routes without an address", twist{ShowRoutes: onlyReachable}},
		{"route/life/link-deleted", "keeps the links of routes", pretend(intercept.Every(intercept.LinkDelete))},
	}
}

// restoreRoutes adds the routes of a link again that were there before it was set down.
func restoreRoutes() twist {
	var before []kernel.Route
	return twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
		if c.Up != nil && !*c.Up {
			before, _ = ns.Routes(kernel.IPv4)
		}
		err := ns.ChangeLink(index, c)
		if c.Up != nil && *c.Up {
			for _, r := range before {
				err = errors.Join(err, ignoring(kernel.EEXIST, ns.AddRoute(r, kernel.Exclusive)))
			}
		}
		return err
	}}
}
