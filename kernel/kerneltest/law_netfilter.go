package kerneltest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// Where Linux has the rules that laws are about.
const (
	nfTables = "net/netfilter/nf_tables_api.c "
	iptNFT   = "iptables/nft.c "
)

var nftLaws = append(rulePlaceLaws(), []Law{
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

	{"nft/rule/behind-absent", nfTables + "nf_tables_newrule: __nft_rule_lookup", func(e *env) {
		n := e.nft("a")
		n.chain("c", "d")
		n.change("add rule F t d accept")
		n.refused(kernel.ENOENT, "add rule F t c handle 77 accept")
		n.refused(kernel.ENOENT, fmt.Sprintf("insert rule F t c handle %d accept", n.handles("d")[0]))
	}},
	{"nft/rule/no-chain", nfTables + "nf_tables_newrule: nft_chain_lookup", func(e *env) {
		n := e.nft("a")
		n.refused(kernel.ENOENT, "add rule F t c accept")
		n.change("add table F t")
		n.refused(kernel.ENOENT, "add rule F t c accept")
	}},
	{"nft/rule/jump-absent", nfTables + "nft_verdict_init: nft_chain_lookup", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.refused(kernel.ENOENT, "add rule F t c jump d")
		n.refused(kernel.ENOENT, "add rule F t c goto d")
	}},
	{"nft/rule/jump-to-base", nfTables + "nft_verdict_init: nft_is_base_chain", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.base("p", "filter", "forward", 0)
		n.refused(kernel.EOPNOTSUPP, "add rule F t c jump p")
	}},
	{"nft/rule/jump-to-self", nfTables + "nft_chain_validate", func(e *env) {
		n := e.nft("a")
		n.base("p", "filter", "forward", 0)
		n.chain("c")
		n.change("add rule F t p jump c")
		n.refused(kernel.EMLINK, "add rule F t c jump c")
	}},
	{"nft/rule/loop", nfTables + "nft_chain_validate: NFT_JUMP_STACK_SIZE", func(e *env) {
		n := e.nft("a")
		n.base("p", "filter", "forward", 0)
		n.chain("c", "d")
		n.change("add rule F t c jump d", "add rule F t d goto c")
		n.refused(kernel.EMLINK, "add rule F t p jump d")
	}},
	{"nft/rule/loop-nobody-reaches", nfTables + "nft_table_validate: nft_is_base_chain", func(e *env) {
		n := e.nft("a")
		n.chain("c", "d")
		n.change("add rule F t c jump d", "add rule F t d jump c")
		equal(e, n.rules("d"), []string{"jump c"}, "rules that lead in a circle to which no packet gets")
	}},
	{"nft/rule/too-deep", nfTables + "nft_chain_validate: NFT_JUMP_STACK_SIZE", func(e *env) {
		n := e.nft("a")
		n.base("c0", "filter", "forward", 0)
		for i := 1; i <= 16; i++ {
			n.change(fmt.Sprintf("add chain F t c%d", i))
		}
		for i := range 15 {
			n.change(fmt.Sprintf("add rule F t c%d jump c%d", i, i+1))
		}
		n.refused(kernel.EMLINK, "add rule F t c15 jump c16")
	}},
	{"nft/rule/delete-by-handle", nfTables + "nf_tables_delrule: nft_rule_lookup", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c accept comment 1", "add rule F t c accept comment 2", "add rule F t c accept comment 3")
		n.change(fmt.Sprintf("delete rule F t c handle %d", n.handles("c")[1]))
		equal(e, n.comments("c"), "1 3", "rules after the second was deleted")
		n.refused(kernel.ENOENT, "delete rule F t c handle 77")
	}},
	{"nft/rule/delete-by-what-it-says", "kernel.FindFilterRules", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c iifname v accept", "add rule F t c iifname w accept", "add rule F t c iifname w drop")
		n.change("delete rule F t c iifname w accept")
		equal(e, n.rules("c"), []string{"iifname v accept", "iifname w drop"}, "rules after the second was deleted")
		n.refused(kernel.ENOENT, "delete rule F t c iifname w accept")
	}},
	{"nft/rule/delete-twins", "kernel.FindFilterRules", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c accept", "add rule F t c accept", "add rule F t c accept")
		n.change("delete rule F t c accept", "delete rule F t c accept")
		equal(e, n.rules("c"), []string{"accept"}, "three equal rules, of which two were deleted at once")
	}},
	{"nft/rule/handles", nfTables + "nf_tables_alloc_handle", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c accept", "add rule F t c drop")
		old := n.handles("c")
		n.change("flush chain F t c")
		n.change("add rule F t c accept", "add rule F t c drop")
		all := append(old, n.handles("c")...)
		slices.Sort(all)
		equal(e, len(slices.Compact(all)), 4, "different handles of two rules, and of the two that came after them")
	}},
	{"nft/rule/addresses", "net/netfilter/nft_payload.c, nft_cmp.c, nft_bitwise.c", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.readsBack(
			"ip saddr 10.1.2.3", "ip daddr 10.1.2.0/24", "ip saddr != 10.0.0.0/8", "ip daddr 224.0.0.0/4",
			"ip saddr 10.0.0.0/9 ip daddr != 10.1.2.3", "ip6 saddr fd00::1", "ip6 daddr != ff00::/8",
			"ip6 saddr fd00::/61 ip6 daddr fd00::/64", "ip saddr 128.0.0.0/1",
		)
	}},
	{"nft/rule/links", "net/netfilter/nft_meta.c nft_meta_get_eval_ifname", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.readsBack("iifname veth0", "oifname != cni0", "iifname exactly15bytes. oifname lo")
	}},
	{"nft/rule/source-mac", "net/netfilter/nft_payload.c nft_payload_eval: NFT_PAYLOAD_LL_HEADER", func(e *env) {
		n := e.nft("a")
		n.family = "bridge"
		n.chain("c")
		n.readsBack("ether saddr 02:00:00:00:00:0a", "iifname v ether saddr != 02:00:00:00:00:0a ip saddr 10.0.0.1")
	}},
	{"nft/rule/verdicts", "net/netfilter/nft_immediate.c", func(e *env) {
		n := e.nft("a")
		n.chain("c", "d")
		n.change("add rule F t c accept", "add rule F t c drop", "add rule F t c return", "add rule F t c jump d",
			"add rule F t c goto d", "add rule F t c comment nothing")
		equal(e, n.rules("c"), []string{"accept", "drop", "return", "jump d", "goto d", "comment nothing"}, "all verdicts")
	}},
	{"nft/rule/comment", nfTables + "nf_tables_newrule: NFTA_RULE_USERDATA", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		longest := strings.Repeat("c", kernel.MaxFilterComment)
		n.readsBack(`accept comment "name: \"net\" id: \"cid\""`, "accept comment "+longest)
		n.refused(kernel.ERANGE, "add rule F t c accept comment "+longest+"c")
	}},
	{"nft/rule/masquerade", "net/netfilter/nft_masq.c nft_masq_validate", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.base("p", "nat", "postrouting", 100)
		n.chain("c")
		n.change("add rule F t c ip saddr 10.1.0.2 masquerade", "add rule F t p goto c")
		equal(e, n.rules("c"), []string{"ip saddr 10.1.0.2 masquerade"}, "a rule that masquerades")
	}},
	{"nft/rule/masquerade-elsewhere", "net/netfilter/nft_masq.c nft_masq_validate", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.base("p", "nat", "prerouting", 100)
		n.refused(kernel.EOPNOTSUPP, "add rule F t p masquerade")
		n.base("f", "filter", "postrouting", 100)
		n.refused(kernel.EOPNOTSUPP, "add rule F t f masquerade")
	}},
	{"nft/rule/masquerade-called-from-elsewhere", nfTables + "nft_table_validate", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.base("f", "filter", "forward", 0)
		n.chain("c")
		n.change("add rule F t c masquerade")
		n.refused(kernel.EOPNOTSUPP, "add rule F t f jump c")
	}},
	{"nft/rule/wrong-family", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		n.refused(kernel.EINVAL, "add rule ip t c ip6 saddr fd00::1 accept")
		n.refused(kernel.EINVAL, "add rule inet t c ether saddr 02:00:00:00:00:01 accept")
		n.refused(kernel.EINVAL, "add rule bridge t c masquerade")
	}},
	{"nft/rule/prefix-says-nothing", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.refused(kernel.EINVAL, "add rule F t c ip saddr 0.0.0.0/0 accept")
		n.refused(kernel.EINVAL, "add rule F t c ip saddr 10.0.0.1/8 accept")
	}},
	{"nft/rule/opaque", "kernel.FilterChange.Valid", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		add := kernel.FilterChange{Do: kernel.AddRule, Family: kernel.FilterFamily(n.family), Table: "t", Chain: "c"}
		add.Rule.Opaque = "counter"
		e.refused(n.ChangeRuleset(kernel.NFTables, []kernel.FilterChange{add}), kernel.EINVAL, "add an opaque rule")
	}},

	{"nft/transaction/all-or-none", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch: abort", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		n.change("add rule F t c accept")
		n.refused(kernel.ENOENT, "add chain F t d", "flush chain F t c", "add table F u", "add rule F t nope accept")
		equal(e, n.list(), []string{"table F t", "chain F t c", "rule F t c accept"}, "rules after a transaction that failed at its end")
	}},
	{"nft/transaction/in-order", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch", func(e *env) {
		n := e.nft("a")
		n.change("add table F t", "add chain F t c", "add chain F t d", "add rule F t c jump d",
			"flush chain F t c", "delete chain F t d", "add rule F t c accept")
		equal(e, n.list(), []string{"table F t", "chain F t c", "rule F t c accept"}, "rules after one transaction")
		n.refused(kernel.EBUSY, "add chain F t d", "add rule F t c jump d", "delete chain F t d", "flush chain F t c")
	}},
	{"nft/transaction/names-the-change", "kernel.Netfilter", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		err := n.do("add rule F t c accept", "add rule F t nope drop", "add rule F t c accept")
		e.refused(err, kernel.ENOENT, "add a rule to a chain that is not there")
		refusal, _ := errors.AsType[*kernel.Error](err)
		equal(e, refusal.Object, "nftables add rule "+n.family+" t nope drop", "the object of the error")
	}},
	{"nft/transaction/empty", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch", func(e *env) {
		e.nft("a").change()
	}},
	{"nft/transaction/large", "net/netfilter/nfnetlink.c nfnl_err_deliver", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		changes := make([]string, 500)
		for i := range changes {
			changes[i] = fmt.Sprintf("add rule F t c iifname v%d accept", i)
		}
		n.change(changes...)
		equal(e, len(n.rules("c")), len(changes), "rules after a transaction of 500")
	}},

	{"nft/check/changes-nothing", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch: without its end", func(e *env) {
		n := e.nft("a")
		e.ok(n.CheckRuleset(kernel.NFTables, n.parse("add table F t", "add chain F t c", "add rule F t c accept")), "check")
		equal(e, n.list(), []string{}, "rules after a check")
	}},
	{"nft/check/answers-as-change", "net/netfilter/nfnetlink.c nfnetlink_rcv_batch: without its end", func(e *env) {
		n := e.nft("a")
		n.chain("c")
		check := func(want kernel.Errno, change string) {
			e.refused(n.CheckRuleset(kernel.NFTables, n.parse(change)), want, "check: %s", change)
		}
		check(kernel.ENOENT, "add rule F t nope accept")
		check(kernel.EEXIST, "create chain F t c")
		check(kernel.ENOENT, "delete table F u")
	}},

	{"nft/layout/masquerade", "pkg/ip/ipmasq_nftables_linux.go of the reference plugins", func(e *env) {
		n := e.nft("a")
		n.needs("inet")
		n.change("add table inet cni_plugins_masquerade { comment 'Masquerading' ; }",
			"add chain inet cni_plugins_masquerade masq_checks { comment 'Masquerade' ; }",
			"add chain inet cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; policy accept ; }",
			"flush chain inet cni_plugins_masquerade postrouting",
			"add rule inet cni_plugins_masquerade postrouting ip daddr 224.0.0.0/4 return",
			"add rule inet cni_plugins_masquerade postrouting ip6 daddr ff00::/8 return",
			"add rule inet cni_plugins_masquerade postrouting goto masq_checks",
			"add rule inet cni_plugins_masquerade masq_checks ip saddr 10.1.0.2 ip daddr != 10.1.0.0/24 masquerade comment 'h-h, net: n'",
		)
		equal(e, n.list(), []string{
			"table F cni_plugins_masquerade { comment Masquerading ; }",
			"chain F cni_plugins_masquerade masq_checks { comment Masquerade ; }",
			`rule F cni_plugins_masquerade masq_checks ip saddr 10.1.0.2 ip daddr != 10.1.0.0/24 masquerade comment "h-h, net: n"`,
			"chain F cni_plugins_masquerade postrouting { type nat hook postrouting priority 100 ; policy accept ; }",
			"rule F cni_plugins_masquerade postrouting ip daddr 224.0.0.0/4 return",
			"rule F cni_plugins_masquerade postrouting ip6 daddr ff00::/8 return",
			"rule F cni_plugins_masquerade postrouting goto masq_checks",
		}, "the rules that masquerade a pod")
	}},
	{"nft/layout/spoof-check", "pkg/link/spoofcheck.go of the reference plugins", func(e *env) {
		n := e.nft("a")
		n.family = "bridge"
		n.change("add table bridge nat",
			"add chain bridge nat PREROUTING { type filter hook prerouting priority -300 ; policy accept ; }",
			"add chain bridge nat cni-br-iface-id-eth0", "add chain bridge nat cni-br-iface-id-eth0-mac",
			"add rule bridge nat PREROUTING iifname veth0 jump cni-br-iface-id-eth0 comment macspoofchk-id-eth0",
			"add rule bridge nat cni-br-iface-id-eth0 jump cni-br-iface-id-eth0-mac comment macspoofchk-id-eth0",
			"add rule bridge nat cni-br-iface-id-eth0-mac ether saddr 02:00:00:00:00:01 return comment macspoofchk-id-eth0",
			"add rule bridge nat cni-br-iface-id-eth0-mac drop comment macspoofchk-id-eth0",
		)
		equal(e, n.list(), []string{
			"table F nat",
			"chain F nat PREROUTING { type filter hook prerouting priority -300 ; policy accept ; }",
			"rule F nat PREROUTING iifname veth0 jump cni-br-iface-id-eth0 comment macspoofchk-id-eth0",
			"chain F nat cni-br-iface-id-eth0",
			"rule F nat cni-br-iface-id-eth0 jump cni-br-iface-id-eth0-mac comment macspoofchk-id-eth0",
			"chain F nat cni-br-iface-id-eth0-mac",
			"rule F nat cni-br-iface-id-eth0-mac ether saddr 02:00:00:00:00:01 return comment macspoofchk-id-eth0",
			"rule F nat cni-br-iface-id-eth0-mac drop comment macspoofchk-id-eth0",
		}, "the rules that check a pod's MAC")
	}},
}...)

