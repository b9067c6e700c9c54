package kerneltest

import (
	"errors"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func nftMutants() []mutant {
	return []mutant{
		{"nft/empty", "begins with a table", twist{ShowRuleset: func(_ kernel.NetNS, tables []kernel.FilterTable) []kernel.FilterTable {
			return append(tables, kernel.FilterTable{Family: kernel.FilterInet, Name: "firewall"})
		}}},
		{"nft/table/add", "forgets comments of tables", eachTable(func(t *kernel.FilterTable) { t.Comment = "" })},
		{"nft/table/add-twice", "refuses a table that is there", rulesAs(kernel.AddTable, func(c *kernel.FilterChange) { c.Exclusive = true })},
		{"nft/table/create-twice", "creates a table that is there", ignoreRefusal(kernel.EEXIST)},
		{"nft/table/delete", "refuses to delete a table with rules", refuseRules("delete table", kernel.EBUSY)},
		{"nft/table/delete-empty", "deletes it with all that is in it", ignoreRefusal(kernel.EBUSY)},
		{"nft/table/delete-absent", "deletes what is not there", ignoreRefusal(kernel.ENOENT)},
		{"nft/table/families-are-apart", "has each table once", deleteInAllFamilies()},
		{"nft/table/netns-are-apart", "has one table of rules for all namespaces", sharedRules(kernel.NFTables)},
		{"nft/table/flush", "flushes the first chain alone", rulesAs(kernel.FlushChain, func(c *kernel.FilterChange) { c.Chain = "c" })},
		{"nft/table/flush-absent", "flushes what is not there", ignoreRefusal(kernel.ENOENT)},
		{"nft/table/long-name", "cuts names at 32 bytes", eachTable(func(t *kernel.FilterTable) { t.Name = t.Name[:min(32, len(t.Name))] })},
		{"nft/table/of-iptables", "lets everybody write to the tables of iptables", ignoreRefusal(kernel.EINVAL)},

		{"nft/chain/add", "forgets comments of chains", eachChain(func(c *kernel.FilterChain) { c.Comment = "" })},
		{"nft/chain/add-twice", "empties a chain that is added again", flushAdded()},
		{"nft/chain/create-twice", "creates a chain that is there", ignoreRefusal(kernel.EEXIST)},
		{"nft/chain/no-table", "says that there is one", confuse(intercept.RulesetChange, kernel.ENOENT, kernel.EEXIST)},
		{"nft/chain/base", "forgets the signs of priorities", eachChain(func(c *kernel.FilterChain) {
			if c.Base != nil && c.Base.Priority < 0 {
				c.Base.Priority = -c.Base.Priority
			}
		})},
		{"nft/chain/policy", "keeps the first policy", eachChain(func(c *kernel.FilterChain) {
			if c.Base != nil {
				c.Base.Policy = kernel.Accept
			}
		})},
		{"nft/chain/base-of-regular", "makes a base chain of another", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/chain/other-priority", "moves a base chain", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/chain/other-hook", "says EBUSY", confuse(intercept.RulesetChange, kernel.EOPNOTSUPP, kernel.EBUSY)},
		{"nft/chain/other-type", "takes any type for the same", ignoreRefusal(kernel.EEXIST)},
		{"nft/chain/nat-hooks", "translates while forwarding", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/chain/nat-priority", "translates before connections are tracked", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/chain/route-hooks", "says EINVAL", confuse(intercept.RulesetChange, kernel.EOPNOTSUPP, kernel.EINVAL)},
		{"nft/chain/bridge-types", "translates on bridges", ignoreRefusal(kernel.EINVAL)},
		{"nft/chain/delete", "deletes no chain", dropChanges(kernel.DeleteChain)},
		{"nft/chain/delete-absent", "deletes what is not there", ignoreRefusal(kernel.ENOENT)},
		{"nft/chain/delete-with-rules", "deletes chains with their rules", flushDeleted()},
		{"nft/chain/delete-referenced", "deletes chains that rules jump to", ignoreRefusal(kernel.EBUSY)},
		{"nft/chain/flush", "flushes the whole table", rulesAs(kernel.FlushChain, func(c *kernel.FilterChange) { c.Chain = "" })},
		{"nft/chain/flush-absent", "flushes what is not there", ignoreRefusal(kernel.ENOENT)},

		{"nft/rule/add", "adds in front", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) { c.Do = kernel.InsertRule })},
		{"nft/rule/insert", "inserts at the end", rulesAs(kernel.InsertRule, func(c *kernel.FilterChange) { c.Do = kernel.AddRule })},
		{"nft/rule/behind", "adds before the rule", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) {
			if c.At != 0 {
				c.Do = kernel.InsertRule
			}
		})},
		{"nft/rule/before", "does not look at the handle", rulesAs(kernel.InsertRule, func(c *kernel.FilterChange) { c.At = 0 })},
		{"nft/rule/behind-absent", "puts the rule somewhere", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) { c.At = 0 })},
		{"nft/rule/no-chain", "says EINVAL", confuse(intercept.RulesetChange, kernel.ENOENT, kernel.EINVAL)},
		{"nft/rule/jump-absent", "jumps to what is not there", ignoreRefusal(kernel.ENOENT)},
		{"nft/rule/jump-to-base", "jumps to base chains", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/rule/jump-to-self", "has the errno of older kernels", confuse(intercept.RulesetChange, kernel.EMLINK, kernel.ELOOP)},
		{"nft/rule/loop", "lets packets go round", ignoreRefusal(kernel.EMLINK)},
		{"nft/rule/loop-nobody-reaches", "refuses every circle", refuseRules("d jump c", kernel.EMLINK)},
		{"nft/rule/too-deep", "has no end of chains", ignoreRefusal(kernel.EMLINK)},
		{"nft/rule/too-deep-nobody-gets-there", "says EINVAL", refuseRules("g goto c0", kernel.EINVAL)},
		{"nft/rule/delete-by-handle", "deletes the first rule", deleteFirst()},
		{"nft/rule/delete-by-what-it-says", "looks at the verdict alone", eachFilterRule(func(r *kernel.FilterRule) {
			if len(r.Matches) > 0 {
				r.Matches = r.Matches[:0]
			}
		})},
		{"nft/rule/delete-twins", "deletes all equal rules at once", deleteAlike()},
		{"nft/rule/handles", "numbers rules by their places", numberRules()},
		{"nft/rule/addresses", "shows prefixes by whole bytes", eachMatch(func(m *kernel.FilterMatch) {
			if m.Prefix.IsValid() {
				m.Prefix, _ = m.Prefix.Addr().Prefix(m.Prefix.Bits() / 8 * 8)
			}
		})},
		{"nft/rule/links", "forgets what is negated", eachMatch(func(m *kernel.FilterMatch) { m.Not = false })},
		{"nft/rule/source-mac", "shows no MACs", eachMatch(func(m *kernel.FilterMatch) { m.MAC = nil })},
		{"nft/rule/verdicts", "takes goto for jump", eachFilterRule(func(r *kernel.FilterRule) {
			if r.Action == kernel.GoTo {
				r.Action = kernel.Jump
			}
		})},
		{"nft/rule/comment", "cuts comments at 100 bytes", eachFilterRule(func(r *kernel.FilterRule) { r.Comment = r.Comment[:min(100, len(r.Comment))] })},
		{"nft/rule/masquerade", "accepts where it was to masquerade", eachFilterRule(func(r *kernel.FilterRule) {
			if r.Action == kernel.Masquerade {
				r.Action = kernel.Accept
			}
		})},
		{"nft/rule/masquerade-elsewhere", "masquerades anywhere", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/rule/masquerade-called-from-elsewhere", "looks at base chains alone", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"nft/rule/wrong-family", "takes all matches in all families", ignoreRefusal(kernel.EINVAL)},
		{"nft/rule/prefix-says-nothing", "takes every prefix", ignoreRefusal(kernel.EINVAL)},
		{"nft/rule/opaque", "takes rules without words", ignoreRefusal(kernel.EINVAL)},

		{"nft/transaction/all-or-none", "makes the changes before the one that fails", oneByOne()},
		{"nft/transaction/in-order", "looks at the end only", ignoreRefusal(kernel.EBUSY)},
		{"nft/transaction/names-the-change", "blames the whole transaction", blameAll()},
		{"nft/transaction/empty", "refuses to do nothing", twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
			if len(changes) == 0 {
				return &kernel.Error{Op: "ruleset change", Errno: kernel.EINVAL}
			}
			return ns.ChangeRuleset(b, changes)
		}}},
		{"nft/transaction/large", "has room for 256 changes", twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
			return ns.ChangeRuleset(b, changes[:min(256, len(changes))])
		}}},
		{"nft/check/changes-nothing", "changes what it checks", twist{CheckRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
			return ns.ChangeRuleset(b, changes)
		}}},
		{"nft/check/answers-as-change", "finds everything right", swallow(intercept.RulesetCheck, kernel.ENOENT)},
		{"nft/layout/masquerade", "keeps chains in the order in which they came", reverseChains()},
		{"nft/layout/spoof-check", "shows the names of links in capitals", eachMatch(func(m *kernel.FilterMatch) { m.Link = strings.ToUpper(m.Link) })},
	}
}

