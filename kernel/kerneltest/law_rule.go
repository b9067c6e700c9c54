package kerneltest

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

var families = []kernel.Family{kernel.IPv4, kernel.IPv6}

// ruleLaws are about the list of policy rules.
var ruleLaws = []Law{
	{"rule/standard", "net/ipv4/fib_rules.c fib_default_rules_init, net/ipv6/fib6_rules.c fib6_rules_net_init", func(e *env) {
		ns := e.netns("a")
		for _, f := range families {
			equal(e, ns.rules(f), kernel.StandardRules(f), "%v rules of a new namespace", f)
		}
	}},
	{"rule/added", "net/core/fib_rules.c fib_nl2rule, fib_nl_fill_rule", func(e *env) {
		ns := e.netns("a")
		for _, prefixes := range [][2]string{{"10.0.0.0/8", "10.1.2.3/32"}, {"fd00::/8", "fd01::1/128"}} {
			want := kernel.Rule{
				Priority: 50, From: netip.MustParsePrefix(prefixes[0]), To: netip.MustParsePrefix(prefixes[1]),
				In: "lo", Out: "eth7", Mark: 5, Mask: 0xff, Action: kernel.ToTable, Table: 1000, Protocol: kernel.ProtoStatic,
			}
			want.Family = familyOf(want.From.Addr())
			ns.rule(want)
			equal(e, ns.added(want.Family), []kernel.Rule{want}, "rules that were added")
		}
	}},
	{"rule/families-apart", "net/core/fib_rules.c lookup_rules_ops", func(e *env) {
		ns := e.netns("a")
		ns.rule(to(kernel.IPv6, 50, 100))
		equal(e, ns.added(kernel.IPv4), nil, "IPv4 rules once there is one more of IPv6")
	}},
	{"rule/namespaces-apart", "net/core/fib_rules.c fib_rules_register: net->rules_ops", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		a.rule(to(kernel.IPv4, 50, 100))
		equal(e, b.added(kernel.IPv4), nil, "rules of another namespace")
	}},
	{"rule/action", "net/core/fib_rules.c fib_nl2rule: frh->action", func(e *env) {
		ns := e.netns("a")
		for _, f := range families {
			for i, action := range []kernel.RuleAction{kernel.RuleBlackhole, kernel.RuleUnreachable, kernel.RuleProhibit} {
				want := kernel.Rule{Family: f, Priority: 50 + i, Action: action}
				ns.rule(want)
				equal(e, ns.added(f)[i], want, "rule without a table")
			}
		}
	}},
	{"rule/order", "net/core/fib_rules.c fib_nl_newrule: r->pref > rule->pref", func(e *env) {
		ns := e.netns("a")
		for _, r := range [][2]int{{50, 1}, {40, 2}, {50, 3}, {60, 4}, {40, 5}} {
			ns.rule(to(kernel.IPv4, r[0], r[1]))
		}
		var tables []int
		for _, r := range ns.added(kernel.IPv4) {
			tables = append(tables, r.Table)
		}
		equal(e, tables, []int{2, 5, 1, 3, 4}, "tables of rules with the priorities 50, 40, 50, 60, 40, as they are tried")
	}},
	{"rule/priority/chosen", "net/core/fib_rules.c fib_default_rule_pref", func(e *env) {
		ns := e.netns("a")
		for _, f := range families {
			for i, want := range []int{32765, 32764} {
				ns.rule(to(f, kernel.AnyPriority, 100+i))
				equal(e, ns.added(f)[0].Priority, want, "priority of a rule that names none")
			}
		}
	}},
	{"rule/priority/chosen-last", "net/core/fib_rules.c fib_default_rule_pref: rule->pref is 0", func(e *env) {
		ns := e.netns("a")
		ns.rule(to(kernel.IPv4, 0, 100))
		ns.rule(to(kernel.IPv4, kernel.AnyPriority, 101))
		equal(e, ns.added(kernel.IPv4)[1], to(kernel.IPv4, 0, 101), "rule without a priority, when the second one has 0")
	}},
	{"rule/priority/chosen-first", "net/core/fib_rules.c fib_default_rule_pref: list_empty", func(e *env) {
		ns := e.netns("a")
		for range kernel.StandardRules(kernel.IPv6) {
			ns.dropRule(kernel.Rule{Family: kernel.IPv6, Priority: kernel.AnyPriority})
		}
		ns.rule(to(kernel.IPv6, kernel.AnyPriority, 100))
		equal(e, ns.rules(kernel.IPv6), []kernel.Rule{to(kernel.IPv6, 0, 100)}, "the only rule")
	}},
	{"rule/priority/greatest", "include/uapi/linux/fib_rules.h FRA_PRIORITY: a u32", func(e *env) {
		ns := e.netns("a")
		want := to(kernel.IPv4, 1<<32-1, 100)
		ns.rule(want)
		equal(e, ns.added(kernel.IPv4), []kernel.Rule{want}, "rule of the greatest priority")
	}},
	{"rule/host-bits", "net/ipv4/fib_rules.c fib4_rule_configure, net/ipv6/fib6_rules.c fib6_rule_configure", func(e *env) {
		ns := e.netns("a")
		for _, prefix := range []string{"10.1.2.3/8", "fd01::1/16"} {
			want := from(prefix, 50, 100)
			ns.rule(want)
			equal(e, ns.added(want.Family), []kernel.Rule{want}, "rule with bits beyond its prefix length")
		}
	}},
	{"rule/prefix-of-all", "net/core/fib_rules.c fib_nl2rule: src_len is 0", func(e *env) {
		ns := e.netns("a")
		ns.rule(from("0.0.0.0/0", 50, 100))
		equal(e, ns.added(kernel.IPv4), []kernel.Rule{to(kernel.IPv4, 50, 100)}, "rule for packets from 0.0.0.0/0")
	}},
	{"rule/mark/whole", "net/core/fib_rules.c fib_nl2rule: mark_mask of 0xFFFFFFFF", func(e *env) {
		ns := e.netns("a")
		r := to(kernel.IPv4, 50, 100)
		r.Mark = 7
		ns.rule(r)
		equal(e, ns.added(kernel.IPv4)[0].Mask, 0xffffffff, "mask of a rule with a mark and no mask")
	}},
	{"rule/mark/none-of-mask", "net/core/fib_rules.c fib_nl2rule: FRA_FWMASK", func(e *env) {
		ns := e.netns("a")
		r := to(kernel.IPv6, 50, 100)
		r.Mask = 0xf0
		ns.rule(r)
		equal(e, ns.added(kernel.IPv6), []kernel.Rule{r}, "rule for packets without some bits in their mark")
	}},
	{"rule/mark/beyond-mask", "net/core/fib_rules.c fib_nl2rule: the mark is taken as it is", func(e *env) {
		ns := e.netns("a")
		r := to(kernel.IPv4, 50, 100)
		r.Mark, r.Mask = 0x105, 0xf
		ns.rule(r)
		equal(e, ns.added(kernel.IPv4), []kernel.Rule{r}, "rule whose mark has bits beyond its mask")
	}},
	{"rule/link/absent", "net/core/fib_rules.c fib_nl2rule: FIB_RULE_IIF_DETACHED", func(e *env) {
		ns := e.netns("a")
		r := to(kernel.IPv4, 50, 100)
		r.In, r.Out = "none", "nobody"
		ns.rule(r)
		equal(e, ns.added(kernel.IPv4), []kernel.Rule{r}, "rule about links that are not there")
	}},
	{"rule/link/deleted", "net/core/fib_rules.c detach_rules: the rule stays", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		r := to(kernel.IPv6, 50, 100)
		r.In = "v"
		ns.rule(r)
		e.ok(ns.DeleteLink(v), "delete the link that a rule is about")
		equal(e, ns.added(kernel.IPv6), []kernel.Rule{r}, "rule about a link that was deleted")
	}},
	{"rule/link/renamed", "net/core/fib_rules.c attach_rules: by name", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		r := to(kernel.IPv4, 50, 100)
		r.Out = "v"
		ns.rule(r)
		ns.set(v, kernel.LinkChange{Name: new("u")})
		equal(e, ns.added(kernel.IPv4), []kernel.Rule{r}, "rule about a link that was renamed")
	}},
	{"rule/link/long-name", "net/core/fib_rules.c fib_rule_policy: FRA_IIFNAME", func(e *env) {
		ns := e.netns("a")
		r := to(kernel.IPv4, 50, 100)
		r.In = "sixteen-letters-"
		e.refused(ns.AddRule(r), kernel.ERANGE, "add a rule about a link with a name of 16 bytes")
		r.In, r.Out = "", r.In
		e.refused(ns.DeleteRule(r), kernel.ERANGE, "delete one")
	}},
	{"rule/link/zero-in-name", "net/core/fib_rules.c rule_exists, rule_find: memcmp; fib_nl_fill_rule: nla_put_string", func(e *env) {
		ns := e.netns("a")
		r := to(kernel.IPv4, 50, 100)
		r.In, r.Out = "v\x00w", "u\x00"
		ns.rule(r)
		told := r
		told.In, told.Out = "v", "u"
		equal(e, ns.added(kernel.IPv4), []kernel.Rule{told}, "rule about links with zeros in their names")
		e.refused(ns.AddRule(r), kernel.EEXIST, "add it again")
		e.refused(ns.DeleteRule(told), kernel.ENOENT, "delete it by what it was told as")
		r.Out = "u"
		e.ok(ns.DeleteRule(r), "delete it by all of the name, but for a zero at its end")
	}},
	{"rule/family/unknown", "net/core/fib_rules.c lookup_rules_ops", func(e *env) {
		ns := e.netns("a")
		for _, f := range []kernel.Family{0, 7} {
			_, err := ns.Rules(f)
			e.refused(err, kernel.EAFNOSUPPORT, "list the rules of %v", f)
			e.refused(ns.AddRule(to(f, 50, 100)), kernel.EAFNOSUPPORT, "add a rule of %v", f)
			e.refused(ns.DeleteRule(to(f, 50, 100)), kernel.EAFNOSUPPORT, "delete a rule of %v", f)
		}
	}},
	{"rule/family/other", "net/core/fib_rules.c fib_nl2rule: nla_len is not ops->addr_size", func(e *env) {
		ns := e.netns("a")
		for _, mixed := range []kernel.Rule{from("fd00::/8", 50, 100), from("10.0.0.0/8", 50, 100)} {
			mixed.Family = kernel.IPv4 + kernel.IPv6 - mixed.Family
			e.refused(ns.AddRule(mixed), kernel.EINVAL, "add an %v rule from %v", mixed.Family, mixed.From)
			e.refused(ns.DeleteRule(mixed), kernel.EINVAL, "delete an %v rule from %v", mixed.Family, mixed.From)
			mixed.From, mixed.To = netip.Prefix{}, mixed.From
			e.refused(ns.AddRule(mixed), kernel.EINVAL, "add an %v rule to %v", mixed.Family, mixed.To)
		}
	}},
	{"rule/table/v4-chosen", "net/ipv4/fib_rules.c fib_empty_table", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.up(v, w)
		r := via(v, "10.9.0.0/16", "")
		r.Table = 2
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route to table 2")
		for range 2 {
			ns.rule(to(kernel.IPv4, 50, 0))
		}
		equal(e, ns.added(kernel.IPv4), []kernel.Rule{to(kernel.IPv4, 50, 1), to(kernel.IPv4, 50, 3)},
			"rules that named no table, when there is table 2")
	}},
	{"rule/table/v6-missing", "net/ipv6/fib6_rules.c fib6_rule_configure: RT6_TABLE_UNSPEC", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.AddRule(to(kernel.IPv6, 50, 0)), kernel.EINVAL, "add an IPv6 rule without a table")
		equal(e, ns.added(kernel.IPv6), nil, "rules after one that was refused")
	}},
	{"rule/exists/same", "net/core/fib_rules.c rule_exists", func(e *env) {
		ns := e.netns("a")
		for _, r := range []kernel.Rule{from("10.0.0.0/8", 50, 100), from("fd00::/8", 50, 100)} {
			ns.rule(r)
			e.refused(ns.AddRule(r), kernel.EEXIST, "add a rule again")
		}
	}},
	{"rule/exists/not-the-same", "net/core/fib_rules.c rule_exists", func(e *env) {
		ns := e.netns("a")
		r := from("10.0.0.0/8", 50, 100)
		ns.rule(r)
		for _, change := range []func(*kernel.Rule){
			func(r *kernel.Rule) { r.Table++ },
			func(r *kernel.Rule) { r.Priority++ },
			func(r *kernel.Rule) { r.In = "lo" },
			func(r *kernel.Rule) { r.Out = "lo" },
			func(r *kernel.Rule) { r.Mark = 1 },
			func(r *kernel.Rule) { r.Protocol = kernel.ProtoStatic },
			func(r *kernel.Rule) { r.Table, r.Action = 0, kernel.RuleProhibit },
			func(r *kernel.Rule) { r.From = netip.MustParsePrefix("10.0.0.1/8") },
		} {
			other := r
			change(&other)
			e.ok(ns.AddRule(other), "add %+v beside %+v", other, r)
		}
	}},
	{"rule/exists/less-said", "net/ipv4/fib_rules.c fib4_rule_compare, net/ipv6/fib6_rules.c fib6_rule_compare", func(e *env) {
		ns := e.netns("a")
		for _, r := range []kernel.Rule{from("10.0.0.0/8", 50, 100), from("fd00::/8", 50, 100)} {
			ns.rule(r)
			e.refused(ns.AddRule(to(r.Family, 50, 100)), kernel.EEXIST, "add a rule for all where there is one from %v", r.From)
		}
		all := to(kernel.IPv4, 60, 100)
		ns.rule(all)
		e.ok(ns.AddRule(from("10.0.0.0/8", 60, 100)), "add a rule from 10.0.0.0/8 where there is one for all")
	}},
	{"rule/exists/inverted", "net/core/fib_rules.c rule_exists: FIB_RULE_INVERT is not looked at", func(e *env) {
		ns := e.netns("a")
		r := from("10.0.0.0/8", 50, 100)
		ns.rule(r)
		r.Not = true
		e.refused(ns.AddRule(r), kernel.EEXIST, "add the opposite of a rule")
	}},
	{"rule/delete/all-given", "net/core/fib_rules.c rule_find", func(e *env) {
		ns := e.netns("a")
		r := from("10.0.0.0/8", 50, 100)
		r.Mark, r.In, r.Out, r.Protocol = 1, "lo", "v", kernel.ProtoStatic
		ns.rule(r)
		ns.dropRule(ns.added(kernel.IPv4)[0])
		equal(e, ns.added(kernel.IPv4), nil, "rules after the only one was deleted")
	}},
	{"rule/delete/first", "net/core/fib_rules.c rule_find: the first in the list", func(e *env) {
		ns := e.netns("a")
		ns.rule(from("fd01::/16", 50, 100))
		ns.rule(from("fd02::/16", 40, 100))
		ns.dropRule(to(kernel.IPv6, kernel.AnyPriority, 100))
		equal(e, ns.added(kernel.IPv6), []kernel.Rule{from("fd01::/16", 50, 100)}, "rule that is left of two with the table")
	}},
	{"rule/delete/inverted", "net/core/fib_rules.c rule_find: FIB_RULE_INVERT is not looked at", func(e *env) {
		ns := e.netns("a")
		r := from("10.0.0.0/8", 50, 100)
		r.Not = true
		ns.rule(r)
		equal(e, ns.added(kernel.IPv4), []kernel.Rule{r}, "rule for all but some packets")
		r.Not = false
		ns.dropRule(r)
	}},
	{"rule/delete/absent", "net/core/fib_rules.c fib_nl_delrule", func(e *env) {
		ns := e.netns("a")
		r := from("10.0.0.0/8", 50, 100)
		r.Mark, r.Mask = 1, 0xf
		ns.rule(r)
		for _, change := range []func(*kernel.Rule){
			func(r *kernel.Rule) { r.Priority++ },
			func(r *kernel.Rule) { r.Table++ },
			func(r *kernel.Rule) { r.Action = kernel.RuleBlackhole },
			func(r *kernel.Rule) { r.From = netip.MustParsePrefix("10.0.0.0/9") },
			func(r *kernel.Rule) { r.To = r.From },
			func(r *kernel.Rule) { r.In = "lo" },
			func(r *kernel.Rule) { r.Mark = 2 },
			func(r *kernel.Rule) { r.Mask = 0xff },
			func(r *kernel.Rule) { r.Family, r.From = kernel.IPv6, netip.Prefix{} },
		} {
			other := r
			change(&other)
			e.refused(ns.DeleteRule(other), kernel.ENOENT, "delete %+v where there is %+v", other, r)
		}
	}},
	{"rule/delete/mark-without-mask", "net/core/fib_rules.c fib_nl2rule: mark_mask of 0xFFFFFFFF", func(e *env) {
		ns := e.netns("a")
		r := to(kernel.IPv4, 50, 100)
		r.Mark, r.Mask = 1, 0xf
		ns.rule(r)
		r.Mask = 0
		e.refused(ns.DeleteRule(r), kernel.ENOENT, "delete a rule with a mask by its mark alone")
	}},
	{"rule/delete/standard", "net/core/fib_rules.c fib_nl_delrule: no FIB_RULE_PERMANENT", func(e *env) {
		ns := e.netns("a")
		for _, f := range families {
			for _, r := range kernel.StandardRules(f) {
				ns.dropRule(r)
			}
			equal(e, ns.rules(f), nil, "%v rules after the standard ones were deleted", f)
		}
	}},
	{"rule/delete/v6-before-any-was-added", "net/ipv6/fib6_rules.c fib6_rule_lookup: fib6_has_custom_rules", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo").Index
		ns.up(lo)
		ns.giveAtOnce(lo, "fd00::1/128")
		ns.awaitLocal("fd00::1")
		for _, r := range kernel.StandardRules(kernel.IPv6) {
			ns.dropRule(r)
		}
		e.ok(ns.ping("fd00::1"), "ping by no rule at all, none of which was ever asked")
		added := to(kernel.IPv6, 5, 100)
		ns.rule(added)
		ns.dropRule(added)
		e.refused(ns.ping("fd00::1"), kernel.ENETUNREACH, "ping by no rule, once one has come and gone")
	}},
}

