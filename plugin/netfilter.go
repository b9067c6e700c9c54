package plugin

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// A rulesPlan says what is to be changed of the tables that there are.
type rulesPlan func(tables []kernel.FilterTable) ([]kernel.FilterChange, error)

// ruleTries is how often rules are read and changed until nobody else has changed them in between.
const ruleTries = 10

// changeRules reads what a backend has and makes the changes that plan wants of it, in one transaction, of iptables one
// for each family. Where others were faster, who need not know of any lock, it begins anew. Of a machine without the
// backend there is nothing to read, and that is no error unless something is to be made.
func changeRules(ns kernel.NetNS, b kernel.FilterBackend, plan rulesPlan) error {
	for try := 1; ; try++ {
		tables, err := ns.Ruleset(b)
		if err != nil && !errors.Is(err, kernel.EOPNOTSUPP) {
			return err
		}
		changes, err := plan(tables)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			return nil
		}
		if err = commitRules(ns, b, changes); err == nil || try == ruleTries || !isOutdated(err) {
			return explainLock(err)
		}
	}
}

// forgetUnused deletes a table of nftables that all share, if this call has made it and nobody else uses it.
func forgetUnused(ns kernel.NetNS, made bool, plan func(tables []kernel.FilterTable) []kernel.FilterChange) error {
	if !made {
		return nil
	}
	err := changeRules(ns, kernel.NFTables, func(tables []kernel.FilterTable) ([]kernel.FilterChange, error) {
		return plan(tables), nil
	})
	if isOutdated(err) {
		return nil // what uses it cannot be seen
	}
	return err
}

// changeRulesUnread is changeRules for a plan that makes a chain of iptables, exclusively, before all else: where the chain is
// not there, nothing is that the plan would look for. Reading the rules takes a program; that is spared where the
// transaction is not refused.
func changeRulesUnread(ns kernel.NetNS, b kernel.FilterBackend, plan rulesPlan) error {
	changes, err := plan(nil)
	if err != nil {
		return err
	}
	if err = commitRules(ns, b, changes); isOutdated(err) {
		return changeRules(ns, b, plan)
	}
	return explainLock(err)
}

func commitRules(ns kernel.NetNS, b kernel.FilterBackend, changes []kernel.FilterChange) error {
	if b == kernel.NFTables {
		return ns.ChangeRuleset(b, changes)
	}
	for _, f := range natFamilies {
		var some []kernel.FilterChange
		for i := range changes {
			if changes[i].Family == f {
				some = append(some, changes[i])
			}
		}
		if len(some) == 0 {
			continue
		}
		if err := ns.ChangeRuleset(b, some); err != nil {
			return err
		}
	}
	return nil
}

// isOutdated reports whether a transaction may have been refused because the rules were no longer as they had been read.
func isOutdated(err error) bool {
	return errors.Is(err, kernel.ENOENT) || errors.Is(err, kernel.EEXIST) || errors.Is(err, kernel.EBUSY)
}

func explainLock(err error) error {
	if !errors.Is(err, kernel.EAGAIN) {
		return err
	}
	return types.NewError(types.ErrTryAgainLater, err.Error(),
		fmt.Sprintf("another program held the lock of iptables for %d s", kernel.FilterLockWait))
}

// A ruleWriter collects the changes to one table, in their order.
type ruleWriter struct {
	family  kernel.FilterFamily
	table   string
	changes []kernel.FilterChange
}

func (w *ruleWriter) change(do kernel.FilterVerb, chain string) *kernel.FilterChange {
	w.changes = append(w.changes, kernel.FilterChange{Do: do, Family: w.family, Table: w.table, Chain: chain})
	return &w.changes[len(w.changes)-1]
}

// deleteUnused deletes the table, with the rules that are there, if all its chains are unused: one transaction, which the kernel
// refuses where anything has come meanwhile.
func (w *ruleWriter) deleteUnused(tables []kernel.FilterTable, unused func(*kernel.FilterChain) bool) {
	t := w.in(tables)
	if t == nil {
		return
	}
	for i := range t.Chains {
		if !unused(&t.Chains[i]) {
			return
		}
	}
	for _, c := range t.Chains {
		w.deleteRules(tables, c.Name, func(*kernel.FilterRule) bool { return true })
	}
	for _, c := range t.Chains {
		w.change(kernel.DeleteChain, c.Name)
	}
	w.change(kernel.DeleteTable, "").Exclusive = true
}

