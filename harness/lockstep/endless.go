package lockstep

import (
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// Linux follows the rules of nftables along every way that there is, sixteen chains deep, and may come to a chain as often
// as ways lead there (net/netfilter/nf_tables_api.c: nft_chain_validate). A few chains with three jumps each to the next
// keep it busy for hours, in which a kernel with one processor does nothing else.
const (
	deepest  = 16
	longWalk = 1_000_000
)

// endless reports whether a kernel would follow the rules for too long once a change has been made.
func endless(h kernel.Host, o operation.Operation) bool {
	change, ok := o.(operation.RulesetChange)
	if !ok || change.Program != "nft" {
		return false
	}
	ns, err := operation.Open(h, change.NetNS)
	if err != nil {
		return false
	}
	defer ns.Close()
	tables, err := ns.Ruleset(kernel.NFTables)
	return err == nil && longestWalk(leads(tables, change.Changes)) > longWalk
}

// A chainName is what tells chains apart.
type chainName struct {
	family       kernel.FilterFamily
	table, chain string
}

// leads is where the rules of each chain lead, those that are to be added included.
func leads(tables []kernel.FilterTable, changes []kernel.FilterChange) map[chainName][]chainName {
	to := map[chainName][]chainName{}
	add := func(from chainName, r kernel.FilterRule) {
		if r.Target != "" {
			to[from] = append(to[from], chainName{from.family, from.table, r.Target})
		}
	}
	for _, t := range tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				add(chainName{t.Family, t.Name, c.Name}, r)
			}
		}
	}
	for _, c := range changes {
		if c.Do == kernel.AddRule || c.Do == kernel.InsertRule {
			add(chainName{c.Family, c.Table, c.Chain}, c.Rule)
		}
	}
	return to
}

// longestWalk is by how many chains one comes at most that begins at one, each counted as often as it is come by.
func longestWalk(leads map[chainName][]chainName) float64 {
	steps := map[chainName]float64{} // from each chain, so many chains deep
	for range deepest {
		deeper := map[chainName]float64{}
		for from, to := range leads {
			deeper[from] = 1
			for _, next := range to {
				deeper[from] += max(steps[next], 1)
			}
		}
		steps = deeper
	}
	longest := 0.0
	for _, n := range steps {
		longest = max(longest, n)
	}
	return longest
}