func iptablesMutants() []mutant {
	return []mutant{
		{"iptables/empty", "has rules of its own", twist{ShowRuleset: func(_ kernel.NetNS, tables []kernel.FilterTable) []kernel.FilterTable {
			return append(tables, kernel.FilterTable{Family: kernel.FilterIP, Name: "nat", Chains: []kernel.FilterChain{{Name: "DOCKER"}}})
		}}},
		{"iptables/as-it-came", "shows tables that were used once", rememberTables()},
		{"iptables/built-in-chains", "shows only what was made", twist{ShowRuleset: func(_ kernel.NetNS, tables []kernel.FilterTable) []kernel.FilterTable {
			for i := range tables {
				tables[i].Chains = slices.DeleteFunc(tables[i].Chains, func(c kernel.FilterChain) bool { return c.Base != nil })
			}
			return tables
		}}},
		{"iptables/chain/create", "cuts names at 16 bytes", eachChain(func(c *kernel.FilterChain) { c.Name = c.Name[:min(16, len(c.Name))] })},
		{"iptables/chain/create-twice", "creates a chain that is there", ignoreRefusal(kernel.EEXIST)},
		{"iptables/chain/create-built-in", "has no built-in chains", ignoreRefusal(kernel.EEXIST)},
		{"iptables/chain/long-name", "takes names of any length", ignoreRefusal(kernel.ERANGE)},
		{"iptables/chain/delete", "deletes no chain", dropChanges(kernel.DeleteChain)},
		{"iptables/chain/delete-absent", "deletes what is not there", ignoreRefusal(kernel.ENOENT)},
		{"iptables/chain/delete-with-rules", "deletes chains with their rules", flushDeleted()},
		{"iptables/chain/delete-referenced", "makes half of a transaction", oneByOne()},
		{"iptables/chain/delete-built-in", "deletes built-in chains", ignoreRefusal(kernel.EINVAL)},
		{"iptables/chain/flush", "flushes the whole table", rulesAs(kernel.FlushChain, func(c *kernel.FilterChange) { c.Chain = "" })},
		{"iptables/chain/flush-absent", "flushes what is not there", ignoreRefusal(kernel.ENOENT)},
		{"iptables/chain/flush-unused", "adds rules that drop", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) { c.Rule.Action = kernel.Drop })},
		{"iptables/chain/policy", "knows no policy", dropChanges(kernel.AddChain)},
		{"iptables/chain/policy-of-user-chain", "gives every chain a policy", ignoreRefusal(kernel.EINVAL)},
		{"iptables/rule/append", "appends in front", rulesAs(kernel.AddRule, func(c *kernel.FilterChange) { c.Do = kernel.InsertRule })},
		{"iptables/rule/insert", "inserts at the end", rulesAs(kernel.InsertRule, func(c *kernel.FilterChange) { c.Do = kernel.AddRule })},
		{"iptables/rule/delete", "deletes all equal rules", deleteAlike()},
		{"iptables/rule/delete-absent", "deletes what is not there", ignoreRefusal(kernel.ENOENT)},
		{"iptables/rule/no-chain", "says EINVAL", confuse(intercept.RulesetChange, kernel.ENOENT, kernel.EINVAL)},
		{"iptables/rule/jump-absent", "jumps to what is not there", ignoreRefusal(kernel.ENOENT)},
		{"iptables/rule/jump-to-built-in", "jumps to built-in chains", ignoreRefusal(kernel.EOPNOTSUPP)},
		{"iptables/rule/loop", "lets packets go round", ignoreRefusal(kernel.EMLINK)},
		{"iptables/rule/words", "loses quotes in comments", eachFilterRule(func(r *kernel.FilterRule) { r.Comment = strings.ReplaceAll(r.Comment, `"`, "") })},
		{"iptables/rule/order-of-matches", "keeps the order of matches", keepOrder()},
		{"iptables/rule/long-comment", "cuts comments at 100 bytes", eachFilterRule(func(r *kernel.FilterRule) { r.Comment = r.Comment[:min(100, len(r.Comment))] })},
		{"iptables/rule/link-in-wrong-chain", "asks for links that nobody knows", ignoreRefusal(kernel.EINVAL)},
		{"iptables/rule/drop-in-nat", "drops in the table nat", ignoreRefusal(kernel.EINVAL)},
		{"iptables/rule/masquerade", "accepts where it was to masquerade", eachFilterRule(func(r *kernel.FilterRule) {
			if r.Action == kernel.Masquerade {
				r.Action = kernel.Accept
			}
		})},
		{"iptables/rule/masquerade-elsewhere", "has the errno of nftables", confuse(intercept.RulesetChange, kernel.EINVAL, kernel.EOPNOTSUPP)},
		{"iptables/transaction/all-or-none", "makes the changes before the one that fails", oneByOne()},
		{"iptables/transaction/names-the-change", "blames the whole transaction", blameAll()},
		{"iptables/transaction/one-table", "changes several tables at once", oneByOne()},
		{"iptables/check-changes-nothing", "changes what it checks", twist{CheckRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
			if len(changes) == 1 {
				return ns.CheckRuleset(b, changes)
			}
			return ns.ChangeRuleset(b, changes)
		}}},
		{"iptables/families-are-apart", "has one set of chains for both", deleteInAllFamilies()},
		{"iptables/netns-are-apart", "has one set of rules for all namespaces", sharedRules(kernel.IPTables)},
		{"iptables/not-in-nftables", "shows the tables of iptables, too", twist{Ruleset: func(ns kernel.NetNS, b kernel.FilterBackend) ([]kernel.FilterTable, error) {
			return ns.Ruleset(kernel.IPTables)
		}}},
	}
}

