package kerneltest

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// policyLaws are about what rules do with packets, and routes in tables that rules lead to.
var policyLaws = []Law{
	{"policy/errno", "net/ipv4/fib_rules.c fib4_rule_action, net/ipv6/fib6_rules.c fib6_rule_action", func(e *env) {
		a, _ := e.cable()
		for i, action := range []struct {
			kernel.RuleAction
			errno kernel.Errno
		}{
			{kernel.RuleBlackhole, kernel.EINVAL},
			{kernel.RuleUnreachable, kernel.ENETUNREACH},
			{kernel.RuleProhibit, kernel.EACCES},
		} {
			for _, ip := range []string{"10.0.0.2", "fd00::2"} {
				r := kernel.Rule{Family: familyOf(netip.MustParseAddr(ip)), Priority: 50 - i, Action: action.RuleAction}
				a.rule(r)
				e.refused(a.ping(ip), action.errno, "ping %s with a rule of %s", ip, action.RuleAction)
			}
		}
	}},
	{"policy/standard", "net/ipv6/fib6_rules.c fib6_rules_net_init: IPv6 has no rule for the table default", func(e *env) {
		a, b := e.cable()
		b.giveAtOnce(b.link("w").Index, "fd09::1/128")
		b.awaitLocal("fd09::1")
		a.routeIn(kernel.TableDefault, "10.9.0.0/24", "10.0.0.2")
		a.routeIn(kernel.TableDefault, "fd09::/64", "fd00::2")
		e.refused(a.ping("fd09::1"), kernel.ENETUNREACH, "ping what only the IPv6 table default leads to")
		e.refused(a.pingShort("10.9.0.1"), kernel.ETIMEDOUT, "ping what only the IPv4 table default leads to")
	}},
	{"policy/table", "net/ipv4/fib_rules.c fib4_rule_action, net/ipv6/fib6_rules.c fib6_rule_action: FR_ACT_TO_TBL", func(e *env) {
		a, b := e.cable()
		b.give(b.link("w").Index, "10.8.0.2/32")
		a.routeIn(100, "10.8.0.0/24", "10.0.0.2")
		e.refused(a.ping("10.8.0.2"), kernel.ENETUNREACH, "ping by a route that no rule leads to")
		a.rule(to(kernel.IPv4, 50, 100))
		e.ok(a.ping("10.8.0.2"), "ping by a route that a rule leads to")
		a.dropRule(to(kernel.IPv4, 50, 100))
		e.refused(a.ping("10.8.0.2"), kernel.ENETUNREACH, "ping once the rule is gone")
	}},
	{"policy/next-rule", "net/core/fib_rules.c fib_rules_lookup: -EAGAIN", func(e *env) {
		a, _ := e.cable()
		a.rule(to(kernel.IPv4, 50, 100)) // a table that is not there
		a.rule(to(kernel.IPv6, 50, 100))
		e.ok(a.ping("10.0.0.2"), "ping by the main table, behind a rule to an empty one")
		e.ok(a.ping("fd00::2"), "ping by the main table, behind a rule to an empty one")
	}},
	{"policy/throw", "net/ipv4/fib_semantics.c fib_props: RTN_THROW, net/ipv6/ip6_fib.c ip6_rt_type_to_error", func(e *env) {
		a, _ := e.cable()
		for i, dst := range []string{"10.0.0.0/8", "fd00::/8"} {
			r := kernel.Route{Dst: netip.MustParsePrefix(dst), Type: kernel.Throw, Table: 100}
			e.ok(a.AddRoute(r, kernel.Exclusive), "add a route that throws")
			a.rule(to(families[i], 50, 100))
		}
		e.ok(a.ping("10.0.0.2"), "ping by the main table, behind one that throws")
		e.ok(a.ping("fd00::2"), "ping by the main table, behind one that throws")
	}},
	{"policy/table-stops", "net/core/fib_rules.c fib_rules_lookup: other errors than -EAGAIN end it", func(e *env) {
		a, _ := e.cable()
		for i, dst := range []string{"10.0.0.0/8", "fd00::/8"} {
			r := kernel.Route{Dst: netip.MustParsePrefix(dst), Type: kernel.Prohibit, Table: 100}
			e.ok(a.AddRoute(r, kernel.Exclusive), "add a route that prohibits")
			a.rule(to(families[i], 50, 100))
		}
		e.refused(a.ping("10.0.0.2"), kernel.EACCES, "ping when a table before main prohibits it by a shorter prefix")
		e.refused(a.ping("fd00::2"), kernel.EACCES, "ping when a table before main prohibits it by a shorter prefix")
	}},
	{"policy/to", "net/ipv4/fib_rules.c fib4_rule_match, net/ipv6/fib6_rules.c fib6_rule_match: dst", func(e *env) {
		a, b := e.cable()
		b.give(b.link("w").Index, "10.0.0.12/24")
		a.prohibit(kernel.Rule{Family: kernel.IPv4, To: netip.MustParsePrefix("10.0.0.2/32")})
		a.prohibit(kernel.Rule{Family: kernel.IPv6, To: netip.MustParsePrefix("fd00::2/127")})
		e.refused(a.ping("10.0.0.2"), kernel.EACCES, "ping where a rule is for packets to there")
		e.refused(a.ping("fd00::2"), kernel.EACCES, "ping where a rule is for packets to there")
		e.ok(a.ping("10.0.0.12"), "ping where no rule is for")
	}},
	{"policy/not", "net/core/fib_rules.c fib_rule_match: FIB_RULE_INVERT", func(e *env) {
		a, _ := e.cable()
		a.prohibit(kernel.Rule{Family: kernel.IPv4, Not: true, To: netip.MustParsePrefix("10.0.0.2/32")})
		e.ok(a.ping("10.0.0.2"), "ping where a rule is not for")
		e.refused(a.ping("10.0.0.3"), kernel.EACCES, "ping where a rule is for all but one")
	}},
	{"policy/from", "net/ipv4/fib_rules.c fib4_rule_match, net/ipv6/fib6_rules.c fib6_rule_match: src", func(e *env) {
		a, _ := e.cable()
		a.give(a.link("v").Index, "10.0.0.11/24")
		a.prohibit(kernel.Rule{Family: kernel.IPv4, From: netip.MustParsePrefix("10.0.0.11/32")})
		e.ok(a.ping("10.0.0.2"), "ping from an address that no rule is for")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.2"), From: netip.MustParseAddr("10.0.0.11")})
		e.refused(err, kernel.EACCES, "ping from the address that a rule is for")
	}},
	{"policy/from/nobody", "net/ipv4/fib_rules.c fib4_rule_match: saddr is 0 until a source is chosen", func(e *env) {
		a, _ := e.cable()
		a.prohibit(kernel.Rule{Family: kernel.IPv4, From: netip.MustParsePrefix("0.0.0.0/32")})
		e.refused(a.ping("10.0.0.2"), kernel.EACCES, "ping from no address in particular, for which there is a rule")
		_, err := a.Ping(e.ctx, kernel.Ping{To: netip.MustParseAddr("10.0.0.2"), From: netip.MustParseAddr("10.0.0.1")})
		e.ok(err, "ping from an address that no rule is for")
	}},
	{"policy/mark", "net/core/fib_rules.c fib_rule_match: flowi_mark", func(e *env) {
		a, _ := e.cable()
		a.prohibit(kernel.Rule{Family: kernel.IPv4, Mark: 1})
		e.ok(a.ping("10.0.0.2"), "ping without a mark where a rule wants one")
		a.prohibit(kernel.Rule{Family: kernel.IPv4, Mask: 1})
		e.refused(a.ping("10.0.0.2"), kernel.EACCES, "ping without a mark where a rule wants none")
	}},
	{"policy/iif/own", "net/core/fib_rules.c fib_rule_match: flowi_iif is LOOPBACK_IFINDEX", func(e *env) {
		a, _ := e.cable()
		for i, ip := range []string{"10.0.0.2", "fd00::2"} {
			a.prohibit(kernel.Rule{Family: families[i], In: "lo"})
			e.refused(a.ping(ip), kernel.EACCES, "ping %s where a rule is for packets of the namespace itself", ip)
		}
	}},
	{"policy/iif/forwarded", "net/core/fib_rules.c fib_rule_match: flowi_iif of what is forwarded", func(e *env) {
		node, a, _ := e.routed()
		node.setSysctl("net/ipv4/ip_forward", "1")
		node.prohibit(kernel.Rule{Family: kernel.IPv4, In: "lo"})
		e.ok(a.ping("10.2.0.2"), "ping through a node where a rule is for the node's own packets")
		node.dropRule(kernel.Rule{Family: kernel.IPv4, Priority: 1})
		node.prohibit(kernel.Rule{Family: kernel.IPv4, In: "br1"})
		e.refused(a.ping("10.2.0.2"), kernel.EHOSTUNREACH, "ping through a node where a rule is for what comes in there")
	}},
	{"policy/oif", "net/core/fib_rules.c fib_rule_match: flowi_oif of a socket that is bound to no link", func(e *env) {
		a, _ := e.cable()
		a.prohibit(kernel.Rule{Family: kernel.IPv4, Out: "v"})
		e.ok(a.ping("10.0.0.2"), "ping where a rule is for sockets that are bound to the link")
	}},
	{"policy/link-appears", "net/core/fib_rules.c attach_rules", func(e *env) {
		a, _ := e.cable()
		a.prohibit(kernel.Rule{Family: kernel.IPv4, In: "later"})
		e.ok(a.ping("10.0.0.2"), "ping where a rule is for a link that is not there")
		a.set(a.link("lo").Index, kernel.LinkChange{Name: new("later")})
		e.refused(a.ping("10.0.0.2"), kernel.EACCES, "ping once the loopback device has the name that the rule is for")
	}},
	{"policy/before-local", "net/core/fib_rules.c fib_nl_newrule: behind those of its priority", func(e *env) {
		a, _ := e.cable()
		a.rule(kernel.Rule{Family: kernel.IPv4, Priority: 0, Action: kernel.RuleProhibit})
		e.ok(a.ping("10.0.0.1"), "ping an own address where a rule stands behind that for the table local")
		a.dropRule(kernel.StandardRules(kernel.IPv4)[0])
		e.refused(a.ping("10.0.0.1"), kernel.EACCES, "ping an own address where no rule for the table local is before that")
	}},
	{"policy/v4-one-trie", "net/ipv4/fib_frontend.c fib_new_table: local is an alias of main until fib_unmerge", func(e *env) {
		a, _ := e.cable()
		for _, r := range []kernel.Route{
			{Dst: netip.MustParsePrefix("10.8.0.0/16"), Type: kernel.Prohibit, Table: kernel.TableLocal},
			{Dst: netip.MustParsePrefix("10.8.1.0/24"), Type: kernel.Unreachable},
		} {
			e.ok(a.AddRoute(r, kernel.Exclusive), "add a route of type %s", r.Type)
		}
		e.refused(a.ping("10.8.2.1"), kernel.EACCES, "ping by a route in local")
		e.refused(a.ping("10.8.1.1"), kernel.EHOSTUNREACH, "ping by a longer prefix in main, before there was a rule")
		a.rule(to(kernel.IPv4, 50, 100))
		e.refused(a.ping("10.8.1.1"), kernel.EACCES, "ping by a longer prefix in main, once there is a rule")
		a.dropRule(to(kernel.IPv4, 50, 100))
		e.refused(a.ping("10.8.1.1"), kernel.EACCES, "ping by a longer prefix in main, after there was a rule")
	}},
	{"policy/route/gateway-in-own-table", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw, net/ipv6/route.c ip6_route_check_nh", func(e *env) {
		ns, v := e.wired()
		for _, hop := range []struct {
			connected, dst, gateway string
			errno                   kernel.Errno
		}{{"10.5.0.0/16", "10.6.0.0/16", "10.5.0.1", kernel.ENETUNREACH}, {"fd05::/64", "fd06::/64", "fd05::1", kernel.EHOSTUNREACH}} {
			near, far := via(v, hop.connected, ""), via(0, hop.dst, hop.gateway)
			near.Table, near.Scope, far.Table = 100, kernel.ScopeLink, 100
			e.ok(ns.AddRoute(near, kernel.Exclusive), "add a route to table 100")
			e.ok(ns.AddRoute(far, kernel.Exclusive), "add a route by a gateway that its own table reaches")
			for _, table := range []int{101, kernel.TableMain} {
				far.Table = table
				e.refused(ns.AddRoute(far, kernel.Exclusive), hop.errno, "add one to table %d, which does not", table)
			}
		}
	}},
	{"policy/route/gateway-in-main", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw, net/ipv6/route.c ip6_route_check_nh: full lookup", func(e *env) {
		ns, _ := e.wired()
		ns.routeIn(100, "10.6.0.0/16", "10.0.0.2")
		ns.routeIn(100, "fd06::/64", "fd00::2")
	}},
	{"policy/route/gateway-by-rule", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw: fib_lookup", func(e *env) {
		ns, v := e.wired()
		for _, hop := range [][3]string{{"10.5.0.0/16", "10.6.0.0/16", "10.5.0.1"}, {"fd05::/64", "fd06::/64", "fd05::1"}} {
			near := via(v, hop[0], "")
			near.Table, near.Scope = 100, kernel.ScopeLink
			e.ok(ns.AddRoute(near, kernel.Exclusive), "add a route to table 100")
			ns.rule(to(familyOf(near.Dst.Addr()), 50, 100))
			ns.via(0, hop[1], hop[2])
		}
	}},
	{"policy/route/gateway-prohibited", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw: fib_lookup's error", func(e *env) {
		ns, v := e.wired()
		ns.prohibit(kernel.Rule{Family: kernel.IPv4, To: netip.MustParsePrefix("10.0.0.0/8")})
		ns.prohibit(kernel.Rule{Family: kernel.IPv6, To: netip.MustParsePrefix("fd00::/8")})
		e.refused(ns.AddRoute(via(v, "10.6.0.0/16", "10.0.0.2"), kernel.Exclusive), kernel.EACCES,
			"add a route by a gateway that a rule prohibits")
		far := via(v, "fd06::/64", "fd00::2") // IPv6 looks into the route's own table before the rules
		e.ok(ns.AddRoute(far, kernel.Exclusive), "add an IPv6 one by a gateway that its own table reaches")
		far.Table = 100
		e.refused(ns.AddRoute(far, kernel.Exclusive), kernel.EHOSTUNREACH, "add one to a table that does not reach it")
	}},
	{"policy/route/link-deleted", "net/ipv4/fib_frontend.c fib_flush, net/ipv6/ip6_fib.c fib6_clean_all: all tables", func(e *env) {
		ns, v := e.wired()
		ns.routeIn(100, "10.6.0.0/16", "10.0.0.2")
		ns.routeIn(100, "fd06::/64", "fd00::2")
		e.ok(ns.DeleteLink(v), "delete the link of routes in another table")
		for _, f := range families {
			equal(e, ns.tables(f, 100), 0, "%v routes in that table", f)
		}
	}},
	{"policy/route/link-down", "net/ipv4/fib_semantics.c fib_sync_down_dev, net/ipv6/route.c rt6_disable_ip: all tables", func(e *env) {
		ns, v := e.wired()
		ns.routeIn(100, "10.6.0.0/16", "10.0.0.2")
		ns.routeIn(100, "fd06::/64", "fd00::2")
		ns.down(v)
		for _, f := range families {
			equal(e, ns.tables(f, 100), 0, "%v routes in another table, after their link was set down", f)
		}
	}},
	{"policy/route/same-in-two-tables", "net/ipv4/fib_trie.c fib_table_insert, net/ipv6/ip6_fib.c fib6_add: per table", func(e *env) {
		ns, v := e.wired()
		for _, dst := range []string{"10.6.0.0/16", "fd06::/64"} {
			for _, table := range []int{100, 1 << 30} {
				r := via(v, dst, "")
				r.Table = table
				e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route to %s to table %d", dst, table)
				e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EEXIST, "add it again")
			}
			r := via(0, dst, "")
			r.Table = 101
			e.refused(ns.DeleteRoute(r), kernel.ESRCH, "delete it from a table that does not have it")
			r.Table = 100
			e.ok(ns.DeleteRoute(r), "delete it from one")
			equal(e, ns.tables(familyOf(r.Dst.Addr()), 1<<30), 1, "routes in the other table")
		}
	}},
}
