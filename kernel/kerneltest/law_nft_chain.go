package kerneltest

import (
	"github.com/cnilab/cnilab/kernel"
)

var nftChainLaws = []Law{
	{"nft/chain/add", nfTables + "nf_tables_addchain", func(e *env) {
		n := e.nft("a")
		n.change("add table F t", "add chain F t c { comment why ; }")
		equal(e, n.list(), []string{"table F t", "chain F t c { comment why ; }"}, "a chain that only rules lead to")
	}},
	{"nft/chain/add-twice", nfTables + "nf_tables_newchain: without NLM_F_EXCL", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c accept")
		n.change("add chain F t c")
		equal(e, n.rules("c"), []string{"accept"}, "rules of a chain that was added again")
	}},
	{"nft/chain/create-twice", nfTables + "nf_tables_newchain: NLM_F_EXCL", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.refused(kernel.EEXIST, "create chain F t c")
	}},
	{"nft/chain/no-table", nfTables + "nf_tables_newchain: nft_table_lookup", func(e *env) {
		e.nft("a").refused(kernel.ENOENT, "add chain F t c")
	}},
	{"nft/chain/base", nfTables + "nft_chain_parse_hook", func(e *env) {
		n := e.nft("a")
		n.base("p", "filter", "prerouting", -300)
		n.base("q", "filter", "forward", 7)
		equal(e, n.list(), []string{
			"table F t",
			"chain F t p { type filter hook prerouting priority -300 ; policy accept ; }",
			"chain F t q { type filter hook forward priority 7 ; policy accept ; }",
		}, "two base chains")
	}},
	{"nft/chain/policy", nfTables + "nf_tables_updchain", func(e *env) {
		n := e.nft("a")
		n.base("p", "filter", "forward", 0)
		const dropping = "chain F t p { type filter hook forward priority 0 ; policy drop ; }"
		n.change("add " + dropping)
		equal(e, n.list(), []string{"table F t", dropping}, "a base chain that was added again with another policy")
		n.change("add chain F t p")
		equal(e, n.list(), []string{"table F t", dropping}, "that chain, added once more without one")
	}},
	{"nft/chain/base-of-regular", nfTables + "nf_tables_updchain: nft_is_base_chain", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.refusedAny("add chain F t c { type filter hook forward priority 0 ; }", kernel.EOPNOTSUPP, kernel.EEXIST)
	}},
	{"nft/chain/other-priority", nfTables + "nft_chain_parse_hook", func(e *env) {
		n := e.nft("a")
		n.base("p", "filter", "forward", 0)
		n.refusedAny("add chain F t p { type filter hook forward priority 1 ; }", kernel.EOPNOTSUPP, kernel.EEXIST)
	}},
	{"nft/chain/other-hook", nfTables + "nft_chain_parse_hook", func(e *env) {
		n := e.nft("a")
		n.base("p", "filter", "forward", 0)
		n.refusedAny("add chain F t p { type filter hook input priority 0 ; }", kernel.EOPNOTSUPP, kernel.EEXIST)
	}},
	{"nft/chain/other-type", nfTables + "nf_tables_updchain: basechain->type", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.base("p", "nat", "postrouting", 100)
		n.refused(kernel.EEXIST, "add chain F t p { type filter hook postrouting priority 100 ; }")
	}},
	{"nft/chain/nat-hooks", "net/netfilter/nft_chain_nat.c nft_chain_nat_inet: hook_mask", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.change("add table F t")
		n.refused(kernel.EOPNOTSUPP, "add chain F t p { type nat hook forward priority 100 ; }")
	}},
	{"nft/chain/nat-priority", nfTables + "nft_chain_parse_hook: NF_IP_PRI_CONNTRACK", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.change("add table F t")
		n.refused(kernel.EOPNOTSUPP, "add chain F t p { type nat hook postrouting priority -200 ; }")
		n.change("add chain F t p { type nat hook postrouting priority -199 ; }")
	}},
	{"nft/chain/route-hooks", "net/netfilter/nft_chain_route.c nft_chain_route_inet: hook_mask", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.change("add table F t")
		n.refused(kernel.EOPNOTSUPP, "add chain F t p { type route hook postrouting priority 0 ; }")
		n.change("add chain F t p { type route hook output priority 0 ; }")
	}},
	{"nft/chain/bridge-types", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		n.change("add table bridge t")
		n.refused(kernel.EINVAL, "add chain bridge t p { type nat hook postrouting priority 100 ; }")
	}},
	{"nft/chain/delete", nfTables + "nf_tables_delchain", func(e *env) {
		n := e.nft("a")
		n.chain("c", "d")
		n.change("delete chain F t c")
		equal(e, n.list(), []string{"table F t", "chain F t d"}, "a table of which a chain was deleted")
	}},
	{"nft/chain/delete-absent", nfTables + "nf_tables_delchain: nft_chain_lookup", func(e *env) {
		n := e.nft("a")
		n.change("add table F t")
		n.refused(kernel.ENOENT, "delete chain F t c")
	}},
	{"nft/chain/delete-with-rules", nfTables + "nf_tables_delchain: NLM_F_NONREC", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c accept")
		n.refused(kernel.EBUSY, "delete chain F t c")
		n.change("flush chain F t c", "delete chain F t c")
	}},
	{"nft/chain/delete-referenced", nfTables + "nf_tables_delchain: chain->use", func(e *env) {
		n := e.nft("a")
		n.chain("c", "d")
		n.change("add rule F t d jump c")
		n.refused(kernel.EBUSY, "delete chain F t c")
		n.change("delete rule F t d jump c", "delete chain F t c")
	}},
	{"nft/chain/flush", nfTables + "nf_tables_delrule: nft_delrule_by_chain", func(e *env) {
		n := e.nft("a")
		n.chain("c", "d")
		n.change("add rule F t c accept", "add rule F t c drop", "add rule F t d accept", "flush chain F t c")
		equal(e, n.list(), []string{"table F t", "chain F t c", "chain F t d", "rule F t d accept"}, "a flushed chain and another")
	}},
	{"nft/chain/flush-absent", nfTables + "nf_tables_delrule: nft_chain_lookup", func(e *env) {
		n := e.nft("a")
		n.change("add table F t")
		n.refused(kernel.ENOENT, "flush chain F t c")
	}},
}
