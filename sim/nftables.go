package sim

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// An nftables is what a namespace has of it.
type nftables struct {
	tables []nftTable // in the order in which they were made
	fresh  validation // what tables to come begin with: nft_net->validate_state
}

// An nftTable is one of its tables.
type nftTable struct {
	kernel.FilterTable
	*nftLasting
}

// An nftLasting is what a transaction changes of a table even if it is taken back.
type nftLasting struct {
	lastHandle uint64 // of its chains and rules: nf_tables_alloc_handle
	validation validation
}

// A validation says when the rules of a table are looked at together (nft_table_validate): enum NFT_VALIDATE_*.
type validation int

const (
	notValidated  validation = iota // they are as they were
	validateAtEnd                   // at the end of the transaction
	validateEach                    // after each rule that is added, to find the one that is to blame
)

func (n *nftables) list() []kernel.FilterTable {
	var all []kernel.FilterTable
	for _, table := range n.tables {
		all = append(all, copyTable(table.FilterTable))
	}
	kernel.SortFilterTables(all)
	return all
}

// transact makes the changes, or returns the refusal of the first that is refused and its index. Without commit none is
// made. What is refused at the end of a transaction only, because its rules together are no good, has all of it begin
// anew. (net/netfilter/nfnetlink.c: nfnetlink_rcv_batch; net/netfilter/nf_tables_api.c: nf_tables_commit, nf_tables_abort.)
func (n *nftables) transact(changes []kernel.FilterChange, commit bool, f Features) (index int, r *refusal) {
	changes = kernel.FindFilterRules(n.list(), changes)
	for range 2 {
		after := n.copy()
		if i, r := after.changeAll(changes, f); r != nil {
			n.abort()
			return i, r
		}
		if after.validate() {
			if commit {
				after.sweep()
				n.tables, n.fresh = after.tables, notValidated
			}
			return -1, nil
		}
		if commit {
			n.fresh = validateEach
		}
	}
	n.abort()
	return -1, nil // a check does not look at the rules of tables that are new
}

// abort is __nf_tables_abort with NFNL_ABORT_NONE.
func (n *nftables) abort() {
	for i := range n.tables {
		n.tables[i].validation = notValidated
	}
}

func (n *nftables) copy() *nftables {
	after := &nftables{slices.Clone(n.tables), n.fresh}
	for i := range after.tables {
		after.tables[i].FilterTable = copyTable(after.tables[i].FilterTable)
	}
	return after
}

// changeAll makes all changes, those behind one that is refused too: they take their handles all the same.
func (n *nftables) changeAll(changes []kernel.FilterChange, f Features) (index int, first *refusal) {
	for i, c := range changes {
		if r := n.change(c, f); r != nil && first == nil {
			index, first = i, r
		}
	}
	return index, first
}

// A deleted rule stays in its chain to the end of the transaction: others can be put beside it (nf_tables_newrule:
// __nft_rule_lookup does not ask whether a rule is active).
func deleted(r kernel.FilterRule) kernel.FilterRule {
	return kernel.FilterRule{Handle: r.Handle, Opaque: "deleted"}
}

func isDeleted(r kernel.FilterRule) bool { return r.Opaque != "" }

// sweep takes deleted rules away.
func (n *nftables) sweep() {
	for _, t := range n.tables {
		for i := range t.Chains {
			t.Chains[i].Rules = slices.DeleteFunc(t.Chains[i].Rules, isDeleted)
		}
	}
}

func flushChain(c *kernel.FilterChain) {
	for i, r := range c.Rules {
		c.Rules[i] = deleted(r)
	}
}

// validate is nf_tables_validate.
func (n *nftables) validate() (ok bool) {
	for i := range n.tables {
		t := &n.tables[i]
		if t.validation == notValidated {
			continue
		}
		t.validation = validateEach
		if t.validate() != nil {
			return false
		}
		t.validation = notValidated
	}
	return true
}

// table returns the table of a change; nil where there is none. (nft_table_lookup.)
func (n *nftables) table(c kernel.FilterChange) *nftTable {
	i := n.index(c)
	if i < 0 {
		return nil
	}
	return &n.tables[i]
}

func (n *nftables) index(c kernel.FilterChange) int {
	return slices.IndexFunc(n.tables, func(table nftTable) bool { return table.Family == c.Family && table.Name == c.Table })
}