// rulePlaceLaws are about where in its chain a new rule comes.
func rulePlaceLaws() (laws []Law) {
	for _, c := range []struct{ name, rule, verb, order string }{
		{"add", "NLM_F_APPEND", "added", "1 2 3"},
		{"insert", "list_add_rcu", "inserted", "3 2 1"},
	} {
		laws = append(laws, Law{"nft/rule/" + c.name, nfTables + "nf_tables_newrule: " + c.rule, func(e *env) {
			n := e.nft("a")
			n.chain("c")
			n.change(c.name + " rule F t c accept comment 1")
			n.change(c.name+" rule F t c accept comment 2", c.name+" rule F t c accept comment 3")
			equal(e, n.comments("c"), c.order, "the order of rules that were %s", c.verb)
		}})
	}
	for _, c := range []struct {
		name, verb string
		beside     int // the index of the rule
		how        string
	}{
		{"behind", "add", 0, "added behind the first"},
		{"before", "insert", 1, "inserted before the second"},
	} {
		laws = append(laws, Law{"nft/rule/" + c.name, nfTables + "nf_tables_newrule: NFTA_RULE_POSITION", func(e *env) {
			n := e.nft("a")
			n.chain("c")
			n.change("add rule F t c accept comment 1", "add rule F t c accept comment 2")
			n.change(fmt.Sprintf("%s rule F t c handle %d accept comment new", c.verb, n.handles("c")[c.beside]))
			equal(e, n.comments("c"), "1 new 2", "the order after one was %s", c.how)
		}})
	}
	return laws
}