// to describes a rule for all packets.
func to(f kernel.Family, priority, table int) kernel.Rule {
	return kernel.Rule{Family: f, Priority: priority, Action: kernel.ToTable, Table: table}
}

// from describes a rule for the packets from a prefix.
func from(prefix string, priority, table int) kernel.Rule {
	p := netip.MustParsePrefix(prefix)
	r := to(familyOf(p.Addr()), priority, table)
	r.From = p
	return r
}

func (n *netns) rule(r kernel.Rule) { n.e.ok(n.AddRule(r), "add the rule %+v", r) }

func (n *netns) dropRule(r kernel.Rule) { n.e.ok(n.DeleteRule(r), "delete the rule %+v", r) }

// prohibit adds a rule that nothing comes before but that for the table local.
func (n *netns) prohibit(r kernel.Rule) {
	r.Priority, r.Action = 1, kernel.RuleProhibit
	n.rule(r)
}

// rules returns the rules of a family.
func (n *netns) rules(f kernel.Family) []kernel.Rule {
	rules, err := n.Rules(f)
	n.e.ok(err, "list the %v rules", f)
	return rules
}

// added returns the rules that a new namespace does not have.
func (n *netns) added(f kernel.Family) (added []kernel.Rule) {
	standard := kernel.StandardRules(f)
	for _, r := range n.rules(f) {
		if !slices.Contains(standard, r) {
			added = append(added, r)
		}
	}
	return added
}

// routeIn adds a route to a table.
func (n *netns) routeIn(table int, dst, gateway string) {
	r := via(0, dst, gateway)
	r.Table = table
	n.e.ok(n.AddRoute(r, kernel.Exclusive), "add a route to %s via %s to table %d", dst, gateway, table)
}

// tables counts the routes in a table.
func (n *netns) tables(f kernel.Family, table int) (count int) {
	routes, err := n.Routes(f)
	n.e.ok(err, "list the %v routes", f)
	for _, r := range routes {
		if r.Table == table {
			count++
		}
	}
	return count
}

// pingShort is for what no answer comes from.
func (n *netns) pingShort(ip string) error {
	_, err := n.Ping(n.e.ctx, kernel.Ping{To: netip.MustParseAddr(ip), Timeout: 300 * time.Millisecond})
	return err
}
