package sim

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// A netfilter is the rules of a namespace.
type netfilter struct {
	nft      nftables
	iptables iptables
	ready    *course // what the rules do with packets; nil: not made ready yet
}

// Ruleset is kernel.Netfilter's.
func (n *handle) Ruleset(b kernel.FilterBackend) (tables []kernel.FilterTable, err error) {
	err = n.do("ruleset list", string(b), func() (r *refusal) {
		tables, r = n.ns.listRules(b)
		return r
	})
	return tables, err
}

// ChangeRuleset is kernel.Netfilter's.
func (n *handle) ChangeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	return n.doChanges("ruleset change", b, changes, func() (int, *refusal) { return n.ns.changeRules(b, changes) })
}

// CheckRuleset is kernel.Netfilter's.
func (n *handle) CheckRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	return n.doChanges("ruleset check", b, changes, func() (int, *refusal) { return n.ns.checkRules(b, changes) })
}

// doChanges carries a transaction out. Its error is about the one change that is refused.
func (n *handle) doChanges(op string, b kernel.FilterBackend, changes []kernel.FilterChange, request func() (int, *refusal)) error {
	refused := -1
	err := n.do(op, "", func() (r *refusal) {
		refused, r = request()
		return r
	})
	failed, ok := err.(*kernel.Error)
	if !ok {
		return err
	}
	if refused >= 0 {
		changes = changes[refused : refused+1]
	}
	failed.Object = string(b) + " " + kernel.DescribeFilterChanges(b, changes)
	return failed
}

func (ns *namespace) listRules(b kernel.FilterBackend) ([]kernel.FilterTable, *refusal) {
	if r := ns.lacks(b); r != nil {
		return nil, r
	}
	if b == kernel.NFTables {
		return ns.filter.nft.list(), nil
	}
	return ns.filter.iptables.list(), nil
}

// lacks refuses what this machine does not have.
func (ns *namespace) lacks(b kernel.FilterBackend) *refusal {
	f := ns.world().config.Profile.Features
	switch {
	case b != kernel.NFTables && b != kernel.IPTables:
		return refuse(kernel.EINVAL)
	case b == kernel.NFTables && f.NoNFTables, b == kernel.IPTables && f.NoIPTables:
		return refuse(kernel.EOPNOTSUPP)
	}
	return nil
}

// valid finds what is wrong with changes before the machine's tables are asked; index is that of the change.
func (ns *namespace) valid(b kernel.FilterBackend, changes []kernel.FilterChange) (index int, r *refusal) {
	for i, c := range changes {
		err := c.Valid(b)
		if err == nil && b == kernel.IPTables && (c.Family != changes[0].Family || c.Table != changes[0].Table) {
			err = kernel.EINVAL
		}
		if err != nil {
			return i, refuse(kernel.ErrnoOf(err))
		}
	}
	return -1, ns.lacks(b)
}

func (ns *namespace) checkRules(b kernel.FilterBackend, changes []kernel.FilterChange) (int, *refusal) {
	if i, r := ns.valid(b, changes); r != nil {
		return i, r
	}
	if b == kernel.IPTables {
		return ns.filter.iptables.checked(changes, ns.world().config.Profile.Features.legacyIPTables())
	}
	return ns.filter.nft.transact(changes, false, ns.world().config.Profile.Features)
}

func (ns *namespace) changeRules(b kernel.FilterBackend, changes []kernel.FilterChange) (int, *refusal) {
	if i, r := ns.valid(b, changes); r != nil {
		return i, r
	}
	if b == kernel.IPTables {
		after, i, r := ns.filter.iptables.changed(changes, ns.world().config.Profile.Features.legacyIPTables())
		if r == nil {
			ns.filter.iptables, ns.filter.ready = after, nil
		}
		return i, r
	}
	ns.filter.ready = nil
	return ns.filter.nft.transact(changes, true, ns.world().config.Profile.Features)
}

// copyTable makes a table of which the lists are its own.
func copyTable(t kernel.FilterTable) kernel.FilterTable {
	t.Chains = slices.Clone(t.Chains)
	for i := range t.Chains {
		c := &t.Chains[i]
		c.Rules = slices.Clone(c.Rules)
		if c.Base != nil {
			c.Base = new(*c.Base)
		}
		for j := range c.Rules {
			c.Rules[j].Matches = slices.Clone(c.Rules[j].Matches)
		}
	}
	return t
}

// deleteChain takes a chain out of a table.
func deleteChain(t *kernel.FilterTable, name string) {
	t.Chains = slices.DeleteFunc(t.Chains, func(c kernel.FilterChain) bool { return c.Name == name })
}

// inUse reports whether a chain has rules, or rules of its table lead to it.
func inUse(t *kernel.FilterTable, name string) bool {
	return slices.ContainsFunc(t.Chains, func(c kernel.FilterChain) bool {
		return c.Name == name && slices.ContainsFunc(c.Rules, func(r kernel.FilterRule) bool { return !isDeleted(r) }) ||
			slices.ContainsFunc(c.Rules, func(r kernel.FilterRule) bool { return r.Target == name })
	})
}

// jumpStack is how many chains a packet can go through: NFT_JUMP_STACK_SIZE.
const jumpStack = 16

// chainsFrom calls visit with each chain that packets can get to from one, itself first, as often as ways lead there; not ok
// where these go on for too long. (net/netfilter/nf_tables_api.c: nft_chain_validate.)
func chainsFrom(t *kernel.FilterTable, from *kernel.FilterChain, most int, visit func(*kernel.FilterChain)) (ok bool) {
	seen := map[string]int{}
	var walk func(c *kernel.FilterChain, level int) bool
	walk = func(c *kernel.FilterChain, level int) bool {
		if level == most {
			return false
		}
		if deepest, been := seen[c.Name]; been && deepest >= level {
			return true
		}
		seen[c.Name] = level
		visit(c)
		for _, r := range c.Rules {
			if next := t.Chain(r.Target); next != nil && !walk(next, level+1) {
				return false
			}
		}
		return true
	}
	return walk(from, 0)
}