// A ruleLab is a namespace whose rules of nftables a law tries, in a family that this kernel has. In the law's words F
// stands for that.
type ruleLab struct {
	*netns
	family string
}

// nft makes a namespace to try rules of nftables in.
func (e *env) nft(name string) *ruleLab {
	n := &ruleLab{netns: e.netns(name)}
	for _, n.family = range []string{"inet", "bridge"} {
		if n.has(n.family) {
			return n
		}
	}
	panic(leftOut("this kernel has no nftables"))
}

func (n *ruleLab) has(family string) bool {
	err := n.CheckRuleset(kernel.NFTables, nft("add table "+family+" t"))
	if !errors.Is(err, kernel.EOPNOTSUPP) {
		n.e.ok(err, "check whether there are tables of the family %s", family)
	}
	return err == nil
}

// needs leaves the law out where the kernel does not have the family.
func (n *ruleLab) needs(family string) {
	if !n.has(family) {
		panic(leftOut("this kernel has no tables of the family " + family))
	}
	n.family = family
}

// parse reads changes.
func (n *ruleLab) parse(changes ...string) []kernel.FilterChange {
	var texts []string
	for _, c := range changes {
		texts = append(texts, strings.Replace(c, " F ", " "+n.family+" ", 1))
	}
	return nft(texts...)
}

