package kerneltest

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

func askerMutants() []mutant {
	alwaysByLinkLocal := learning(func(heard []kernel.Neighbour) []kernel.Neighbour {
		return append(heard, kernel.Neighbour{IP: netip.MustParseAddr(ownLinkLocal), State: kernel.Stale})
	})
	neverByLinkLocal := learning(func(heard []kernel.Neighbour) []kernel.Neighbour {
		return slices.DeleteFunc(heard, func(n kernel.Neighbour) bool { return n.IP.IsLinkLocalUnicast() })
	})
	fromOneAddress := twist{Ping: func(ns kernel.NetNS, ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
		p.From = netip.Addr{}
		return ns.Ping(ctx, p)
	}}
	fromLatest := twist{AddAddress: func(ns kernel.NetNS, a kernel.Address) error {
		if a.Prefix.Addr().IsLinkLocalUnicast() {
			deleteLinkLocals(ns, a.Link)
		}
		return ns.AddAddress(a)
	}}
	unchecked := twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
		if link, ok := strings.CutSuffix(key, "/dad_transmits"); ok {
			_ = ns.SetSysctl(link+"/accept_dad", "0")
		}
		return ns.SetSysctl(key, value)
	}}
	return []mutant{
		{"asker/own-packet", "asks from the link-local address always", alwaysByLinkLocal},
		{"asker/forwarded", "asks from any of its addresses", neverByLinkLocal},
		{"asker/own-of-another-link", "asks from where the packet is from", neverByLinkLocal},
		{"asker/eldest", "asks from the address that has come last", fromLatest},
		{"asker/tentative", "asks before it is sure of its address", unchecked},
		{"asker/without-link-local", "has a link-local address anyhow", ignoringSetting("addr_gen_mode")},
		{"asker/nothing-waits", "asks from any of its addresses", neverByLinkLocal},
		{"asker/last/ipv4", "asks from one address for all packets", fromOneAddress},
		{"asker/last/ipv6", "asks from one address for all packets", fromOneAddress},
	}
}

func deleteLinkLocals(ns kernel.NetNS, link int) {
	addresses, _ := ns.Addresses(link)
	for _, a := range addresses {
		if a.Prefix.Addr().IsLinkLocalUnicast() {
			_ = ns.DeleteAddress(a)
		}
	}
}

// learning changes what a kernel knows of its neighbours, where it knows any.
func learning(heard func([]kernel.Neighbour) []kernel.Neighbour) twist {
	return twist{Neighbours: func(ns kernel.NetNS, link int) ([]kernel.Neighbour, error) {
		list, err := ns.Neighbours(link)
		if len(list) > 0 {
			list = heard(list)
		}
		return list, err
	}}
}