// ignoreRefusal is the twist that answers success where a change of rules is refused.
func ignoreRefusal(errno kernel.Errno) twist { return swallow(intercept.RulesetChange, errno) }

// refuseRules is the twist that refuses transactions with these words.
func refuseRules(words string, errno kernel.Errno) twist {
	return refuse(errno, func(c intercept.Call) bool {
		return c.Op == intercept.RulesetChange && strings.Contains(c.Object, words)
	})
}

// eachTable is the twist that shows tables other than they are.
func eachTable(f func(*kernel.FilterTable)) twist {
	return twist{ShowRuleset: func(_ kernel.NetNS, tables []kernel.FilterTable) []kernel.FilterTable {
		for i := range tables {
			f(&tables[i])
		}
		return tables
	}}
}

func eachChain(f func(*kernel.FilterChain)) twist {
	return eachTable(func(t *kernel.FilterTable) {
		for i := range t.Chains {
			f(&t.Chains[i])
		}
	})
}

func eachFilterRule(f func(*kernel.FilterRule)) twist {
	return eachChain(func(c *kernel.FilterChain) {
		for i := range c.Rules {
			f(&c.Rules[i])
		}
	})
}

func eachMatch(f func(*kernel.FilterMatch)) twist {
	return eachFilterRule(func(r *kernel.FilterRule) {
		for i := range r.Matches {
			f(&r.Matches[i])
		}
	})
}

