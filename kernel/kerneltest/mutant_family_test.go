package kerneltest

import (
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func familyMutants() []mutant {
	return []mutant{
		{"family/v4-deleted-leaves-v6", "takes IPv6 along with IPv4", twist{DeleteAddress: deleteBothFamilies}},
		{"family/v6-disabled-leaves-v4", "sets the link down", twist{SetSysctl: downWithoutIPv6}},
		{"address/v4/replaced", "deletes nothing", pretend(intercept.Every(intercept.AddressDelete))},
		{"address/v6/replaced", "keeps the route of the prefix", twist{DeleteAddress: keepPrefixRoute}},
		{"route/v6/default-route", "has many default routes", swallow(intercept.RouteAdd, kernel.EEXIST)},
		{"probe/ping/default-route-v6", "does not look at it", refusePing("fd02::1", kernel.ENETUNREACH)},
		{
			"probe/ping/routed-v6", "forwards whatever the setting is",
			twist{SetSysctl: func(ns kernel.NetNS, key, _ string) error { return ns.SetSysctl(key, "1") }},
		},
	}
}

// deleteBothFamilies deletes an address, and all others of its link.
func deleteBothFamilies(ns kernel.NetNS, a kernel.Address) error {
	all, err := ns.Addresses(a.Link)
	if err != nil {
		return err
	}
	for _, there := range all {
		if err := ns.DeleteAddress(there); err != nil {
			return err
		}
	}
	return nil
}

// downWithoutIPv6 sets v down where IPv6 is switched off there, which takes the routes of both families.
func downWithoutIPv6(ns kernel.NetNS, key, value string) error {
	if strings.HasSuffix(key, "/v/disable_ipv6") {
		l, err := ns.LinkByName("v")
		if err != nil {
			return err
		}
		return ns.ChangeLink(l.Index, kernel.LinkChange{Up: new(false)})
	}
	return ns.SetSysctl(key, value)
}

// keepPrefixRoute adds the route again that went with an address.
func keepPrefixRoute(ns kernel.NetNS, a kernel.Address) error {
	if err := ns.DeleteAddress(a); err != nil {
		return err
	}
	return ns.AddRoute(kernel.Route{Dst: a.Prefix.Masked(), Link: a.Link}, kernel.Exclusive)
}
