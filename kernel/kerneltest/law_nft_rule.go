package kerneltest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

var nftRuleLaws = append(rulePlaceLaws(), []Law{
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
	{"nft/rule/too-deep-nobody-gets-there", nfTables + "nft_validate_register_store", func(e *env) {
		n := e.nft("a")
		n.chain("g", "c0")
		for i := range 16 {
			n.change(fmt.Sprintf("add chain F t c%d", i+1), fmt.Sprintf("add rule F t c%d jump c%d", i, i+1))
		}
		e.mayBeRefused(n.do("add rule F t g goto c0"), kernel.EMLINK, "lead into too many chains")
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