// changesAs is the twist that makes other changes than those that were asked for.
func changesAs(f func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) []kernel.FilterChange) twist {
	return twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
		return ns.ChangeRuleset(b, f(ns, b, slices.Clone(changes)))
	}}
}

// rulesAs is the twist that does something else for a verb.
func rulesAs(verb kernel.FilterVerb, f func(*kernel.FilterChange)) twist {
	return changesAs(func(_ kernel.NetNS, _ kernel.FilterBackend, changes []kernel.FilterChange) []kernel.FilterChange {
		for i := range changes {
			if changes[i].Do == verb {
				f(&changes[i])
			}
		}
		return changes
	})
}

func dropChanges(verb kernel.FilterVerb) twist {
	return changesAs(func(_ kernel.NetNS, _ kernel.FilterBackend, changes []kernel.FilterChange) []kernel.FilterChange {
		return slices.DeleteFunc(changes, func(c kernel.FilterChange) bool { return c.Do == verb })
	})
}

// before is the twist that does something else before a verb.
func before(verb, first kernel.FilterVerb) twist {
	return changesAs(func(_ kernel.NetNS, _ kernel.FilterBackend, changes []kernel.FilterChange) (all []kernel.FilterChange) {
		for _, c := range changes {
			if c.Do == verb {
				all = append(all, kernel.FilterChange{Do: first, Family: c.Family, Table: c.Table, Chain: c.Chain})
			}
			all = append(all, c)
		}
		return all
	})
}

func flushDeleted() twist { return before(kernel.DeleteChain, kernel.FlushChain) }

// flushAdded empties the chains that are added.
func flushAdded() twist {
	return changesAs(func(_ kernel.NetNS, _ kernel.FilterBackend, changes []kernel.FilterChange) (all []kernel.FilterChange) {
		for _, c := range changes {
			all = append(all, c)
			if c.Do == kernel.AddChain {
				all = append(all, kernel.FilterChange{Do: kernel.FlushChain, Family: c.Family, Table: c.Table, Chain: c.Chain})
			}
		}
		return all
	})
}

