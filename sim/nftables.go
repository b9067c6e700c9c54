package sim

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// nftTables are the tables of nftables.
type nftTables []nftTable

// An nftTable is one of them.
type nftTable struct {
	kernel.FilterTable
	lastHandle uint64 // of its chains and rules: nf_tables_alloc_handle
}

func (t nftTables) list() []kernel.FilterTable {
	var all []kernel.FilterTable
	for _, table := range t {
		all = append(all, copyTable(table.FilterTable))
	}
	kernel.SortFilterTables(all)
	return all
}

// changed returns the tables after a transaction, or the refusal of the change with the index. The rules together are
// looked at (nft_table_validate) only when each by itself is right: nf_tables_validate, which then has the batch begin
// anew, to find the change that is to blame. (net/netfilter/nfnetlink.c: nfnetlink_rcv_batch.)
func (t nftTables) changed(changes []kernel.FilterChange, f Features) (after nftTables, index int, r *refusal) {
	changes = kernel.FindFilterRules(t.list(), changes)
	for _, validate := range []bool{false, true} {
		after = t.copy()
		for i, c := range changes {
			r := after.change(c, f)
			if r == nil && validate && (c.Do == kernel.AddRule || c.Do == kernel.InsertRule) {
				r = after.table(c).validate()
			}
			if r != nil {
				return nil, i, r
			}
		}
	}
	return after, -1, nil
}

func (t nftTables) copy() nftTables {
	after := slices.Clone(t)
	for i := range after {
		after[i].FilterTable = copyTable(after[i].FilterTable)
	}
	return after
}

// table returns the table of a change; nil where there is none. (nft_table_lookup.)
func (t nftTables) table(c kernel.FilterChange) *nftTable {
	i := t.index(c)
	if i < 0 {
		return nil
	}
	return &t[i]
}

func (t nftTables) index(c kernel.FilterChange) int {
	return slices.IndexFunc(t, func(table nftTable) bool { return table.Family == c.Family && table.Name == c.Table })
}

// change carries out one change. (net/netfilter/nf_tables_api.c.)
func (t *nftTables) change(c kernel.FilterChange, f Features) *refusal {
	table := t.table(c)
	switch {
	case c.Do == kernel.AddTable && f.NFTablesBridgeOnly && c.Family != kernel.FilterBridge:
		return refuse(kernel.EOPNOTSUPP) // nf_tables_newtable: nft_supported_family
	case c.Do == kernel.AddTable:
		return t.addTable(c)
	case table == nil:
		return refuse(kernel.ENOENT)
	case c.Do == kernel.DeleteTable: // nf_tables_deltable: with all that is in it
		*t = slices.Delete(*t, t.index(c), t.index(c)+1)
		return nil
	case c.Do == kernel.AddChain:
		return table.addChain(c, f)
	case c.Do == kernel.FlushChain && c.Chain == "":
		for i := range table.Chains {
			table.Chains[i].Rules = nil
		}
		return nil
	}
	chain := table.Chain(c.Chain)
	if chain == nil {
		return refuse(kernel.ENOENT) // nft_chain_lookup
	}
	return table.changeChain(chain, c)
}

// addTable is nf_tables_newtable.
func (t *nftTables) addTable(c kernel.FilterChange) *refusal {
	switch table := t.table(c); {
	case table == nil:
		*t = append(*t, nftTable{FilterTable: kernel.FilterTable{Family: c.Family, Name: c.Table, Comment: c.Comment}})
	case c.Exclusive:
		return refuse(kernel.EEXIST)
	}
	return nil
}

func (t *nftTable) handle() uint64 {
	t.lastHandle++
	return t.lastHandle
}

// addChain is nf_tables_newchain.
func (t *nftTable) addChain(c kernel.FilterChange, f Features) *refusal {
	if chain := t.Chain(c.Chain); chain != nil {
		if c.Exclusive {
			return refuse(kernel.EEXIST)
		}
		return updateChain(chain, c, f)
	}
	if c.Base != nil && !suits(*c.Base) {
		return refuse(kernel.EOPNOTSUPP)
	}
	chain := kernel.FilterChain{Name: c.Chain, Comment: c.Comment}
	if c.Base != nil {
		chain.Base = new(*c.Base)
	}
	t.handle()
	t.Chains = append(t.Chains, chain)
	return nil
}

