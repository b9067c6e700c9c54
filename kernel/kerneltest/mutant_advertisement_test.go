package kerneltest

import (
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func advertisementMutants() []mutant {
	return []mutant{
		{"advertisement/believed", "believes nobody", advertising(func(a *kernel.RouterAdvertisement) bool { return false })},
		{"advertisement/address-outlives", "takes addresses away at once", twist{
			Addresses: func(ns kernel.NetNS, link int) ([]kernel.Address, error) {
				list, err := ns.Addresses(link)
				routes, _ := ns.Routes(kernel.IPv6)
				if slices.ContainsFunc(routes, func(r kernel.Route) bool { return r.Dst == advertised }) {
					return list, err
				}
				return slices.DeleteFunc(list, func(a kernel.Address) bool { return a.Scope == kernel.ScopeGlobal }), err
			},
		}},
		{"advertisement/address-expires", "keeps addresses", advertising(func(a *kernel.RouterAdvertisement) bool {
			a.Valid = kernel.Forever
			return true
		})},
		{"advertisement/address-by-hand", "has an address twice", twist{
			DeleteAddress: func(ns kernel.NetNS, a kernel.Address) error { return nil },
		}},
		{"advertisement/other-length", "makes addresses of any prefix", advertising(func(a *kernel.RouterAdvertisement) bool {
			a.Prefix = advertised
			return true
		})},
		{"advertisement/mtu", "takes any MTU", advertising(func(a *kernel.RouterAdvertisement) bool {
			a.MTU = min(max(a.MTU, 1280), 1499)
			return true
		})},
		{"advertisement/two-routers", "knows one router", twist{
			Routes: func(ns kernel.NetNS, f kernel.Family) ([]kernel.Route, error) {
				list, err := ns.Routes(f)
				known := 0
				return slices.DeleteFunc(list, func(r kernel.Route) bool {
					if r.Protocol == kernel.ProtoRA {
						known++
					}
					return known > 1 && r.Protocol == kernel.ProtoRA
				}), err
			},
		}},
		{"advertisement/forgotten-by-a-router", "forwards without being a router", ignoringSetting("forwarding")},
		{"advertisement/router-by-hand", "takes a person's word for a router's", twist{
			SetSysctl: func(ns kernel.NetNS, key, value string) error {
				routes, _ := ns.Routes(kernel.IPv6)
				for _, r := range routes {
					if r.Protocol == kernel.ProtoRA && strings.HasSuffix(key, "/forwarding") {
						_ = ns.DeleteRoute(r)
					}
				}
				return ns.SetSysctl(key, value)
			},
		}},
		{"advertisement/multicast-prefix", "has addresses of groups", advertising(func(a *kernel.RouterAdvertisement) bool {
			a.Prefix = advertised
			return true
		})},
		{"advertisement/gone-with-up", "keeps what was advertised", twist{
			ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
				if c.Up != nil && !*c.Up {
					return nil
				}
				return ns.ChangeLink(index, c)
			},
		}},
		{"advertisement/through-bridge", "hears nobody behind a bridge", advertising(func(a *kernel.RouterAdvertisement) bool { return false })},
		{"advertisement/refused", "advertises anything", swallow(intercept.RouterAdvertise, kernel.EINVAL)},
		{"advertisement/switch/off", "has no switch for it", ignoringSetting("accept_ra")},
		{"advertisement/switch/by-router", "believes as a router too", ignoringSetting("forwarding")},
		{"advertisement/switch/by-router-all-the-same", "believes nobody as a router", ignoringSetting("accept_ra")},
		{"advertisement/switch/no-router", "has no switch for it", ignoringSetting("accept_ra_defrtr")},
		{"advertisement/switch/no-prefix", "has no switch for it", ignoringSetting("accept_ra_pinfo")},
		{"advertisement/switch/no-address", "has no switch for it", ignoringSetting("autoconf")},
	}
}

// advertising changes what is advertised, or swallows it.
func advertising(change func(a *kernel.RouterAdvertisement) bool) twist {
	return twist{Advertise: func(ns kernel.NetNS, a kernel.RouterAdvertisement) error {
		if !change(&a) {
			return nil
		}
		return ns.Advertise(a)
	}}
}

// ignoringSetting lets a setting have no effect.
func ignoringSetting(name string) twist {
	return twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
		if strings.HasSuffix(key, "/"+name) {
			return nil
		}
		return ns.SetSysctl(key, value)
	}}
}
