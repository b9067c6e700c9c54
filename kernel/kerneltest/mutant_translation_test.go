package kerneltest

import (
	"github.com/cnilab/cnilab/kernel"
)

func translationMutants() []mutant {
	var all []mutant
	for _, law := range []string{
		"translation/dnat/nft", "translation/dnat/own-packets", "translation/dnat/to-itself",
		"translation/dnat/errors-come-back", "translation/dnat/ping", "translation/dnat/before-forward",
		"translation/snat/nft", "translation/snat/input", "packetfilter/match/port", "packetfilter/match/protocol", "packetfilter/match/local",
		"packetfilter/match/flow", "translation/reject/forward", "translation/reject/input", "translation/reject/prerouting",
		"translation/dnat/iptables", "translation/snat/iptables", "translation/dnat/rejected", "translation/dnat/ipv6", "translation/reject/ipv6",
		"translation/reject/own-packets",
		"packetfilter/bridge/forward", "packetfilter/bridge/input", "packetfilter/bridge/output", "packetfilter/bridge/postrouting",
	} {
		all = append(all, mutant{law, "has rules without effect", withoutRules()})
	}
	rejectsAs := func(with kernel.Rejection) twist {
		return rulesAs(kernel.AddRule, func(c *kernel.FilterChange) { c.Rule.With = with })
	}
	showing := func(change func(*kernel.Flow)) twist {
		return twist{ShowFlows: func(_ kernel.NetNS, flows []kernel.Flow) []kernel.Flow {
			for i := range flows {
				change(&flows[i])
			}
			return flows
		}}
	}
	untranslated := showing(func(f *kernel.Flow) { f.Reply = f.Original.Inverse() })
	alwaysOne := twist{ShowFlows: func(kernel.NetNS, []kernel.Flow) []kernel.Flow { return make([]kernel.Flow, 1) }}
	return append(all, []mutant{
		{"translation/dnat/newest-first", "asks the chains in their order", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
			c.Chain = map[string]string{"old": "new", "new": "old"}[c.Chain]
		})},
		{"translation/masquerade/link-down", "forgets no flow", twist{ChangeLink: func(kernel.NetNS, int, kernel.LinkChange) error { return nil }}},
		{"translation/reject/admin-prohibited", "knows one kind of rejection", rejectsAs("")},
		{"translation/reject/no-route", "takes it for another one", rejectsAs("icmpx host-unreachable")},
		{"translation/reject/reset", "drops silently", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
			c.Rule.Action, c.Rule.With = kernel.Drop, ""
		})},
		{"packetfilter/match/flow-before-conntrack", "has the first chain asked last", rulesAs(kernel.AddChain, func(c *kernel.FilterChange) {
			c.Base = &kernel.BaseChain{Type: c.Base.Type, Hook: c.Base.Hook, Priority: 0, Policy: c.Base.Policy}
		})},
		{"flow/none-without-need", "follows all flows", alwaysOne},
		{"flow/udp", "shows nothing of translations", untranslated},
		{"flow/tcp", "knows no states", showing(func(f *kernel.Flow) { f.State = kernel.Established })},
		{"flow/ping", "shows nothing of translations", untranslated},
		{"flow/unreplied", "takes every flow for answered", showing(func(f *kernel.Flow) { f.Replied = true })},
		{"flow/refused", "keeps connections that were none", alwaysOne},
		{"flow/dropped", "keeps flows of which nothing came through", alwaysOne},
		{"flow/own", "follows what it forwards alone", twist{ShowFlows: func(kernel.NetNS, []kernel.Flow) []kernel.Flow { return nil }}},
		{"flow/of-its-family-alone", "follows flows of both families", alwaysOne},
		{"flow/outlives-its-rule", "forgets flows with their rules", twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, c []kernel.FilterChange) error {
			if _, err := ns.DeleteFlows(kernel.FlowFilter{}); err != nil {
				return err
			}
			return ns.ChangeRuleset(b, c)
		}}},
		{"flow/delete", "deletes all flows", twist{DeleteFlows: func(ns kernel.NetNS, _ kernel.FlowFilter) (int, error) {
			return ns.DeleteFlows(kernel.FlowFilter{})
		}}},
		{"flow/time", "forgets nothing", showing(func(f *kernel.Flow) { f.Left = 600 * 1e9 })},
		{"flow/netns-are-apart", "has one conntrack for all", alwaysOne},
	}...)
}
