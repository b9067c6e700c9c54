package kerneltest

import "github.com/cnilab/cnilab/kernel"

func portsMutants() []mutant {
	listed := func(change func(m *kernel.FilterMatch)) twist {
		return rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
			for i := range c.Rule.Matches {
				if c.Rule.Matches[i].List != nil {
					change(&c.Rule.Matches[i])
				}
			}
		})
	}
	random := func(always bool) twist {
		return rulesAs(kernel.AddRule, func(c *kernel.FilterChange) { c.Rule.Random = always })
	}
	forgetful := eachFilterRule(func(r *kernel.FilterRule) { r.Random = false })
	return []mutant{
		{"multiport/words", "shows the first port", eachMatch(func(m *kernel.FilterMatch) { m.List = m.List[:min(1, len(m.List))] })},
		{"multiport/no-list", "takes every list", ignoreRefusal(kernel.EINVAL)},
		{"multiport/one-of-them", "asks for the ends of ranges", listed(func(m *kernel.FilterMatch) {
			ends := kernel.PortList{}
			for _, r := range m.List {
				ends = append(ends, kernel.PortRange{First: r.First, Last: r.First})
			}
			m.List = ends
		})},
		{"multiport/none-of-them", "does not turn it over", listed(func(m *kernel.FilterMatch) { m.Not = false })},
		{"multiport/translated", "asks for the first port", listed(func(m *kernel.FilterMatch) { m.List = m.List[:1] })},
		{"randomport/nft/words", "shows nothing of it", forgetful},
		{"randomport/iptables/words", "shows nothing of it", forgetful},
		{"randomport/own-otherwise", "takes any port", random(true)},
		{"randomport/masquerade", "keeps the port", random(false)},
		{"randomport/snat", "keeps the port", random(false)},
		{"randomport/iptables", "keeps the port", random(false)},
	}
}