// natPriority is the least priority, but one, that a chain of type nat can have: NF_IP_PRI_CONNTRACK.
const natPriority = -200

// suits reports whether a chain's type goes with its hook and priority: nft_chain_parse_hook, with the hook_mask of the
// types (net/netfilter/nft_chain_filter.c, nft_chain_nat.c, nft_chain_route.c).
func suits(b kernel.BaseChain) bool {
	switch b.Type {
	case "nat":
		return b.Hook != "forward" && b.Priority > natPriority
	case "route":
		return b.Hook == "output"
	}
	return true
}

// updateChain is nf_tables_updchain: of a chain that is there only the policy can be changed.
func updateChain(chain *kernel.FilterChain, c kernel.FilterChange, f Features) *refusal {
	other := refuse(kernel.EOPNOTSUPP)
	if f.OtherHookExists {
		other = refuse(kernel.EEXIST)
	}
	switch {
	case c.Base == nil:
		return nil
	case chain.Base == nil, chain.Base.Hook != c.Base.Hook, chain.Base.Priority != c.Base.Priority:
		return other
	case !suits(*c.Base):
		return refuse(kernel.EOPNOTSUPP)
	case chain.Base.Type != c.Base.Type:
		return refuse(kernel.EEXIST)
	}
	chain.Base.Policy = c.Base.Policy
	return nil
}

// changeChain is what is done to a chain that is there.
func (t *nftTable) changeChain(chain *kernel.FilterChain, c kernel.FilterChange) *refusal {
	switch c.Do {
	case kernel.FlushChain:
		chain.Rules = nil
	case kernel.DeleteChain: // nf_tables_delchain, with NLM_F_NONREC
		if inUse(&t.FilterTable, c.Chain) {
			return refuse(kernel.EBUSY)
		}
		deleteChain(&t.FilterTable, c.Chain)
	case kernel.DeleteRule: // nf_tables_delrule
		i := ruleAt(chain, c.Rule.Handle)
		if i < 0 {
			return refuse(kernel.ENOENT)
		}
		chain.Rules = slices.Delete(chain.Rules, i, i+1)
	default:
		return t.addRule(chain, c)
	}
	return nil
}

func ruleAt(chain *kernel.FilterChain, handle uint64) int {
	return slices.IndexFunc(chain.Rules, func(r kernel.FilterRule) bool { return r.Handle == handle })
}

// addRule is nf_tables_newrule.
func (t *nftTable) addRule(chain *kernel.FilterChain, c kernel.FilterChange) *refusal {
	place := 0
	if c.Do == kernel.AddRule {
		place = len(chain.Rules)
	}
	if c.At != 0 {
		if place = ruleAt(chain, c.At); place < 0 {
			return refuse(kernel.ENOENT)
		}
		if c.Do == kernel.AddRule {
			place++
		}
	}
	if c.Rule.Target != "" { // nft_verdict_init
		switch target := t.Chain(c.Rule.Target); {
		case target == nil:
			return refuse(kernel.ENOENT)
		case target.Base != nil:
			return refuse(kernel.EOPNOTSUPP)
		}
	}
	rule := c.Rule
	rule.Handle = t.handle()
	chain.Rules = slices.Insert(chain.Rules, place, rule)
	return nil
}

// validate is nft_table_validate: nft_chain_validate, and nft_masq_validate for the chains that packets get to from each
// base chain.
func (t *nftTable) validate() (r *refusal) {
	for i := range t.Chains {
		base := t.Chains[i].Base
		if base == nil {
			continue
		}
		ok := chainsFrom(&t.FilterTable, &t.Chains[i], func(c *kernel.FilterChain) {
			if masquerades(c) && (base.Type != "nat" || base.Hook != "postrouting") {
				r = refuse(kernel.EOPNOTSUPP)
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

func masquerades(c *kernel.FilterChain) bool {
	return slices.ContainsFunc(c.Rules, func(r kernel.FilterRule) bool { return r.Action == kernel.Masquerade })
}