func (n *ruleLab) do(changes ...string) error {
	return n.ChangeRuleset(kernel.NFTables, n.parse(changes...))
}

// change makes changes in one transaction.
func (n *ruleLab) change(changes ...string) {
	n.e.ok(n.do(changes...), "%s", strings.Join(changes, "; "))
}

func (n *ruleLab) refused(want kernel.Errno, changes ...string) {
	n.e.refused(n.do(changes...), want, "%s", strings.Join(changes, "; "))
}

// refusedAny demands one of two errnos: kernels differ.
func (n *ruleLab) refusedAny(change string, one, other kernel.Errno) {
	err := n.do(change)
	if !errors.Is(err, other) {
		n.e.refused(err, one, "%s", change)
	}
}

// chain makes chains in the table t.
func (n *ruleLab) chain(names ...string) {
	n.change("add table F t")
	for _, name := range names {
		n.change("add chain F t " + name)
	}
}

// base makes a base chain in the table t.
func (n *ruleLab) base(name, kind, hook string, priority int) {
	n.change("add table F t", fmt.Sprintf("add chain F t %s { type %s hook %s priority %d ; }", name, kind, hook, priority))
}

// readsBack demands that rules of the chain c are listed by the words that added them.
func (n *ruleLab) readsBack(rules ...string) {
	for _, r := range rules {
		n.change("add rule F t c " + r)
	}
	equal(n.e, n.rules("c"), rules, "rules as they are listed")
}

