package kerneltest

import (
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// nfTables is where Linux has most rules that laws of nftables are about.
const nfTables = "net/netfilter/nf_tables_api.c "

var nftTableLaws = []Law{
	{"nft/empty", nfTables + "nf_tables_init_net", func(e *env) {
		equal(e, e.nft("a").list(), []string{}, "rules of a new namespace")
	}},
	{"nft/table/add", nfTables + "nf_tables_newtable", func(e *env) {
		n := e.nft("a")
		n.change(`add table F t { comment "one \"table\"" ; }`)
		equal(e, n.list(), []string{`table F t { comment "one \"table\"" ; }`}, "a table")
	}},
	{"nft/table/add-twice", nfTables + "nf_tables_newtable: without NLM_F_EXCL", func(e *env) {
		n := e.nft("a")
		n.change("add table F t { comment first ; }")
		n.change("add table F t { comment second ; }")
		equal(e, n.list(), []string{"table F t { comment first ; }"}, "a table that was added twice")
	}},
	{"nft/table/create-twice", nfTables + "nf_tables_newtable: NLM_F_EXCL", func(e *env) {
		n := e.nft("a")
		n.change("create table F t")
		n.refused(kernel.EEXIST, "create table F t")
	}},
	{"nft/table/delete", nfTables + "nf_tables_deltable, nft_flush_table", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c accept", "add chain F t d", "add rule F t d jump c", "delete table F t")
		equal(e, n.list(), []string{}, "rules after the only table was deleted")
	}},
	{"nft/table/delete-absent", nfTables + "nf_tables_deltable: nft_table_lookup", func(e *env) {
		e.nft("a").refused(kernel.ENOENT, "delete table F t")
	}},
	{"nft/table/delete-empty", nfTables + "nf_tables_deltable: NLM_F_NONREC", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.refused(kernel.EBUSY, "delete empty table F t")
		n.change("delete chain F t c", "delete empty table F t")
		equal(e, n.list(), []string{}, "rules after the only table was deleted, and its only chain before it")
		n.refused(kernel.ENOENT, "delete empty table F t")
	}},
	{"nft/table/families-are-apart", nfTables + "nft_table_lookup: family", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.change("add table inet t", "add table bridge t", "delete table inet t")
		equal(e, n.list(), []string{"table bridge t"}, "tables after the one of the other family was deleted")
	}},
	{"nft/table/netns-are-apart", nfTables + "nft_pernet", func(e *env) {
		a, b := e.nft("a"), e.nft("b")
		a.change("add table F t")
		equal(e, b.list(), []string{}, "tables of another namespace")
	}},
	{"nft/table/flush", nfTables + "nf_tables_delrule: without a chain", func(e *env) {
		n := e.nft("a")
		n.chain("c", "d")
		n.change("add rule F t c accept", "add rule F t d jump c", "flush table F t")
		equal(e, n.list(), []string{"table F t", "chain F t c", "chain F t d"}, "a table that was flushed")
	}},
	{"nft/table/flush-absent", nfTables + "nf_tables_delrule: nft_table_lookup", func(e *env) {
		e.nft("a").refused(kernel.ENOENT, "flush table F t")
	}},
	{"nft/table/long-name", "include/uapi/linux/netfilter/nf_tables.h NFT_TABLE_MAXNAMELEN", func(e *env) {
		n := e.nft("a")
		longest := strings.Repeat("n", kernel.MaxFilterName)
		n.change("add table F " + longest)
		equal(e, n.list(), []string{"table F " + longest}, "a table with the longest name")
		n.refused(kernel.ERANGE, "add table F "+longest+"n")
	}},
	{"nft/table/of-iptables", "kernel.OfIPTables", func(e *env) {
		n := e.nft("a")
		for _, family := range []string{"ip", "ip6"} {
			n.refused(kernel.EINVAL, "add table "+family+" nat")
		}
		n.change("add table F nat")
	}},
}