// addTable and addBase make what is not there yet. To make it again would change nothing, but keep the kernel waiting for all who
// may be reading, for 5 to 20 ms, before the socket can be closed (net/netfilter/nf_tables_api.c nft_rcv_nl_event).
func (w *ruleWriter) addTable(tables []kernel.FilterTable, comment string) {
	if w.in(tables) == nil {
		w.change(kernel.AddTable, "").Comment = comment
	}
}

func (w *ruleWriter) addBase(tables []kernel.FilterTable, chain string, base *kernel.BaseChain) {
	if !hasBase(w.in(tables), chain, base) {
		w.change(kernel.AddChain, chain).Base = base
	}
}

func hasBase(t *kernel.FilterTable, chain string, base *kernel.BaseChain) bool {
	return t != nil && t.Chain(chain) != nil && t.Chain(chain).Base != nil && *t.Chain(chain).Base == *base
}

func (w *ruleWriter) rule(do kernel.FilterVerb, chain string, rule *kernel.FilterRule) {
	w.change(do, chain).Rule = *rule
}

// in returns the table as it is; nil where there is none.
func (w *ruleWriter) in(tables []kernel.FilterTable) *kernel.FilterTable {
	return kernel.FindFilterTable(tables, w.family, w.table)
}

// deleteRules deletes those of a chain that are such.
func (w *ruleWriter) deleteRules(tables []kernel.FilterTable, chain string, are func(*kernel.FilterRule) bool) {
	rules := rulesOf(w.in(tables), chain)
	for i := range rules {
		if are(&rules[i]) {
			w.rule(kernel.DeleteRule, chain, &rules[i])
		}
	}
}

// rulesOf returns the rules of a chain; none where the table or the chain is not there.
func rulesOf(t *kernel.FilterTable, chain string) []kernel.FilterRule {
	if t == nil || t.Chain(chain) == nil {
		return nil
	}
	return t.Chain(chain).Rules
}

// lacking returns which of the base chains and rules that changes add are not there, each once.
func lacking(tables []kernel.FilterTable, wanted []kernel.FilterChange) (missing []kernel.FilterChange) {
	for i := range wanted {
		c := &wanted[i]
		isThere := func(other *kernel.FilterRule) bool { return other.String() == c.Rule.String() }
		t := kernel.FindFilterTable(tables, c.Family, c.Table)
		switch {
		case c.Base != nil:
			if hasBase(t, c.Chain, c.Base) {
				continue
			}
		case c.Do != kernel.AddRule, containsRule(rulesOf(t, c.Chain), isThere), addsRule(missing, c.Chain, isThere):
			continue
		}
		missing = append(missing, *c)
	}
	return missing
}

func containsRule(rules []kernel.FilterRule, is func(*kernel.FilterRule) bool) bool {
	for i := range rules {
		if is(&rules[i]) {
			return true
		}
	}
	return false
}

func addsRule(changes []kernel.FilterChange, chain string, is func(*kernel.FilterRule) bool) bool {
	for i := range changes {
		if changes[i].Chain == chain && is(&changes[i].Rule) {
			return true
		}
	}
	return false
}

// prefixOn returns the prefix that a rule wants the packets' addresses to be of; the zero Prefix where it wants none.
func prefixOn(r *kernel.FilterRule, key kernel.MatchKey) netip.Prefix {
	i := slices.IndexFunc(r.Matches, func(m kernel.FilterMatch) bool { return m.On == key && !m.Not })
	if i < 0 {
		return netip.Prefix{}
	}
	return r.Matches[i].Prefix
}

// to is the match of what goes there, and butTo of all else.
func to(p netip.Prefix) kernel.FilterMatch {
	return kernel.FilterMatch{On: kernel.MatchDestination, Prefix: p}
}

func butTo(p netip.Prefix) kernel.FilterMatch {
	return kernel.FilterMatch{On: kernel.MatchDestination, Prefix: p, Not: true}
}

// from is the match of what an address sends.
func from(a netip.Addr) kernel.FilterMatch {
	return kernel.FilterMatch{On: kernel.MatchSource, Prefix: netip.PrefixFrom(a, a.BitLen())}
}

// describeChange is a change as one would type it.
func describeChange(b kernel.FilterBackend, c *kernel.FilterChange) string {
	return kernel.FilterProgram(b, c.Family) + " " + kernel.DescribeFilterChanges(b, []kernel.FilterChange{*c})
}
