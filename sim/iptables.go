package sim

import (
	"maps"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// iptables are the tables that have been used, each with its built-in chains. What is done with them has two halves: the
// program iptables-restore changes a copy, and then the kernel takes it or not. The simulated program is that of
// iptables-nft, of which the kernel's half is nf_tables; where that is lacking it is that of iptables-legacy, which is like
// it but for what is said below.
type iptables []iptable

// An iptable is one of them.
type iptable struct {
	kernel.FilterTable
	made map[string]bool // the built-in chains that the kernel has: those that were used (iptables/nft.c: nft_xt_builtin_init)

	// there says that the kernel has the table, from the first transaction on that does more than to flush it. Where it is
	// not there, to flush it does nothing, even to what was added before (iptables/nft.c: nft_rule_flush). For
	// iptables-legacy it is always there, as a copy to work on (libiptc/libiptc.c: TC_INIT; measured with 1.8.9).
	there bool

	legacy bool // is of ip_tables
}

func (t iptable) copy() iptable {
	return iptable{copyTable(t.FilterTable), maps.Clone(t.made), t.there, t.legacy}
}

// list leaves out the tables that are as they came.
func (t iptables) list() []kernel.FilterTable {
	var all []kernel.FilterTable
	for _, table := range t {
		if slices.ContainsFunc(table.Chains, touched) {
			all = append(all, copyTable(table.FilterTable))
		}
	}
	kernel.SortFilterTables(all)
	return all
}

func touched(c kernel.FilterChain) bool {
	return c.Base == nil || c.Base.Policy != kernel.Accept || len(c.Rules) > 0
}

// changed returns the tables after a transaction, or the refusal of the change with the index. All of them are in one
// table.
func (t iptables) changed(changes []kernel.FilterChange, legacy bool) (after iptables, index int, r *refusal) {
	if len(changes) == 0 {
		return t, -1, nil
	}
	after = slices.Clone(t)
	table := after.table(changes[0])
	table.there, table.legacy = table.there || legacy, legacy
	if i, r := table.tried(changes); r != nil {
		return nil, i, r
	}
	changed, index, r := table.inKernel(changes)
	*table = changed
	return after, index, r
}

// table returns the table of a change, made where it was not used yet.
func (t *iptables) table(c kernel.FilterChange) *iptable {
	for i, table := range *t {
		if table.Family == c.Family && table.Name == c.Table {
			return &(*t)[i]
		}
	}
	table := iptable{FilterTable: kernel.FilterTable{Family: c.Family, Name: c.Table}, made: map[string]bool{}}
	for _, name := range kernel.IPTablesChains(c.Table) {
		table.Chains = append(table.Chains, kernel.FilterChain{Name: name, Base: &kernel.BaseChain{Policy: kernel.Accept}})
	}
	*t = append(*t, table)
	return &(*t)[len(*t)-1]
}

// checked is "iptables-restore --test": what the program is sure of. That of iptables-nft asks the kernel for nothing, not even
// for what is there (iptables/nft.c: nft_test); that of iptables-legacy does all but the commit.
func (t iptables) checked(changes []kernel.FilterChange, legacy bool) (index int, r *refusal) {
	if len(changes) == 0 || !legacy {
		return -1, nil
	}
	all := slices.Clone(t)
	table := all.table(changes[0])
	table.there, table.legacy = true, true
	return table.tried(changes)
}

// tried is the program's half of a transaction.
func (t iptable) tried(changes []kernel.FilterChange) (index int, r *refusal) {
	program := t.copy()
	for i, c := range changes {
		if r := program.inProgram(c); r != nil {
			return i, r
		}
	}
	return -1, nil
}

// inProgram is the program's half of a change. (iptables/nft.c: nft_chain_user_add, nft_rule_append, nft_rule_delete and so on.)
func (t *iptable) inProgram(c kernel.FilterChange) *refusal {
	chain := t.Chain(c.Chain)
	switch {
	case c.Do == kernel.AddChain && c.Base == nil && chain != nil:
		return refuse(kernel.EEXIST, "Chain already exists.")
	case c.Do == kernel.AddChain, c.Do == kernel.FlushChain && c.Chain == "":
	case chain == nil:
		return refuse(kernel.ENOENT, "No chain/target/match by that name.")
	case c.Do == kernel.DeleteRule && ruleThatSays(chain, c.Rule) < 0:
		return refuse(kernel.ENOENT, "Bad rule (does a matching rule exist in that chain?).")
	case c.Rule.Target != "" && t.Chain(c.Rule.Target) == nil:
		return refuse(kernel.ENOENT, "Chain does not exist.")
	case t.legacy && c.Do == kernel.DeleteChain && inUse(&t.FilterTable, c.Chain):
		return refuse(kernel.EBUSY) // libiptc/libiptc.c: TC_DELETE_CHAIN
	case t.legacy && c.Rule.Target != "" && t.Chain(c.Rule.Target).Base != nil:
		return refuse(kernel.EOPNOTSUPP) // libiptc/libiptc.c: iptcc_map_target
	}
	t.carryOut(c)
	return nil
}

// inOneGo is the kernel's half for iptables-legacy, which gives it the table as it is in the end.
func (t iptable) inOneGo(changes []kernel.FilterChange) (after iptable, index int, r *refusal) {
	after = t.copy()
	for _, c := range changes {
		after.carryOut(c)
	}
	if r := after.valid(); r != nil {
		return t, len(changes) - 1, r
	}
	return after, -1, nil
}

// inKernel is the kernel's half. The rules together are looked at in the end, and then, where they are no good, after each
// that is added (see nftables.transact).
func (t iptable) inKernel(changes []kernel.FilterChange) (after iptable, index int, r *refusal) {
	if t.legacy {
		return t.inOneGo(changes)
	}
	for _, each := range []bool{false, true} {
		after = t.copy()
		for i, c := range changes {
			if addsRule(c) && t.isFlushed(c.Chain, changes[i:]) {
				c.Rule = kernel.FilterRule{}
			}
			r := after.change(c)
			if r == nil && each && addsRule(c) {
				r = after.valid()
			}
			if r != nil {
				return t, i, r
			}
		}
		if after.valid() == nil {
			break
		}
	}
	after.there = after.there || slices.ContainsFunc(changes, func(c kernel.FilterChange) bool { return !flushesAll(c) })
	return after, -1, nil
}

func addsRule(c kernel.FilterChange) bool { return c.Do == kernel.AddRule || c.Do == kernel.InsertRule }

func flushesAll(c kernel.FilterChange) bool { return c.Do == kernel.FlushChain && c.Chain == "" }

// isFlushed reports whether one of some changes empties a chain. The program forgets what the rules say that it was to add
// there before, and sends empty ones: none is refused (measured with iptables 1.8.9; iptables/nft.c: flush_rule_cache).
func (t *iptable) isFlushed(chain string, changes []kernel.FilterChange) bool {
	return slices.ContainsFunc(changes, func(c kernel.FilterChange) bool {
		return c.Do == kernel.FlushChain && (c.Chain == chain || flushesAll(c) && t.there)
	})
}

// change is one change in the kernel.
func (t *iptable) change(c kernel.FilterChange) *refusal {
	chain, target := t.Chain(c.Chain), t.Chain(c.Rule.Target)
	if chain != nil && chain.Base != nil {
		t.made[c.Chain] = true
	}
	switch {
	case c.Do == kernel.DeleteChain && inUse(&t.FilterTable, c.Chain):
		return refuse(kernel.EBUSY)
	case !addsRule(c):
	case target != nil && target.Base != nil && !t.made[target.Name]:
		return refuse(kernel.ENOENT)
	case target != nil && target.Base != nil:
		return refuse(kernel.EOPNOTSUPP) // nft_verdict_init
	case chain.Base != nil && !translatesIn(c.Rule, c.Chain):
		return refuse(kernel.EINVAL) // net/netfilter/nft_compat.c nft_target_init: xt_check_target, with the chain's hook
	}
	t.carryOut(c)
	return nil
}

// translatesIn reports whether packets of a built-in chain may meet a rule: net/netfilter/xt_MASQUERADE.c, xt_nat.c.
func translatesIn(r kernel.FilterRule, chain string) bool {
	return !r.Action.Translates() ||
		slices.ContainsFunc(translationHooks[r.Action], func(hook string) bool { return builtIn[hook] == chain })
}

// valid is nft_table_validate, with nft_target_validate for what translates (see translatesIn). To ip_tables a circle alone is too many chains (net/ipv4/netfilter/ip_tables.c: mark_source_chains).
func (t *iptable) valid() (r *refusal) {
	most := jumpStack
	if t.legacy {
		most = len(t.Chains) + 1
	}
	for i := range t.Chains {
		c := &t.Chains[i]
		if c.Base == nil {
			continue
		}
		ok := chainsFrom(&t.FilterTable, c, most, func(reached *kernel.FilterChain) {
			if slices.ContainsFunc(reached.Rules, func(r kernel.FilterRule) bool { return !translatesIn(r, c.Name) }) {
				r = refuse(kernel.EINVAL)
			}
		})
		if !ok {
			return refuse(kernel.EMLINK)
		}
		if r != nil {
			return r
		}
	}
	return nil
}

// carryOut makes a change that nothing speaks against.
func (t *iptable) carryOut(c kernel.FilterChange) {
	chain := t.Chain(c.Chain)
	if flushesAll(c) && !t.there {
		return
	}
	switch c.Do {
	case kernel.AddChain:
		if chain == nil {
			t.Chains = append(t.Chains, kernel.FilterChain{Name: c.Chain})
		} else {
			chain.Base.Policy = c.Base.Policy
		}
	case kernel.DeleteChain:
		deleteChain(&t.FilterTable, c.Chain)
	case kernel.FlushChain:
		for i := range t.Chains {
			if c.Chain == "" || t.Chains[i].Name == c.Chain {
				t.Chains[i].Rules = nil
			}
		}
	case kernel.AddRule:
		chain.Rules = append(chain.Rules, inOrder(c.Rule))
	case kernel.InsertRule:
		chain.Rules = slices.Insert(chain.Rules, 0, inOrder(c.Rule))
	case kernel.DeleteRule:
		if i := ruleThatSays(chain, c.Rule); i >= 0 { // an empty one (see isFlushed) goes with the others
			chain.Rules = slices.Delete(chain.Rules, i, i+1)
		}
	}
}

// inOrder is a rule with its matches in the order in which iptables keeps them.
func inOrder(r kernel.FilterRule) kernel.FilterRule {
	r.Matches = slices.Clone(r.Matches)
	slices.SortStableFunc(r.Matches, func(a, b kernel.FilterMatch) int {
		return slices.Index(kernel.IPTablesMatches, a.On) - slices.Index(kernel.IPTablesMatches, b.On)
	})
	return r
}

func ruleThatSays(c *kernel.FilterChain, rule kernel.FilterRule) int {
	return slices.IndexFunc(c.Rules, inOrder(rule).Says)
}
