package operation

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func netfilterForms() []Form {
	return []Form{
		{
			"nft", "nft [-n NS] [-c] add|create|insert|delete|flush table|chain|rule FAMILY TABLE [CHAIN] [...] [; ...]",
			"change the rules of nftables, in one transaction, or with -c only try that; with \"list ruleset\" print them",
			readNetfilter("nft"),
		},
		{
			"iptables", "iptables [-n NS] [--test] [-t TABLE] -N|-X|-P|-F|-A|-I|-D [CHAIN] [...] [; ...]",
			"change the rules of iptables, in one transaction, or with --test only try that", readNetfilter("iptables"),
		},
		{"ip6tables", "ip6tables [-n NS] ...", "the same for IPv6", readNetfilter("ip6tables")},
	}
}

// A RulesetChange is a transaction of netfilter. Its changes are for the family that Program stands for.
type RulesetChange struct {
	NetNS   string
	Program string // "nft", "iptables" or "ip6tables"
	Check   bool   // see whether the changes could be made, and make none
	Changes []kernel.FilterChange
}

// checkWords are what the programs take before changes that are only tried: nft(8), iptables-restore(8).
var checkWords = map[string]string{"nft": "-c", "iptables": "--test", "ip6tables": "--test"}

func readNetfilter(program string) func(string, *words.Reader) (Operation, error) {
	return func(netns string, r *words.Reader) (Operation, error) {
		check := len(r.Rest) > 0 && r.Rest[0] == checkWords[program]
		if check {
			r.Rest = r.Rest[1:]
		}
		if len(r.Rest) == 0 {
			return nil, r.Wrong("a change is missing")
		}
		_, changes, err := kernel.ParseFilterChanges(program, r.Rest)
		if err != nil {
			return nil, r.Wrong("%v", err)
		}
		return RulesetChange{netns, program, check, changes}, nil
	}
}

func (o RulesetChange) String() string {
	l := lineOf(o.NetNS, o.Program)
	l.flag(o.Check, checkWords[o.Program])
	for i, c := range o.Changes {
		if i > 0 {
			l.add(";")
		}
		l.quoted(c.Words(o.Backend())...)
	}
	return l.String()
}

// Backend is that of the program.
func (o RulesetChange) Backend() kernel.FilterBackend {
	if o.Program == "nft" {
		return kernel.NFTables
	}
	return kernel.IPTables
}

// Op implements Operation.
func (o RulesetChange) Op() string {
	if o.Check {
		return "ruleset check"
	}
	return "ruleset change"
}

// In implements Operation.
func (o RulesetChange) In() string { return o.NetNS }

// Apply implements Operation.
func (o RulesetChange) Apply(h kernel.Host) (string, error) {
	return "", in(h, o.NetNS, func(ns kernel.NetNS) error {
		if o.Check {
			return ns.CheckRuleset(o.Backend(), slices.Clone(o.Changes))
		}
		return ns.ChangeRuleset(o.Backend(), slices.Clone(o.Changes))
	})
}
