package kerneltest

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func addressMutants() []mutant {
	return []mutant{
		{
			"address/v4/given", "forgets the broadcast address",
			eachAddress(func(a *kernel.Address) { a.Broadcast = netip.Addr{} }),
		},
		{"address/v4/no-broadcast-unless-given", "works out a broadcast address", giveAs(func(a *kernel.Address) {
			a.Broadcast = netip.MustParseAddr("10.0.0.255")
		})},
		{
			"address/v4/scope-given", "ignores the scope",
			giveAs(func(a *kernel.Address) { a.Scope = kernel.ScopeGlobal }),
		},
		{"address/v4/twice", "says nothing", swallow(intercept.AddressAdd, kernel.EEXIST)},
		{"address/v4/other-prefix-length", "looks at the address alone", twist{AddAddress: onceAnywhere(sameLink)}},
		{"address/v4/on-two-links", "has an address on one link only", twist{AddAddress: onceAnywhere(anyLink)}},
		{
			"address/v4/none", "says EINVAL", refuse(kernel.EINVAL, intercept.Every(intercept.AddressAdd)),
		},
		{
			"address/v4/link-absent", "says EADDRNOTAVAIL",
			confuse(intercept.AddressDelete, kernel.ENODEV, kernel.EADDRNOTAVAIL),
		},
		{"address/v4/deleted", "deletes nothing", pretend(intercept.Every(intercept.AddressDelete))},
		{"address/v4/delete-absent", "looks at the address alone", twist{DeleteAddress: deleteAnyLength}},
		{"address/v4/secondary", "takes every second address for secondary", twist{
			ShowAddresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
				for i := range list {
					list[i].Secondary = i > 0
				}
				return list
			},
		}},
		{"address/v4/secondaries-go-with-primary", "promotes secondaries unasked", twist{DeleteAddress: promote}},
		{"address/v4/secondary-promoted", "promotes no secondary", pretend(matchKey("promote_secondaries=1"))},
		{"address/v4/order", "lists addresses as they came", twist{
			ShowAddresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
				slices.SortStableFunc(list, func(a, b kernel.Address) int {
					return a.Prefix.Addr().Compare(b.Prefix.Addr())
				})
				return list
			},
		}},
		{"address/v6/twice", "says nothing", swallow(intercept.AddressAdd, kernel.EEXIST)},
		{
			"address/v6/other-prefix-length", "has an address with two lengths",
			swallow(intercept.AddressAdd, kernel.EEXIST),
		},
		{"address/v6/on-two-links", "has an address on one link only", twist{AddAddress: onceAnywhere(anyLink)}},
		{
			"address/v6/link-absent", "says EADDRNOTAVAIL",
			confuse(intercept.AddressDelete, kernel.ENODEV, kernel.EADDRNOTAVAIL),
		},
		{"address/v6/deleted", "deletes nothing", pretend(intercept.Every(intercept.AddressDelete))},
		{"address/v6/delete-absent", "looks at the address alone", twist{DeleteAddress: deleteAnyLength}},
		{"address/v6/invalid", "says EINVAL", confuse(intercept.AddressAdd, kernel.EADDRNOTAVAIL, kernel.EINVAL)},
		{"address/v6/disabled", "says EPERM", confuse(intercept.AddressAdd, kernel.EACCES, kernel.EPERM)},
		{"address/v6/order", "lists addresses as they came", twist{
			ShowAddresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
				slices.Reverse(list)
				return list
			},
		}},
		{"address/list/by-link-and-family", "lists families before links", twist{
			ShowAddresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
				slices.SortStableFunc(list, func(a, b kernel.Address) int {
					return cmp.Compare(a.Prefix.Addr().BitLen(), b.Prefix.Addr().BitLen())
				})
				return list
			},
		}},
		{"address/list/link-absent", "says ENODEV", twist{
			Addresses: func(ns kernel.NetNS, link int) ([]kernel.Address, error) {
				if _, ok := linkAt(ns, link); !ok && link != 0 {
					return nil, &kernel.Error{Op: "address list", Errno: kernel.ENODEV}
				}
				return ns.Addresses(link)
			},
		}},
	}
}

func sameLink(a, b int) bool { return a == b }
func anyLink(a, b int) bool  { return true }

// onceAnywhere refuses an address that there is already, on whichever link and with whichever prefix length.
func onceAnywhere(counts func(a, b int) bool) func(ns kernel.NetNS, a kernel.Address) error {
	return func(ns kernel.NetNS, a kernel.Address) error {
		all, err := ns.Addresses(0)
		if err != nil {
			return err
		}
		for _, there := range all {
			if there.Prefix.Addr() == a.Prefix.Addr() && counts(there.Link, a.Link) {
				return &kernel.Error{Op: "address add", Errno: kernel.EEXIST}
			}
		}
		return ns.AddAddress(a)
	}
}

