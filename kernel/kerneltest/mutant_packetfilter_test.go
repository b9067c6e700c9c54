package kerneltest

import (
	"context"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func packetFilterMutants() []mutant {
	return []mutant{
		{"packetfilter/masquerade/nft/tcp", "lets rules be without effect", withoutRules()},
		{"packetfilter/masquerade/nft/udp", "shows the pod's address outside", seenFrom("10.1.0.2")},
		{"packetfilter/masquerade/nft/ping", "does not translate pings", withoutRules()},
		{"packetfilter/masquerade/iptables/tcp", "has iptables without effect", withoutRules()},
		{"packetfilter/masquerade/iptables/ping", "has iptables without effect", withoutRules()},
		{
			"packetfilter/reject/no-protocol", "takes it for a port that is closed",
			confuse(intercept.ProbeCall, kernel.ENOPROTOOPT, kernel.ECONNREFUSED),
		},
		{"packetfilter/discovery/input", "has no rules for neighbour discovery", withoutRules()},
		{"packetfilter/discovery/output", "has no rules for neighbour discovery", withoutRules()},
		{"packetfilter/masquerade/others", "masquerades everybody", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) { c.Rule.Matches = nil })},
		{"packetfilter/masquerade/errors-come-back", "keeps errors to itself", twist{Call: func(ns kernel.NetNS, ctx context.Context, c kernel.Call) (kernel.Answer, error) {
			return kernel.Answer{}, &kernel.Error{Op: "call", Errno: kernel.ETIMEDOUT}
		}}},
		{"packetfilter/masquerade/ipv6", "masquerades IPv4 alone", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
			if c.Rule.Matches[0].Prefix.Addr().Is6() {
				c.Rule.Action = kernel.Accept
			}
		})},
		{"packetfilter/drop/forward", "drops nothing that it forwards", withoutRules()},
		{"packetfilter/drop/input", "drops nothing that is for it", withoutRules()},
		{"packetfilter/drop/output", "drops nothing of its own", withoutRules()},
		{"packetfilter/policy", "accepts what no rule is about", rulesAs(kernel.AddChain, func(c *kernel.FilterChange) {
			if c.Base != nil {
				c.Base = &kernel.BaseChain{Type: c.Base.Type, Hook: c.Base.Hook, Priority: c.Base.Priority, Policy: kernel.Accept}
			}
		})},
		{"packetfilter/goto", "comes back from goto", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
			if c.Rule.Action == kernel.GoTo {
				c.Rule.Action = kernel.Jump
			}
		})},
		{"packetfilter/each-chain-is-asked", "asks the first chain alone", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
			if c.Chain != "f" {
				c.Rule.Action = kernel.Accept
			}
		})},
		{"packetfilter/iptables/drop", "has iptables without effect", withoutRules()},
		{"packetfilter/spoof-check", "does not look at frames", withoutRules()},
	}
}

// withoutRules is the twist that answers success to changes of rules and makes none of them.
func withoutRules() twist {
	return twist{ChangeRuleset: func(kernel.NetNS, kernel.FilterBackend, []kernel.FilterChange) error { return nil }}
}

// seenFrom is the twist whose services say that calls come from an address.
func seenFrom(ip string) twist {
	return twist{Call: func(ns kernel.NetNS, ctx context.Context, c kernel.Call) (kernel.Answer, error) {
		got, err := ns.Call(ctx, c)
		got.Seen = netip.AddrPortFrom(netip.MustParseAddr(ip), got.Seen.Port())
		return got, err
	}}
}
