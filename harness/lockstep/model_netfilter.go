package lockstep

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// A modelRuleset is what a namespace has of one backend, roughly.
type modelRuleset struct {
	backend kernel.FilterBackend
	tables  []kernel.FilterTable
	handle  uint64 // the last that was given to a chain or a rule, of all tables
}

// A rulesetPlace is where one is.
type rulesetPlace struct {
	netns   string
	backend kernel.FilterBackend
}

// ruleset returns a copy of what a namespace has.
func (m *model) ruleset(netns string, b kernel.FilterBackend) *modelRuleset {
	r := &modelRuleset{backend: b}
	if now := m.rulesets[rulesetPlace{netns, b}]; now != nil {
		r.handle = now.handle
		for _, t := range now.tables {
			r.tables = append(r.tables, copyTable(t))
		}
	}
	return r
}

func copyTable(t kernel.FilterTable) kernel.FilterTable {
	t.Chains = slices.Clone(t.Chains)
	for i := range t.Chains {
		t.Chains[i].Rules = slices.Clone(t.Chains[i].Rules)
	}
	return t
}

// rulesetChanged notes a transaction: all of its changes, or none.
func (m *model) rulesetChanged(o operation.RulesetChange) {
	if o.Check || !slices.Contains(m.spaces, o.NetNS) {
		return
	}
	r := m.ruleset(o.NetNS, o.Backend())
	for _, c := range o.Changes {
		if !r.change(c) {
			return
		}
	}
	m.rulesets[rulesetPlace{o.NetNS, r.backend}] = r
}

func (m *model) dropRulesets(netns string) {
	delete(m.rulesets, rulesetPlace{netns, kernel.NFTables})
	delete(m.rulesets, rulesetPlace{netns, kernel.IPTables})
}

// table returns the table of a change; nil where there is none. Those of iptables are always there.
func (r *modelRuleset) table(family kernel.FilterFamily, name string) *kernel.FilterTable {
	t := kernel.FindFilterTable(r.tables, family, name)
	if t == nil && r.backend == kernel.IPTables {
		made := kernel.FilterTable{Family: family, Name: name}
		for _, chain := range kernel.IPTablesChains(name) {
			made.Chains = append(made.Chains, kernel.FilterChain{Name: chain, Base: &kernel.BaseChain{Policy: kernel.Accept}})
		}
		r.tables = append(r.tables, made)
		t = &r.tables[len(r.tables)-1]
	}
	return t
}

// change makes a change, if that can probably be made.
func (r *modelRuleset) change(c kernel.FilterChange) (ok bool) {
	if c.Valid(r.backend) != nil {
		return false
	}
	t := r.table(c.Family, c.Table)
	switch {
	case c.Do == kernel.AddTable && t == nil:
		r.tables = append(r.tables, kernel.FilterTable{Family: c.Family, Name: c.Table})
		return true
	case t == nil || c.Do == kernel.AddTable:
		return t != nil && !c.Exclusive
	case c.Do == kernel.DeleteTable:
		r.tables = slices.DeleteFunc(r.tables, func(t kernel.FilterTable) bool {
			return t.Family == c.Family && t.Name == c.Table
		})
		return true
	}
	if chain := t.Chain(c.Chain); chain != nil {
		return r.changeChain(t, chain, c)
	}
	switch {
	case c.Do == kernel.AddChain:
		r.handle++
		t.Chains = append(t.Chains, kernel.FilterChain{Name: c.Chain, Base: c.Base})
	case c.Do == kernel.FlushChain && c.Chain == "":
		for i := range t.Chains {
			t.Chains[i].Rules = nil
		}
	default:
		return false
	}
	return true
}

// changeChain makes a change of a chain that is there.
func (r *modelRuleset) changeChain(t *kernel.FilterTable, chain *kernel.FilterChain, c kernel.FilterChange) (ok bool) {
	switch c.Do {
	case kernel.AddChain:
		return !c.Exclusive
	case kernel.FlushChain:
		chain.Rules = nil
	case kernel.DeleteChain:
		if isLedTo(t, c.Chain) || len(chain.Rules) > 0 {
			return false
		}
		t.Chains = slices.DeleteFunc(t.Chains, func(other kernel.FilterChain) bool { return other.Name == c.Chain })
	case kernel.DeleteRule:
		i := slices.IndexFunc(chain.Rules, func(rule kernel.FilterRule) bool {
			return c.Rule.Handle == rule.Handle || c.Rule.Handle == 0 && c.Rule.Says(rule)
		})
		if i < 0 {
			return false
		}
		chain.Rules = slices.Delete(chain.Rules, i, i+1)
	default:
		if c.Rule.Target != "" && (t.Chain(c.Rule.Target) == nil || t.Chain(c.Rule.Target).Base != nil) {
			return false
		}
		r.handle++
		rule := c.Rule
		rule.Handle = r.handle
		chain.Rules = append(chain.Rules, rule)
	}
	return true
}

func isLedTo(t *kernel.FilterTable, chain string) bool {
	return slices.ContainsFunc(t.Chains, func(c kernel.FilterChain) bool {
		return slices.ContainsFunc(c.Rules, func(r kernel.FilterRule) bool { return r.Target == chain })
	})
}