// oneByOne is the twist for which each change is a transaction.
func oneByOne() twist {
	return twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
		for _, c := range changes {
			if err := ns.ChangeRuleset(b, []kernel.FilterChange{c}); err != nil {
				return err
			}
		}
		return nil
	}}
}

// blameAll is the twist whose errors do not say which change they are about.
func blameAll() twist {
	return twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
		err := ns.ChangeRuleset(b, changes)
		if refused, ok := errors.AsType[*kernel.Error](err); ok {
			refused.Object = "rules"
		}
		return err
	}}
}

// deleteFirst deletes the first rule of a chain, whichever is meant.
func deleteFirst() twist {
	return changesAs(func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) []kernel.FilterChange {
		for i, c := range changes {
			if rules := rulesIn(ns, b, c); c.Do == kernel.DeleteRule && len(rules) > 0 {
				changes[i].Rule = rules[0]
			}
		}
		return changes
	})
}

// deleteAlike deletes all rules that say the same as the one that is to be deleted.
func deleteAlike() twist {
	return twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
		if err := ns.ChangeRuleset(b, changes); err != nil {
			return err
		}
		for _, c := range changes {
			for _, r := range rulesIn(ns, b, c) {
				if c.Do == kernel.DeleteRule && r.Says(c.Rule) {
					c.Rule = r
					if err := ns.ChangeRuleset(b, []kernel.FilterChange{c}); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}}
}

// rulesIn returns the rules of the chain of a change.
func rulesIn(ns kernel.NetNS, b kernel.FilterBackend, c kernel.FilterChange) []kernel.FilterRule {
	tables, _ := ns.Ruleset(b)
	if t := kernel.FindFilterTable(tables, c.Family, c.Table); t != nil && t.Chain(c.Chain) != nil {
		return t.Chain(c.Chain).Rules
	}
	return nil
}

func numberRules() twist {
	return eachChain(func(c *kernel.FilterChain) {
		for i := range c.Rules {
			c.Rules[i].Handle = uint64(i + 1)
		}
	})
}

func reverseChains() twist {
	return eachTable(func(t *kernel.FilterTable) { slices.Reverse(t.Chains) })
}

// deleteInAllFamilies deletes chains and tables of the name in the other families, too.
func deleteInAllFamilies() twist {
	other := map[kernel.FilterFamily]kernel.FilterFamily{
		kernel.FilterInet: kernel.FilterBridge, kernel.FilterBridge: kernel.FilterInet,
		kernel.FilterIP: kernel.FilterIP6, kernel.FilterIP6: kernel.FilterIP,
	}
	return twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
		if err := ns.ChangeRuleset(b, changes); err != nil {
			return err
		}
		for _, c := range changes {
			if c.Do == kernel.DeleteTable || c.Do == kernel.FlushChain {
				c.Family = other[c.Family]
				_ = ns.ChangeRuleset(b, []kernel.FilterChange{c})
			}
		}
		return nil
	}}
}

// sharedRules shows all namespaces the rules of the one that was changed last.
func sharedRules(of kernel.FilterBackend) twist {
	var last kernel.NetNS
	return twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
		last = ns
		return ns.ChangeRuleset(b, changes)
	}, Ruleset: func(ns kernel.NetNS, b kernel.FilterBackend) ([]kernel.FilterTable, error) {
		if last != nil && b == of {
			ns = last
		}
		return ns.Ruleset(b)
	}}
}

// rememberTables goes on showing tables from which all was taken away.
func rememberTables() twist {
	var had []kernel.FilterTable
	return twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
		err := ns.ChangeRuleset(b, changes)
		if tables, _ := ns.Ruleset(b); len(tables) > 0 {
			had = tables
		}
		return err
	}, ShowRuleset: func(_ kernel.NetNS, tables []kernel.FilterTable) []kernel.FilterTable {
		if len(tables) == 0 {
			return had
		}
		return tables
	}}
}

// keepOrder shows the matches of rules as they were asked for last.
func keepOrder() twist {
	var asked []kernel.FilterMatch
	return twist{ChangeRuleset: func(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
		asked = changes[len(changes)-1].Rule.Matches
		return ns.ChangeRuleset(b, changes)
	}, ShowRuleset: func(_ kernel.NetNS, tables []kernel.FilterTable) []kernel.FilterTable {
		for _, t := range tables {
			if c := t.Chain("c"); c != nil && len(c.Rules) > 0 {
				c.Rules[0].Matches = asked
			}
		}
		return tables
	}}
}
