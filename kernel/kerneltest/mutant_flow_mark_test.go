package kerneltest

import (
	"math"

	"github.com/cnilab/cnilab/kernel"
)

func flowMarkMutants() []mutant {
	adding := func(change func(c *kernel.FilterChange)) twist { return rulesAs(kernel.AddRule, change) }
	unmarked := func(of kernel.FilterAction) twist {
		return adding(func(c *kernel.FilterChange) {
			if c.Rule.Action == of {
				c.Rule.Action, c.Rule.Mark, c.Rule.Copy = "", kernel.FilterMark{}, kernel.MarkCopy{}
			}
		})
	}
	asking := func(change func(m *kernel.FilterMatch)) twist {
		return adding(func(c *kernel.FilterChange) {
			for i := range c.Rule.Matches {
				change(&c.Rule.Matches[i])
			}
		})
	}
	ofPacket := func(m *kernel.FilterMatch) {
		if m.On == kernel.MatchFlowMark {
			m.On = kernel.MatchMark
		}
	}
	byPacket := adding(func(c *kernel.FilterChange) {
		if c.Rule.Action == kernel.SetFlowMark {
			c.Rule.Action = kernel.SetMark
		}
	})
	return []mutant{
		{"flowmark/nft/match", "shows it as the packet's", eachMatch(ofPacket)},
		{"flowmark/nft/set", "forgets masks", eachFilterRule(func(r *kernel.FilterRule) { r.Copy.From = math.MaxUint32 })},
		{"flowmark/iptables/words", "takes one mask for the other", eachFilterRule(func(r *kernel.FilterRule) {
			r.Copy = kernel.MarkCopy{From: r.Copy.To, To: r.Copy.From}
		})},
		{"flowmark/says-nothing", "takes every mark", ignoreRefusal(kernel.EINVAL)},
		{"flowmark/both-directions", "has a mark for each packet", byPacket},
		{"flowmark/saved-and-restored", "restores all bits", adding(func(c *kernel.FilterChange) {
			if c.Rule.Action == kernel.RestoreMark {
				c.Rule.Copy.From = math.MaxUint32
			}
		})},
		{"flowmark/bits", "copies into all bits", adding(func(c *kernel.FilterChange) { c.Rule.Copy.To |= c.Rule.Copy.From << 4 })},
		{"flowmark/before-conntrack", "takes no flow for one without a mark", asking(ofPacket)},
		{"flowmark/before-conntrack/iptables", "takes no flow for one without a mark", asking(ofPacket)},
		{"flowmark/errors", "has no mark for errors", byPacket},
		{"flowmark/masqueraded", "forgets marks between hooks", unmarked(kernel.SetFlowMark)},
		{"flowmark/listed", "shows no marks", twist{Flows: func(ns kernel.NetNS) ([]kernel.Flow, error) {
			flows, err := ns.Flows()
			for i := range flows {
				flows[i].Mark = 0
			}
			return flows, err
		}}},
		{"flowmark/follows-for-a-copy", "follows flows for marks that are set only", unmarked(kernel.RestoreMark)},
		{"flowmark/route/answers", "routes answers without their flow's mark", unmarked(kernel.RestoreMark)},
	}
}