// deleteAnyLength deletes an address whatever the length of its prefix.
func deleteAnyLength(ns kernel.NetNS, a kernel.Address) error {
	err := ns.DeleteAddress(a)
	if !errors.Is(err, kernel.EADDRNOTAVAIL) {
		return err
	}
	list, _ := ns.Addresses(a.Link)
	for _, there := range list {
		if there.Prefix.Addr() == a.Prefix.Addr() {
			return ns.DeleteAddress(there)
		}
	}
	return err
}

// promote gives the secondaries again that a deleted address took along.
func promote(ns kernel.NetNS, a kernel.Address) error {
	before, err := ns.Addresses(a.Link)
	if err != nil {
		return err
	}
	if err := ns.DeleteAddress(a); err != nil {
		return err
	}
	for _, there := range before {
		if there.Secondary && there.Prefix != a.Prefix {
			if err := ns.AddAddress(kernel.Address{Link: a.Link, Prefix: there.Prefix}); err != nil {
				return err
			}
		}
	}
	return nil
}

func autoAddressMutants() []mutant {
	linkLocal := func(a kernel.Address) bool { return a.Prefix.Addr().IsLinkLocalUnicast() }
	return []mutant{
		{"address/auto/loopback", "gives lo no IPv6 address", hideAddress(func(a kernel.Address) bool {
			return a.Prefix.Addr() == netip.IPv6Loopback()
		})},
		{"address/auto/link-local", "gives no link-local address", hideAddress(linkLocal)},
		{
			"address/auto/link-local-needs-carrier", "gives the link-local address with up",
			showLinkLocal(func(l kernel.Link) bool {
				return l.Up && !l.LowerUp
			}),
		},
		{
			"address/auto/no-link-local-where-disabled", "does not look at disable_ipv6",
			pretend(matchKey("disable_ipv6=1")),
		},
		{"address/auto/link-local-goes-with-up", "keeps addresses when a link goes down", rememberAddresses()},
		{"address/auto/disabling-takes-them-away", "keeps addresses where IPv6 is disabled", rememberAddresses()},
		{"address/v4/survives-down", "takes addresses away when a link goes down", twist{
			ShowAddresses: func(ns kernel.NetNS, list []kernel.Address) []kernel.Address {
				return slices.DeleteFunc(list, func(a kernel.Address) bool { l, _ := linkAt(ns, a.Link); return !l.Up })
			},
		}},
		{"address/v6/lost-with-down", "keeps addresses when a link goes down", twist{
			ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
				if err := ns.ChangeLink(index, c); err != nil || c.Up == nil || *c.Up {
					return err
				}
				return ns.AddAddress(on(index, "fd00::1/64"))
			},
		}},
		{"address/dad/tentative-first", "does not check addresses", giveAs(func(a *kernel.Address) { a.NoDAD = true })},
		{"address/dad/ends", "checks addresses for ever", eachAddress(func(a *kernel.Address) { a.Tentative = true })},
		{
			"address/dad/waits-for-carrier", "checks addresses without carrier",
			giveAs(func(a *kernel.Address) { a.NoDAD = true }),
		},
		{"address/dad/switched-off", "does not look at accept_dad", pretend(matchKey("accept_dad=0"))},
		{
			"address/dad/switched-off-for-the-address", "ignores NoDAD",
			giveAs(func(a *kernel.Address) { a.NoDAD = false }),
		},
		{
			"address/dad/own-solicitation-back", "takes its own solicitations for another's",
			eachAddress(func(a *kernel.Address) { a.DADFailed = a.DADFailed || a.Prefix.Addr().Is6() }),
		},
		{"address/dad/fails", "finds no duplicates", eachAddress(func(a *kernel.Address) { a.DADFailed = false })},
	}
}

// matchKey chooses the setting of a sysctl to a value, given as the end of "key=value".
func matchKey(suffix string) intercept.Match {
	return func(c intercept.Call) bool {
		return c.Op == intercept.SysctlSet && strings.HasSuffix(c.Object, suffix)
	}
}

// showLinkLocal shows a link-local address on links that have none.
func showLinkLocal(when func(l kernel.Link) bool) twist {
	return twist{Addresses: func(ns kernel.NetNS, link int) ([]kernel.Address, error) {
		list, err := ns.Addresses(link)
		if l, ok := linkAt(ns, link); ok && when(l) {
			list = append(list, on(link, "fe80::1/64"))
		}
		return list, err
	}}
}

// rememberAddresses shows addresses that it has shown before, and those that were given, for ever.
func rememberAddresses() twist {
	seen := make(map[netip.Prefix]kernel.Address)
	return twist{
		AddAddress: func(ns kernel.NetNS, a kernel.Address) error {
			seen[a.Prefix] = a
			return ns.AddAddress(a)
		},
		ShowAddresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
			for _, a := range list {
				seen[a.Prefix] = a
			}
			list = nil
			for _, a := range seen {
				list = append(list, a)
			}
			return list
		},
	}
}