// change carries out one change. (net/netfilter/nf_tables_api.c.)
func (n *nftables) change(c kernel.FilterChange, f Features) *refusal {
	table := n.table(c)
	switch {
	case c.Do == kernel.AddTable && f.NFTablesBridgeOnly && c.Family != kernel.FilterBridge:
		return refuse(kernel.EOPNOTSUPP) // nf_tables_newtable: nft_supported_family
	case c.Do == kernel.AddTable:
		return n.addTable(c)
	case table == nil:
		return refuse(kernel.ENOENT)
	case c.Do == kernel.DeleteTable && c.Exclusive && len(table.Chains) > 0:
		return refuse(kernel.EBUSY) // NLM_F_NONREC
	case c.Do == kernel.DeleteTable: // nf_tables_deltable: with all that is in it
		n.tables = slices.Delete(n.tables, n.index(c), n.index(c)+1)
		return nil
	case c.Do == kernel.AddChain:
		return table.addChain(c, f)
	case c.Do == kernel.FlushChain && c.Chain == "":
		for i := range table.Chains {
			flushChain(&table.Chains[i])
		}
		return nil
	}
	chain := table.Chain(c.Chain)
	if chain == nil {
		return refuse(kernel.ENOENT) // nft_chain_lookup
	}
	return table.changeChain(chain, c, f)
}

// addTable is nf_tables_newtable.
func (n *nftables) addTable(c kernel.FilterChange) *refusal {
	switch table := n.table(c); {
	case table == nil:
		n.tables = append(n.tables, nftTable{
			kernel.FilterTable{Family: c.Family, Name: c.Table, Comment: c.Comment}, &nftLasting{validation: n.fresh},
		})
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
		switch {
		case c.Base != nil && chain.Base == nil:
			return refuse(kernel.EOPNOTSUPP) // the policy, before all else
		case c.Exclusive:
			return refuse(kernel.EEXIST)
		case c.Base != nil:
			return updateChain(chain.Base, c.Base, f)
		}
		return nil
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
func updateChain(base, to *kernel.BaseChain, f Features) *refusal {
	moved := base.Hook != to.Hook || base.Priority != to.Priority
	switch {
	case f.OtherHookExists && !suits(*to), !f.OtherHookExists && moved:
		return refuse(kernel.EOPNOTSUPP) // nft_chain_parse_hook
	case base.Type != to.Type, moved:
		return refuse(kernel.EEXIST)
	}
	base.Policy = to.Policy
	return nil
}

// changeChain is what is done to a chain that is there.
func (t *nftTable) changeChain(chain *kernel.FilterChain, c kernel.FilterChange, f Features) *refusal {
	switch c.Do {
	case kernel.FlushChain:
		flushChain(chain)
	case kernel.DeleteChain: // nf_tables_delchain, with NLM_F_NONREC
		if inUse(&t.FilterTable, c.Chain) {
			return refuse(kernel.EBUSY)
		}
		deleteChain(&t.FilterTable, c.Chain)
	case kernel.DeleteRule: // nf_tables_delrule
		i := ruleAt(chain, c.Rule.Handle)
		if i < 0 || isDeleted(chain.Rules[i]) {
			return refuse(kernel.ENOENT)
		}
		chain.Rules[i] = deleted(chain.Rules[i])
	default:
		return t.addRule(chain, c, f)
	}
	return nil
}

func ruleAt(chain *kernel.FilterChain, handle uint64) int {
	return slices.IndexFunc(chain.Rules, func(r kernel.FilterRule) bool { return r.Handle == handle })
}

// addRule is nf_tables_newrule.
func (t *nftTable) addRule(chain *kernel.FilterChain, c kernel.FilterChange, f Features) *refusal {
	handle := t.handle()
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
		case f.FollowsJumps && !chainsFrom(&t.FilterTable, target, jumpStack, func(*kernel.FilterChain) {}):
			return refuse(kernel.EMLINK)
		}
	}
	rule := c.Rule
	rule.Handle = handle
	chain.Rules = slices.Insert(chain.Rules, place, rule)
	if t.validation == validateEach {
		return t.validate()
	}
	t.validation = validateAtEnd
	return nil
}

// validate is nft_table_validate: nft_chain_validate, and what its expressions say to the base chains from which packets
// get to a rule.
func (t *nftTable) validate() (r *refusal) {
	for i := range t.Chains {
		base := t.Chains[i].Base
		if base == nil {
			continue
		}
		ok := chainsFrom(&t.FilterTable, &t.Chains[i], jumpStack, func(c *kernel.FilterChain) {
			if slices.ContainsFunc(c.Rules, func(r kernel.FilterRule) bool { return !mayAct(r.Action, *base) }) {
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

// mayAct is nft_masq_validate, nft_nat_validate and nft_reject_validate: whether packets of a base chain may meet such an
// action.
func mayAct(a kernel.FilterAction, base kernel.BaseChain) bool {
	if a == kernel.Reject {
		return base.Hook != postRouting
	}
	return !a.Translates() || base.Type == "nat" && slices.Contains(translationHooks[a], base.Hook)
}

// translationHooks are where each translation is done.
var translationHooks = map[kernel.FilterAction][]string{
	kernel.Masquerade: {postRouting},
	kernel.SNAT:       {postRouting, localIn},
	kernel.DNAT:       {preRouting, localOut},
}
