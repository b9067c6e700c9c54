package operation

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func netfilterForms() []Form {
	return []Form{
		{
			"nft", "nft [-n NS] add|create|insert|delete|flush table|chain|rule FAMILY TABLE [CHAIN] [...] [; ...]",
			"change the rules of nftables, in one transaction; with \"list ruleset\" print them", readNetfilter("nft"),
		},
		{
			"iptables", "iptables [-n NS] [-t TABLE] -N|-X|-P|-F|-A|-I|-D [CHAIN] [...] [; ...]",
			"change the rules of iptables, in one transaction", readNetfilter("iptables"),
		},
		{"ip6tables", "ip6tables [-n NS] ...", "the same for IPv6", readNetfilter("ip6tables")},
	}
}

// A RulesetChange is a transaction of netfilter. Its changes are for the family that Program stands for.
type RulesetChange struct {
	NetNS   string
	Program string // "nft", "iptables" or "ip6tables"
	Changes []kernel.FilterChange
}

func readNetfilter(program string) func(string, *words.Reader) (Operation, error) {
	return func(netns string, r *words.Reader) (Operation, error) {
		if len(r.Rest) == 0 {
			return nil, r.Wrong("a change is missing")
		}
		_, changes, err := kernel.ParseFilterChanges(program, r.Rest)
		if err != nil {
			return nil, r.Wrong("%v", err)
		}
		return RulesetChange{netns, program, changes}, nil
	}
}

func (o RulesetChange) String() string {
	l := lineOf(o.NetNS, o.Program)
	for i, c := range o.Changes {
		if i > 0 {
			l.add(";")
		}
		l.quoted(c.Words(o.backend())...)
	}
	return l.String()
}

func (o RulesetChange) backend() kernel.FilterBackend {
	if o.Program == "nft" {
		return kernel.NFTables
	}
	return kernel.IPTables
}

// Op implements Operation.
func (o RulesetChange) Op() string { return "ruleset change" }

// In implements Operation.
func (o RulesetChange) In() string { return o.NetNS }

// Apply implements Operation.
func (o RulesetChange) Apply(h kernel.Host) (string, error) {
	return "", in(h, o.NetNS, func(ns kernel.NetNS) error {
		return ns.ChangeRuleset(o.backend(), slices.Clone(o.Changes))
	})
}
