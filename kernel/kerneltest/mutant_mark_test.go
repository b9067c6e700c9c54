package kerneltest

import (
	"math"

	"github.com/cnilab/cnilab/kernel"
)

func markMutants() []mutant {
	adding := func(change func(c *kernel.FilterChange)) twist { return rulesAs(kernel.AddRule, change) }
	setting := func(change func(r *kernel.FilterRule)) twist {
		return adding(func(c *kernel.FilterChange) {
			if c.Rule.Action == kernel.SetMark {
				change(&c.Rule)
			}
		})
	}
	unmarked := func(r *kernel.FilterRule) { r.Action, r.Mark = "", kernel.FilterMark{} }
	typed := func(as string) twist {
		return rulesAs(kernel.AddChain, func(c *kernel.FilterChange) {
			if c.Chain == "out" {
				c.Base = &kernel.BaseChain{Type: as, Hook: c.Base.Hook, Priority: c.Base.Priority, Policy: c.Base.Policy}
			}
		})
	}
	routing := func(change func(r *kernel.Rule)) twist {
		return ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { change(r) })
	}
	unasked := routing(func(r *kernel.Rule) { r.Mark, r.Mask = 0, 0 })
	return []mutant{
		{"mark/nft/match", "forgets masks", eachMatch(func(m *kernel.FilterMatch) { m.Mark.Mask = math.MaxUint32 })},
		{"mark/nft/set", "shows a mark to set as if it were all of it", eachFilterRule(func(r *kernel.FilterRule) { r.Mark.Mask = math.MaxUint32 })},
		{"mark/nft/bridge", "shows no marks of frames", eachMatch(func(m *kernel.FilterMatch) {
			if m.On == kernel.MatchMark {
				m.On = ""
			}
		})},
		{"mark/says-nothing", "takes every mark", ignoreRefusal(kernel.EINVAL)},
		{"mark/iptables/words", "sets the bits that are to be turned over", eachFilterRule(func(r *kernel.FilterRule) { r.Mark.Mask |= r.Mark.Value })},
		{"mark/next-rule", "takes a mark for a verdict", setting(func(r *kernel.FilterRule) { r.Action, r.Mark = kernel.Accept, kernel.FilterMark{} })},
		{"mark/bits", "sets all bits", setting(func(r *kernel.FilterRule) { r.Mark.Mask = math.MaxUint32 })},
		{"mark/from-hook-to-hook", "forgets marks between hooks", setting(unmarked)},
		{"mark/not-of-the-flow", "marks the answers too", setting(func(r *kernel.FilterRule) { r.Matches = nil })},
		{"mark/lost-between-namespaces", "keeps marks between namespaces", adding(func(c *kernel.FilterChange) {
			for i, m := range c.Rule.Matches {
				if m.On == kernel.MatchMark && m.Mark.Value == 0 {
					c.Rule.Matches[i].Mark.Value = 7
				}
			}
		})},
		{"mark/kept-between-veths", "forgets marks at each veth", setting(unmarked)},
		{"mark/bridge-to-host", "has other marks for frames than for packets", setting(unmarked)},
		{"mark/loopback", "forgets marks at the loopback device", setting(unmarked)},
		{"mark/vxlan", "forgets marks in what it wraps", setting(unmarked)},
		{"mark/masquerade/nft", "asks postrouting of the bits that were there before", setting(unmarked)},
		{"mark/masquerade/iptables", "knows no marks in the table nat", setting(unmarked)},
		{"mark/route/forwarded", "does not ask for marks", unasked},
		{"mark/route/forwarded-ipv6", "knows no marks in IPv6", setting(unmarked)},
		{"mark/route/mask", "does not look at the mask", routing(func(r *kernel.Rule) { r.Mask = math.MaxUint32 })},
		{"mark/route/behind-the-decision", "routes again what is marked later", unasked},
		{"mark/route/own/route-chain", "takes the chain for one that filters", typed("filter")},
		{"mark/route/own/filter-chain", "routes anew what any chain has marked", typed("route")},
		{"mark/route/own/mangle", "routes nothing anew", adding(func(c *kernel.FilterChange) { c.Table = "filter" })},
		{"mark/route/own/translated", "routes by the mark of the first decision", setting(unmarked)},
		{"mark/route/way-back", "looks for the way back without the mark", setting(unmarked)},
	}
}
