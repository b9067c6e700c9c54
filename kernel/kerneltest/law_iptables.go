package kerneltest

import (
	"errors"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// iptNFT is where iptables has most rules that its laws are about.
const iptNFT = "iptables/nft.c "

var iptablesLaws = []Law{
	{"iptables/empty", iptNFT + "nft_rule_save", func(e *env) {
		equal(e, e.iptables("a").list(), []string{}, "rules of a new namespace")
	}},
	{"iptables/as-it-came", "kernel.Netfilter", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A POSTROUTING -j c")
		n.change("-F POSTROUTING", "-X c")
		equal(e, len(n.ruleset(kernel.IPTables)), 0, "tables after all was taken away that came")
	}},
	{"iptables/built-in-chains", "kernel.IPTablesChains", func(e *env) {
		n := e.iptables("a")
		n.change("-N c")
		var names []string
		for _, c := range n.ruleset(kernel.IPTables)[0].Chains {
			names = append(names, c.Name)
		}
		equal(e, strings.Join(names, " "), "INPUT OUTPUT POSTROUTING PREROUTING c", "chains of the table nat")
	}},
	{"iptables/chain/create", iptNFT + "nft_chain_user_add", func(e *env) {
		n := e.iptables("a")
		n.change("-N CNI-0123456789abcdef01234567")
		equal(e, n.list(), []string{"-t nat -N CNI-0123456789abcdef01234567"}, "a chain")
	}},
	{"iptables/chain/create-twice", iptNFT + "nft_chain_user_add: EEXIST", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -j ACCEPT")
		n.refused(kernel.EEXIST, "-N c")
		equal(e, n.list(), []string{"-t nat -N c", "-t nat -A c -j ACCEPT"}, "the chain that was there")
	}},
	{"iptables/chain/create-built-in", iptNFT + "nft_chain_user_add: EEXIST", func(e *env) {
		e.iptables("a").refused(kernel.EEXIST, "-N POSTROUTING")
	}},
	{"iptables/chain/long-name", "include/linux/netfilter/x_tables.h XT_EXTENSION_MAXNAMELEN", func(e *env) {
		n := e.iptables("a")
		longest := strings.Repeat("n", kernel.MaxIPTablesChain)
		n.change("-N " + longest)
		n.refused(kernel.ERANGE, "-N "+longest+"n")
	}},
	{"iptables/chain/delete", iptNFT + "nft_chain_del", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-N d")
		n.change("-X c")
		equal(e, n.list(), []string{"-t nat -N d"}, "chains after one was deleted")
	}},
	{"iptables/chain/delete-absent", iptNFT + "nft_chain_del", func(e *env) {
		e.iptables("a").refused(kernel.ENOENT, "-X c")
	}},
	{"iptables/chain/delete-with-rules", nfTables + "nf_tables_delchain: NLM_F_NONREC", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -j ACCEPT")
		n.refused(kernel.EBUSY, "-X c")
	}},
	{"iptables/chain/delete-referenced", nfTables + "nf_tables_delchain: chain->use", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -j ACCEPT", "-A POSTROUTING -s 10.1.0.2/32 -j c")
		n.refused(kernel.EBUSY, "-F c", "-X c")
		equal(e, n.list(), []string{"-t nat -A POSTROUTING -s 10.1.0.2/32 -j c", "-t nat -N c", "-t nat -A c -j ACCEPT"},
			"rules after a flush and a deletion that failed together")
		n.change("-D POSTROUTING -s 10.1.0.2/32 -j c", "-F c", "-X c")
	}},
	{"iptables/chain/delete-built-in", "kernel.FilterChange.Valid", func(e *env) {
		e.iptables("a").refused(kernel.EINVAL, "-X POSTROUTING")
	}},
	{"iptables/chain/flush", iptNFT + "nft_rule_flush", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -j ACCEPT", "-A POSTROUTING -j c")
		n.change("-F c")
		equal(e, n.list(), []string{"-t nat -A POSTROUTING -j c", "-t nat -N c"}, "rules after one chain was flushed")
		n.change("-F")
		equal(e, n.list(), []string{"-t nat -N c"}, "rules after the table was flushed")
	}},
	{"iptables/chain/flush-absent", iptNFT + "nft_rule_flush: ENOENT", func(e *env) {
		e.iptables("a").refused(kernel.ENOENT, "-F c")
	}},
	{"iptables/chain/flush-unused", iptNFT + "nft_rule_flush: nft_chain_list_get", func(e *env) {
		n := e.iptables("a")
		n.table = "mangle"
		n.change("-A POSTROUTING -j ACCEPT", "-F")
		if left := n.list(); len(left) > 0 { // of a table that is not there yet: the legacy program has all from the start
			equal(e, left, []string{"-t mangle -A POSTROUTING -j ACCEPT"}, "rules after one was added and the table flushed")
		}
	}},
	{"iptables/chain/policy", iptNFT + "nft_chain_set", func(e *env) {
		n := e.iptables("a")
		n.table = "filter"
		n.change("-P FORWARD DROP")
		equal(e, n.list(), []string{"-t filter -P FORWARD DROP"}, "a policy")
		n.change("-P FORWARD ACCEPT")
		equal(e, n.list(), []string{}, "the table after the policy is what it was")
	}},
	{"iptables/chain/policy-of-user-chain", "kernel.FilterChange.Valid", func(e *env) {
		n := e.iptables("a")
		n.change("-N c")
		n.refused(kernel.EINVAL, "-P c ACCEPT")
		n.refused(kernel.EINVAL, "-P POSTROUTING DROP")
	}},

	{"iptables/rule/append", iptNFT + "nft_rule_append", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -s 10.0.0.1/32 -j ACCEPT")
		n.change("-A c -s 10.0.0.2/32 -j ACCEPT", "-A c -s 10.0.0.3/32 -j ACCEPT")
		equal(e, n.rules("c"), []string{
			"ip saddr 10.0.0.1 accept", "ip saddr 10.0.0.2 accept", "ip saddr 10.0.0.3 accept",
		}, "the order of rules that were appended")
	}},
	{"iptables/rule/insert", iptNFT + "nft_rule_insert", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-I c -s 10.0.0.1/32 -j ACCEPT")
		n.change("-I c -s 10.0.0.2/32 -j ACCEPT", "-I c -s 10.0.0.3/32 -j ACCEPT")
		equal(e, n.rules("c"), []string{
			"ip saddr 10.0.0.3 accept", "ip saddr 10.0.0.2 accept", "ip saddr 10.0.0.1 accept",
		}, "the order of rules that were inserted")
	}},
	{"iptables/rule/delete", iptNFT + "nft_rule_delete", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -i v -j ACCEPT", "-A c -i w -j ACCEPT", "-A c -i v -j ACCEPT")
		n.change("-D c -i v -j ACCEPT")
		equal(e, n.rules("c"), []string{"iifname w accept", "iifname v accept"}, "rules after the first was deleted")
	}},
	{"iptables/rule/delete-absent", iptNFT + "nft_rule_delete: ENOENT", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -s 10.0.0.0/8 -j ACCEPT")
		n.refused(kernel.ENOENT, "-D c -s 10.0.0.0/9 -j ACCEPT")
		n.refused(kernel.ENOENT, "-D d -s 10.0.0.0/8 -j ACCEPT")
	}},
	{"iptables/rule/no-chain", iptNFT + "nft_rule_append", func(e *env) {
		e.iptables("a").refused(kernel.ENOENT, "-A c -j ACCEPT")
	}},
	{"iptables/rule/jump-absent", "libxtables/xtables.c xtables_find_target", func(e *env) {
		n := e.iptables("a")
		n.refused(kernel.ENOENT, "-A POSTROUTING -j c")
	}},
	{"iptables/rule/jump-to-built-in", nfTables + "nft_verdict_init: nft_is_base_chain", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A POSTROUTING -j ACCEPT")
		n.refused(kernel.EOPNOTSUPP, "-A c -j POSTROUTING")
	}},
	{"iptables/rule/loop", nfTables + "nft_chain_validate", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-N d", "-A c -j d", "-A d -j c")
		n.refused(kernel.EMLINK, "-A POSTROUTING -j c")
	}},
	{"iptables/rule/words", iptNFT + "nft_rule_save", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-N d", "-A d -j ACCEPT")
		for _, words := range []string{
			"-s 10.1.0.2/32 -j d", "-d 10.1.0.0/24 -j ACCEPT", "! -d 224.0.0.0/4 -j ACCEPT", "-i eth0 ! -o eth1 -j RETURN",
			"-s 10.0.0.0/9 ! -d 10.1.0.2/32 -i eth0 -o eth1 -g d", `-m comment --comment "only a comment"`, "-j d",
			`-m comment --comment "name: \"net\" id: \"cid\"" -j ACCEPT`,
		} {
			n.change("-A c " + words)
		}
		equal(e, n.rules("c"), []string{
			"ip saddr 10.1.0.2 jump d", "ip daddr 10.1.0.0/24 accept", "ip daddr != 224.0.0.0/4 accept",
			"iifname eth0 oifname != eth1 return",
			"ip saddr 10.0.0.0/9 ip daddr != 10.1.0.2 iifname eth0 oifname eth1 goto d", `comment "only a comment"`, "jump d",
			`accept comment "name: \"net\" id: \"cid\""`,
		}, "rules as they are listed")
	}},
	{"iptables/rule/order-of-matches", iptNFT + "nft_rule_save", func(e *env) {
		n := e.iptables("a")
		n.change("-N c")
		rule := nft("add rule ip t c oifname w ip daddr 10.0.0.0/8 ip saddr 10.1.0.2 accept")[0]
		rule.Table = "nat"
		e.ok(n.ChangeRuleset(kernel.IPTables, []kernel.FilterChange{rule}), "add a rule")
		equal(e, n.rules("c"), []string{"ip saddr 10.1.0.2 ip daddr 10.0.0.0/8 oifname w accept"}, "the rule as it is listed")
		rule.Do = kernel.DeleteRule
		e.ok(n.ChangeRuleset(kernel.IPTables, []kernel.FilterChange{rule}), "delete it by the same words")
	}},
	{"iptables/rule/long-comment", "include/uapi/linux/netfilter/xt_comment.h XT_MAX_COMMENT_LEN", func(e *env) {
		n := e.iptables("a")
		longest := strings.Repeat("c", kernel.MaxIPTablesComment)
		n.change("-N c", "-A c -m comment --comment "+longest+" -j ACCEPT")
		equal(e, n.rules("c"), []string{"accept comment " + longest}, "the rule with the longest comment")
		n.refused(kernel.ERANGE, "-A c -m comment --comment "+longest+"c -j ACCEPT")
	}},
	{"iptables/rule/link-in-wrong-chain", "iptables/xshared.c do_parse: Can't use -i with POSTROUTING", func(e *env) {
		n := e.iptables("a")
		n.refused(kernel.EINVAL, "-A POSTROUTING -i eth0 -j ACCEPT")
		n.refused(kernel.EINVAL, "-A PREROUTING -o eth0 -j ACCEPT")
	}},
	{"iptables/rule/drop-in-nat", "extensions/libxt_standard.c, iptables/xshared.c: the use of DROP is inhibited", func(e *env) {
		e.iptables("a").refused(kernel.EINVAL, "-A POSTROUTING -j DROP")
	}},
	{"iptables/rule/masquerade", "net/netfilter/xt_MASQUERADE.c: hooks", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c ! -d 224.0.0.0/4 -j MASQUERADE", "-A POSTROUTING -s 10.1.0.2/32 -j c")
		equal(e, n.rules("c"), []string{"ip daddr != 224.0.0.0/4 masquerade"}, "a rule that masquerades")
	}},
	{"iptables/rule/masquerade-elsewhere", "net/netfilter/xt_MASQUERADE.c: hooks, table", func(e *env) {
		n := e.iptables("a")
		n.refused(kernel.EINVAL, "-A PREROUTING -j MASQUERADE")
		n.change("-N c", "-A c -j MASQUERADE")
		n.refused(kernel.EINVAL, "-A PREROUTING -j c")
		n.table = "filter"
		n.refused(kernel.EINVAL, "-A FORWARD -j MASQUERADE")
	}},

	{"iptables/transaction/all-or-none", "iptables/iptables-restore.c ip46tables_restore_main: COMMIT", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -j ACCEPT")
		n.refused(kernel.ENOENT, "-N d", "-F c", "-D c -s 10.0.0.9/32 -j ACCEPT")
		equal(e, n.list(), []string{"-t nat -N c", "-t nat -A c -j ACCEPT"}, "rules after a transaction that failed at its end")
	}},
	{"iptables/transaction/names-the-change", "kernel.Netfilter", func(e *env) {
		n := e.iptables("a")
		err := n.do("-N c", "-A nope -j ACCEPT", "-N d")
		e.refused(err, kernel.ENOENT, "append to a chain that is not there")
		refusal, _ := errors.AsType[*kernel.Error](err)
		equal(e, refusal.Object, "iptables -t nat -A nope -j ACCEPT", "the object of the error")
	}},
	{"iptables/transaction/one-table", "kernel.Netfilter", func(e *env) {
		n := e.iptables("a")
		two := append(n.parse("-N c"), parseChanges("iptables", []string{"-t filter -N d"})...)
		e.refused(n.ChangeRuleset(kernel.IPTables, two), kernel.EINVAL, "change two tables in one transaction")
		two = append(n.parse("-N c"), parseChanges("ip6tables", []string{"-t nat -N d"})...)
		e.refused(n.ChangeRuleset(kernel.IPTables, two), kernel.EINVAL, "change two families in one transaction")
		equal(e, n.list(), []string{}, "rules after these")
	}},
	{"iptables/check-changes-nothing", "iptables/iptables-restore.c: --test", func(e *env) {
		n := e.iptables("a")
		e.ok(n.CheckRuleset(kernel.IPTables, n.parse("-N c", "-A POSTROUTING -j c")), "check")
		equal(e, n.list(), []string{}, "rules after a check")
		e.refused(n.CheckRuleset(kernel.IPTables, n.parse("-A POSTROUTING -j DROP")), kernel.EINVAL, "check DROP in nat")
	}},
	{"iptables/families-are-apart", iptNFT + "nft_init: family", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -d 10.0.0.0/8 -j ACCEPT")
		six := parseChanges("ip6tables", []string{"-t nat -N c ; -t nat -A c ! -d ff00::/8 -j ACCEPT"})
		e.ok(n.ChangeRuleset(kernel.IPTables, six), "change ip6tables")
		n.change("-F c", "-X c")
		equal(e, n.list(), []string{"-t nat -N c", "-t nat -A c ! -d ff00::/8 -j ACCEPT"}, "what is left of both families")
		e.refused(n.do("-A POSTROUTING -s fd00::/8 -j ACCEPT"), kernel.EINVAL, "an IPv6 address in a rule for IPv4")
	}},
	{"iptables/netns-are-apart", "net/netfilter/x_tables.c xt_pernet", func(e *env) {
		a, b := e.iptables("a"), e.iptables("b")
		a.change("-N c")
		equal(e, b.list(), []string{}, "rules of another namespace")
	}},
	{"iptables/not-in-nftables", "kernel.OfIPTables", func(e *env) {
		n := e.iptables("a")
		n.change("-N c", "-A c -j ACCEPT")
		if tables, err := n.Ruleset(kernel.NFTables); !errors.Is(err, kernel.EOPNOTSUPP) {
			e.ok(err, "list the rules of nftables")
			equal(e, len(tables), 0, "tables of nftables after only iptables was used")
		}
	}},
}

