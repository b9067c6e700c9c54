package kerneltest

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func filterWordMutants() []mutant {
	actsAs := func(a, as kernel.FilterAction) twist {
		return eachFilterRule(func(r *kernel.FilterRule) {
			if r.Action == a {
				r.Action = as
			}
		})
	}
	toPort := func(port uint16) twist {
		return eachFilterRule(func(r *kernel.FilterRule) { r.To = netip.AddrPortFrom(r.To.Addr(), port) })
	}
	blind := func(on kernel.MatchKey) twist {
		return eachMatch(func(m *kernel.FilterMatch) {
			if m.On == on {
				m.On = ""
			}
		})
	}
	ignoreInvalid := ignoreRefusal(kernel.EINVAL)
	return []mutant{
		{"nft/match/protocol", "shows TCP for every protocol", eachMatch(func(m *kernel.FilterMatch) { m.Protocol = kernel.FilterTCP })},
		{"nft/match/ports", "takes the sender's port for the receiver's", eachMatch(func(m *kernel.FilterMatch) {
			if m.On == kernel.MatchSourcePort {
				m.On = kernel.MatchDestinationPort
			}
		})},
		{"nft/match/port-ranges", "forgets where ranges end", eachMatch(func(m *kernel.FilterMatch) { m.Ports.Last = m.Ports.First })},
		{"nft/match/flow", "knows one state at a time", eachMatch(func(m *kernel.FilterMatch) { m.States &= -m.States })},
		{"nft/match/local", "forgets what is negated", eachMatch(func(m *kernel.FilterMatch) { m.Not = false })},
		{"nft/match/says-nothing", "takes every match", ignoreInvalid},
		{"nft/match/not-of-bridges", "takes all matches in all families", ignoreInvalid},
		{"nft/match/bridge", "sees no ports of frames", blind(kernel.MatchDestinationPort)},
		{"nft/reject", "knows one kind of rejection", eachFilterRule(func(r *kernel.FilterRule) { r.With = "" })},
		{"nft/reject/families", "drops silently", actsAs(kernel.Reject, kernel.Drop)},
		{"nft/reject/wrong-kind", "takes every kind", ignoreInvalid},
		{"nft/reject/hooks", "rejects anywhere", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/nat", "forgets ports", toPort(0)},
		{"nft/nat/wrong-address", "takes every address", ignoreInvalid},
		{"nft/nat/hooks", "translates anywhere", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/nat/chain-type", "translates in chains of any type", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"iptables/match/words", "forgets what is negated", eachMatch(func(m *kernel.FilterMatch) { m.Not = false })},
		{"iptables/match/delete", "finds no rule with modules", dropChanges(kernel.DeleteRule)},
		{"iptables/reject", "drops silently", actsAs(kernel.Reject, kernel.Drop)},
		{"iptables/reject/elsewhere", "rejects anywhere", ignoreInvalid},
		{"iptables/nat", "takes SNAT for masquerade", actsAs(kernel.SNAT, kernel.Masquerade)},
		{"iptables/nat/elsewhere", "has the errno of nftables", confuse(intercept.RulesetChange, kernel.EINVAL, kernel.EOPNOTSUPP)},
		{"iptables/ipv6/words", "forgets ports", toPort(0)},
	}
}
