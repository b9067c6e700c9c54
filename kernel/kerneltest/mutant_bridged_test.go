package kerneltest

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func bridgedMutants() []mutant {
	return slices.Concat(bridgedRuleMutants(), bridgedSettingMutants(), bridgedTranslationMutants())
}

// bridgedRuleMutants are wrong in what rules do.
func bridgedRuleMutants() []mutant {
	var all []mutant
	for _, law := range []string{
		"bridged/forward", "bridged/input", "bridged/vlan/tagged", "bridged/vlan/filtering", "bridged/ipv6/forward", "bridged/ipv6/input",
	} {
		all = append(all, mutant{law, "asks nobody about what it bridges", withoutRules()})
	}
	without := func(on kernel.MatchKey) twist {
		return rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
			c.Rule.Matches = slices.DeleteFunc(c.Rule.Matches, func(m kernel.FilterMatch) bool { return m.On == on })
		})
	}
	silently := rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
		if c.Rule.Action == kernel.Reject {
			c.Rule.Action, c.Rule.With = kernel.Drop, ""
		}
	})
	byICMP := rulesAs(kernel.AddRule, func(c *kernel.FilterChange) { c.Rule.With = "" })
	unseen := twist{ShowFlows: func(kernel.NetNS, []kernel.Flow) []kernel.Flow { return nil }}
	turned := rulesAs(kernel.AddChain, func(c *kernel.FilterChange) {
		if c.Family == kernel.FilterBridge {
			c.Base = &kernel.BaseChain{Type: c.Base.Type, Hook: c.Base.Hook, Priority: -c.Base.Priority, Policy: c.Base.Policy}
		}
	})
	noneBehind := rulesAs(kernel.AddChain, func(c *kernel.FilterChange) {
		if c.Family == kernel.FilterBridge && c.Base.Priority > 0 {
			c.Base = &kernel.BaseChain{Type: c.Base.Type, Hook: "input", Priority: c.Base.Priority, Policy: c.Base.Policy}
		}
	})
	return append(all, []mutant{
		{"bridged/links", "does not look by which link it came", without(kernel.MatchInLink)},
		{"bridged/arp", "asks the chains of IP about ARP", twist{ShowNeighbours: func(kernel.NetNS, []kernel.Neighbour) []kernel.Neighbour { return nil }}},
		{"bridged/flow", "follows nothing that it bridges", unseen},
		{"bridged/flow/state", "does not look at states", without(kernel.MatchFlow)},
		{"bridged/flow/flooded", "follows nothing that it floods", unseen},
		{"bridged/fragments", "puts nothing together", changesAs(func(_ kernel.NetNS, _ kernel.FilterBackend, changes []kernel.FilterChange) []kernel.FilterChange {
			return slices.DeleteFunc(changes, func(c kernel.FilterChange) bool {
				return slices.ContainsFunc(c.Rule.Matches, func(m kernel.FilterMatch) bool { return m.On == kernel.MatchFlow })
			})
		})},
		{"bridged/ipv6/flow", "follows IPv4 alone", unseen},
		{"bridged/ipv6/neighbour-discovery", "asks nobody about the discovery of neighbours", confuse(intercept.ProbePing, kernel.EHOSTUNREACH, kernel.ETIMEDOUT)},
		{"bridged/ipv6/reject", "drops silently", silently},
		{"bridged/reject", "drops silently", silently},
		{"bridged/reject/reset", "sends errors instead", byICMP},
		{"bridged/reject/reset-untranslated", "sends errors instead", byICMP},
		{"bridged/reject/reset-of-the-routed", "sends errors instead", byICMP},
		{"bridged/order/prerouting", "asks the bridge's chains the other way round", turned},
		{"bridged/order/forward", "asks the bridge's chains the other way round", turned},
		{"bridged/order/forward/each", "asks none of the bridge's chains behind those of IP", noneBehind},
		{"bridged/order/postrouting", "shows the bridge's chains what is masqueraded", bridgeSees("10.0.0.2", "10.0.0.1")},
		{"bridged/order/same-priority", "shows the bridge's chains what is translated", bridgeSees("10.0.0.1", "10.0.0.3")},
	}...)
}

// bridgedSettingMutants are wrong about settings.
func bridgedSettingMutants() []mutant {
	set := map[string]string{}
	return []mutant{
		{"bridged/sysctl/defaults", "asks about what has a tag", twist{Sysctl: func(ns kernel.NetNS, key string) (string, error) {
			if key == filterVLANTagged {
				return "1", nil
			}
			return ns.Sysctl(key)
		}}},
		{"bridged/sysctl/any-number-is-one", "keeps the number", twist{
			SetSysctl: func(ns kernel.NetNS, key, value string) error {
				set[key] = value
				return ns.SetSysctl(key, value)
			},
			Sysctl: func(ns kernel.NetNS, key string) (string, error) {
				if v, ok := set[key]; ok {
					return v, nil
				}
				return ns.Sysctl(key)
			},
		}},
		{"bridged/sysctl/of-the-bridge", "does as it is set nowhere", pretend(intercept.Every(intercept.SysctlSet))},
		{"bridged/vlan/input-link", "says that it is the bridge", pretend(func(c intercept.Call) bool {
			return c.Op == intercept.SysctlSet && c.Object == "net/bridge/bridge-nf-pass-vlan-input-dev=1"
		})},
		{"bridged/dnat/not-forwarding", "forwards whatever ip_forward is", settingOne()},
		{"bridged/dnat/replies-unseen", "asks about all whatever is set", settingOne()},
	}
}

// bridgedTranslationMutants are wrong about who is asked, and by whom.
func bridgedTranslationMutants() []mutant {
	var all []mutant
	for _, law := range []string{
		"bridged/dnat", "bridged/dnat/routed", "bridged/dnat/no-route", "bridged/dnat/to-the-node", "bridged/masquerade/no-address", "bridged/ipv6/dnat",
	} {
		all = append(all, mutant{law, "translates nothing that it bridges", withoutRules()})
	}
	return append(all, []mutant{
		{"bridged/masquerade", "shows the pod's address", seenFrom("10.0.0.2")},
		{"bridged/masquerade/address-of-another-link", "looks for addresses on the bridge alone", seenFrom("10.0.0.2")},
		{"bridged/hairpin", "never sends a frame back", pretend(intercept.Every(intercept.PortSet))},
		{"bridged/ipv6/masquerade", "masquerades IPv4 alone", seenFrom("fd00::2")},
		{"bridged/ipv6/dnat/no-route", "says that there is no route", confuse(intercept.ProbeCall, kernel.ETIMEDOUT, kernel.ENETUNREACH)},
	}...)
}

// settingOne is the twist that has every setting at 1.
func settingOne() twist {
	return twist{SetSysctl: func(ns kernel.NetNS, key, _ string) error { return ns.SetSysctl(key, "1") }}
}

// bridgeSees is the twist whose chains of bridges see another address than packets have.
func bridgeSees(has, sees string) twist {
	other := map[netip.Prefix]netip.Prefix{single(sees): single(has), single(has): single(sees)}
	return rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
		for i, m := range c.Rule.Matches {
			if to, ok := other[m.Prefix]; ok && c.Family == kernel.FilterBridge {
				c.Rule.Matches[i].Prefix = to
			}
		}
	})
}

func single(ip string) netip.Prefix {
	a := netip.MustParseAddr(ip)
	return netip.PrefixFrom(a, a.BitLen())
}