// An iptablesLab is a namespace whose rules of iptables a law tries, in one table.
type iptablesLab struct {
	*netns
	table string
}

// iptables makes a namespace to try rules of iptables in.
func (e *env) iptables(name string) *iptablesLab {
	n := &iptablesLab{netns: e.netns(name), table: "nat"}
	err := n.CheckRuleset(kernel.IPTables, n.parse("-N c"))
	if errors.Is(err, kernel.EOPNOTSUPP) {
		panic(leftOut("this machine has no iptables"))
	}
	e.ok(err, "check whether there is iptables")
	return n
}

// parse reads changes of the table.
func (n *iptablesLab) parse(changes ...string) []kernel.FilterChange {
	var texts []string
	for _, c := range changes {
		texts = append(texts, "-t "+n.table+" "+c)
	}
	return parseChanges("iptables", texts)
}

func (n *iptablesLab) do(changes ...string) error {
	return n.ChangeRuleset(kernel.IPTables, n.parse(changes...))
}

// change makes changes in one transaction.
func (n *iptablesLab) change(changes ...string) {
	n.e.ok(n.do(changes...), "iptables %s", strings.Join(changes, "; "))
}

func (n *iptablesLab) refused(want kernel.Errno, changes ...string) {
	n.e.refused(n.do(changes...), want, "iptables %s", strings.Join(changes, "; "))
}

// list returns what there is of iptables, as words of changes.
func (n *iptablesLab) list() []string { return n.lines(kernel.IPTables, "", "") }

func (n *iptablesLab) rules(chain string) []string {
	texts := []string{}
	t := kernel.FindFilterTable(n.ruleset(kernel.IPTables), kernel.FilterIP, n.table)
	if t == nil || t.Chain(chain) == nil {
		n.e.breach("look at the chain %s: want it there, got %v", chain, n.list())
	}
	for _, r := range t.Chain(chain).Rules {
		texts = append(texts, r.String())
	}
	return texts
}