// nft reads changes of nftables; the words of a law are right.
func nft(changes ...string) []kernel.FilterChange { return parseChanges("nft", changes) }

func parseChanges(program string, texts []string) []kernel.FilterChange {
	all := []kernel.FilterChange{}
	for _, text := range texts {
		words, err := kernel.SplitIPTables(strings.ReplaceAll(text, "'", `"`))
		if err != nil {
			panic(err)
		}
		_, changes, err := kernel.ParseFilterChanges(program, words)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", text, err))
		}
		all = append(all, changes...)
	}
	return all
}

// list returns what there is of nftables, as words of changes.
func (n *ruleLab) list() []string { return n.lines(kernel.NFTables, " "+n.family+" ", " F ") }

// lines returns what a backend has, as a snapshot says it but for what is to be replaced.
func (n *netns) lines(b kernel.FilterBackend, old, instead string) []string {
	lines := []string{}
	for _, o := range kernel.FilterObjects(b, n.ruleset(b)) {
		lines = append(lines, strings.Replace(o.Name, old, instead, 1))
	}
	return lines
}

func (n *netns) ruleset(b kernel.FilterBackend) []kernel.FilterTable {
	tables, err := n.Ruleset(b)
	n.e.ok(err, "list the rules of %s", b)
	return tables
}

// rulesOf returns the rules of a chain of the table t.
func (n *ruleLab) rulesOf(chain string) []kernel.FilterRule {
	t := kernel.FindFilterTable(n.ruleset(kernel.NFTables), kernel.FilterFamily(n.family), "t")
	if t == nil || t.Chain(chain) == nil {
		n.e.breach("look at the chain %s: want it there, got %v", chain, n.list())
	}
	return t.Chain(chain).Rules
}

func (n *ruleLab) rules(chain string) []string {
	texts := []string{}
	for _, r := range n.rulesOf(chain) {
		texts = append(texts, r.String())
	}
	return texts
}

func (n *ruleLab) comments(chain string) string {
	var all []string
	for _, r := range n.rulesOf(chain) {
		all = append(all, r.Comment)
	}
	return strings.Join(all, " ")
}

func (n *ruleLab) handles(chain string) []uint64 {
	var all []uint64
	for _, r := range n.rulesOf(chain) {
		all = append(all, r.Handle)
	}
	return all
}
