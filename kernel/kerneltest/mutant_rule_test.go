package kerneltest

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func ruleMutants() []mutant {
	return []mutant{
		{"rule/standard", "has a rule for the IPv6 table default", twist{ShowRules: func(_ kernel.NetNS, list []kernel.Rule) []kernel.Rule {
			return append(list, to(list[0].Family, 32767, kernel.TableDefault))
		}}},
		{"rule/added", "does not keep who made a rule", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.Protocol = 0 })},
		{"rule/families-apart", "has one list for both families", twist{Rules: func(ns kernel.NetNS, f kernel.Family) ([]kernel.Rule, error) {
			rules, err := ns.Rules(kernel.IPv6)
			for i := range rules {
				rules[i].Family = f
			}
			return rules, err
		}}},
		{"rule/namespaces-apart", "has one list for all namespaces", oneList()},
		{"rule/action", "takes every rule for a blackhole", eachRule(func(r *kernel.Rule) {
			if r.Action != kernel.ToTable {
				r.Action = kernel.RuleBlackhole
			}
		})},
		{"rule/order", "lists rules by their tables", twist{ShowRules: func(_ kernel.NetNS, list []kernel.Rule) []kernel.Rule {
			slices.SortFunc(list, func(a, b kernel.Rule) int { return a.Table - b.Table })
			return list
		}}},
		{"rule/priority/chosen", "puts what has no priority last", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) {
			if r.Priority == kernel.AnyPriority {
				r.Priority = 32767
			}
		})},
		{"rule/priority/chosen-last", "chooses 32765 at all times", ruleAs(choose32765)},
		{"rule/priority/chosen-first", "chooses 32765 at all times", ruleAs(choose32765)},
		{"rule/priority/greatest", "has 16 bits for it", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.Priority &= 0xffff })},
		{"rule/host-bits", "clears them", eachRule(func(r *kernel.Rule) { r.From = r.From.Masked() })},
		{"rule/prefix-of-all", "keeps a prefix that says nothing", twist{ShowRules: func(_ kernel.NetNS, list []kernel.Rule) []kernel.Rule {
			for i := range list {
				if list[i].Table == 100 {
					list[i].From = netip.MustParsePrefix("0.0.0.0/0")
				}
			}
			return list
		}}},
		{"rule/mark/whole", "says no mask where none was given", eachRule(func(r *kernel.Rule) {
			if r.Mask == 0xffffffff {
				r.Mask = 0
			}
		})},
		{"rule/mark/none-of-mask", "ignores a mask without a mark", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.Mask = 0 })},
		{"rule/mark/beyond-mask", "cuts the mark", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.Mark &= r.Mask })},
		{"rule/link/absent", "wants the link", twist{AddRule: wantRuleLink}},
		{"rule/link/deleted", "drops the rules about it", dropDetached()},
		{"rule/link/renamed", "drops the rules about it", dropDetached()},
		{"rule/link/long-name", "does not look at it", swallow(intercept.RuleAdd, kernel.ERANGE)},
		{"rule/link/zero-in-name", "keeps no more than it tells", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) {
			r.In, _, _ = strings.Cut(r.In, "\x00")
		})},
		{"rule/family/unknown", "says EINVAL", confuse(intercept.RuleList, kernel.EAFNOSUPPORT, kernel.EINVAL)},
		{"rule/family/other", "goes by the prefix", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) {
			if r.From.IsValid() {
				r.Family = familyOf(r.From.Addr())
			}
		})},
		{"rule/table/v4-chosen", "takes it for the table main", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) {
			if r.Table == 0 {
				r.Table = kernel.TableMain
			}
		})},
		{"rule/table/v6-missing", "takes it for the table main", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) {
			if r.Table == 0 {
				r.Table = kernel.TableMain
			}
		})},
		{"rule/exists/same", "says nothing", swallow(intercept.RuleAdd, kernel.EEXIST)},
		{"rule/exists/not-the-same", "compares priority and prefixes only", refuseTwin(func(a, b kernel.Rule) bool {
			return a.Priority == b.Priority && a.From == b.From && a.To == b.To
		})},
		{"rule/exists/less-said", "says nothing", swallow(intercept.RuleAdd, kernel.EEXIST)},
		{"rule/exists/inverted", "tells them apart", swallow(intercept.RuleAdd, kernel.EEXIST)},
		{"rule/delete/all-given", "deletes nothing", pretend(intercept.Every(intercept.RuleDelete))},
		{"rule/delete/first", "deletes the last one that matches", twist{DeleteRule: func(ns kernel.NetNS, r kernel.Rule) error {
			rules, _ := ns.Rules(r.Family)
			for _, other := range slices.Backward(rules) {
				if other.Table == r.Table {
					return ns.DeleteRule(other)
				}
			}
			return ns.DeleteRule(r)
		}}},
		{"rule/delete/inverted", "tells them apart", twist{DeleteRule: func(ns kernel.NetNS, r kernel.Rule) error {
			rules, _ := ns.Rules(r.Family)
			if !slices.Contains(rules, r) {
				return &kernel.Error{Op: "rule delete", Errno: kernel.ENOENT}
			}
			return ns.DeleteRule(r)
		}}},
		{"rule/delete/absent", "says ESRCH, as of routes", confuse(intercept.RuleDelete, kernel.ENOENT, kernel.ESRCH)},
		{"rule/delete/mark-without-mask", "looks at the mark only", twist{DeleteRule: func(ns kernel.NetNS, r kernel.Rule) error {
			r.Mark = 0
			return ns.DeleteRule(r)
		}}},
		{"rule/delete/standard", "keeps them", refuse(kernel.EPERM, intercept.Every(intercept.RuleDelete))},
		{"rule/delete/v6-before-any-was-added", "asks the rules that are left", twist{DeleteRule: func(ns kernel.NetNS, r kernel.Rule) error {
			any := to(r.Family, 7, 100)
			return errors.Join(ns.AddRule(any), ns.DeleteRule(any), ns.DeleteRule(r))
		}}},
	}
}

// eachRule is the twist that shows rules other than they are.
func eachRule(f func(r *kernel.Rule)) twist {
	return twist{ShowRules: func(_ kernel.NetNS, list []kernel.Rule) []kernel.Rule {
		for i := range list {
			f(&list[i])
		}
		return list
	}}
}

// ruleAs is the twist that adds rules as if others had been asked for.
func ruleAs(f func(ns kernel.NetNS, r *kernel.Rule)) twist {
	return twist{AddRule: func(ns kernel.NetNS, r kernel.Rule) error {
		f(ns, &r)
		return ns.AddRule(r)
	}}
}

func choose32765(_ kernel.NetNS, r *kernel.Rule) {
	if r.Priority == kernel.AnyPriority {
		r.Priority = 32765
	}
}

// oneList keeps what was added anywhere.
func oneList() twist {
	var added []kernel.Rule
	return twist{
		ShowRules: func(_ kernel.NetNS, list []kernel.Rule) []kernel.Rule { return append(list, added...) },
		AddRule: func(_ kernel.NetNS, r kernel.Rule) error {
			added = append(added, r)
			return nil
		},
	}
}

func wantRuleLink(ns kernel.NetNS, r kernel.Rule) error {
	if _, err := ns.LinkByName(r.In); err != nil {
		return err
	}
	return ns.AddRule(r)
}

// dropDetached does not show rules about links that are not there.
func dropDetached() twist {
	return twist{ShowRules: func(ns kernel.NetNS, list []kernel.Rule) []kernel.Rule {
		return slices.DeleteFunc(list, func(r kernel.Rule) bool {
			for _, name := range []string{r.In, r.Out} {
				if _, err := ns.LinkByName(name); name != "" && err != nil {
					return true
				}
			}
			return false
		})
	}}
}

// refuseTwin says EEXIST where a rule is like another one.
func refuseTwin(alike func(a, b kernel.Rule) bool) twist {
	return twist{AddRule: func(ns kernel.NetNS, r kernel.Rule) error {
		rules, _ := ns.Rules(r.Family)
		if slices.ContainsFunc(rules, func(other kernel.Rule) bool { return alike(r, other) }) {
			return &kernel.Error{Op: "rule add", Errno: kernel.EEXIST}
		}
		return ns.AddRule(r)
	}}
}

func policyMutants() []mutant {
	ignore := pretend(intercept.Every(intercept.RuleAdd))
	inTable := func(table int) twist {
		return routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
			if r.Table == 100 {
				r.Table = table
			}
		})
	}
	return []mutant{
		{"policy/errno", "has the errors of routes of these types", confuse(intercept.ProbePing, kernel.ENETUNREACH, kernel.EHOSTUNREACH)},
		{"policy/standard", "looks into the IPv6 table default", routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
			if r.Table == kernel.TableDefault {
				r.Table = kernel.TableMain
			}
		})},
		{"policy/table", "looks into all tables", inTable(kernel.TableMain)},
		{"policy/next-rule", "ends at a table that is not there", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) {
			r.Action, r.Table = kernel.RuleUnreachable, 0
		})},
		{"policy/throw", "takes it for unreachable", routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
			if r.Type == kernel.Throw {
				r.Type = kernel.Unreachable
			}
		})},
		{"policy/table-stops", "goes on to the next table", ignore},
		{"policy/to", "does not look at it", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.To = netip.Prefix{} })},
		{"policy/not", "does not invert", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.Not = false })},
		{"policy/from", "does not look at it", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.From = netip.Prefix{} })},
		{"policy/from/nobody", "takes nobody for none", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.From = netip.MustParsePrefix("0.0.0.1/32") })},
		{"policy/mark", "does not look at it", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.Mark, r.Mask = 0, 0 })},
		{"policy/iif/own", "says that own packets come in nowhere", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) {
			if r.In == "lo" {
				r.In = "nowhere"
			}
		})},
		{"policy/iif/forwarded", "does not look at it", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.In = "" })},
		{"policy/oif", "does not look at it", ruleAs(func(_ kernel.NetNS, r *kernel.Rule) { r.Out = "" })},
		{"policy/link-appears", "does not know it then", ruleAs(func(ns kernel.NetNS, r *kernel.Rule) {
			if _, err := ns.LinkByName(r.In); err != nil {
				r.In = "never"
			}
		})},
		{"policy/before-local", "puts a rule before those of its priority", twist{AddRule: func(ns kernel.NetNS, r kernel.Rule) error {
			local := kernel.StandardRules(r.Family)[0]
			if err := ns.DeleteRule(local); err != nil {
				return err
			}
			local.Priority = 1
			if err := ns.AddRule(local); err != nil {
				return err
			}
			return ns.AddRule(r)
		}}},
		{"policy/v4-one-trie", "has two tries from the beginning", confuse(intercept.ProbePing, kernel.EHOSTUNREACH, kernel.EACCES)},
		{"policy/route/gateway-in-own-table", "looks for gateways by the rules only", refuse(kernel.ENETUNREACH, func(c intercept.Call) bool {
			return c.Op == intercept.RouteAdd && c.Object == "10.6.0.0/16 via 10.5.0.1 table 100"
		})},
		{"policy/route/gateway-in-main", "looks for gateways in the route's own table only", refuse(kernel.ENETUNREACH, func(c intercept.Call) bool {
			return c.Op == intercept.RouteAdd && c.Object == "10.6.0.0/16 via 10.0.0.2 table 100"
		})},
		{"policy/route/gateway-by-rule", "looks for gateways in the table main", ignore},
		{"policy/route/gateway-prohibited", "looks for gateways in the table main", ignore},
		{"policy/route/link-deleted", "keeps what is not in main", keepRoutes()},
		{"policy/route/link-down", "keeps what is not in main", keepRoutes()},
		{"policy/route/same-in-two-tables", "has one table besides main", routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
			r.Table = min(r.Table, 100)
		})},
	}
}

// keepRoutes shows routes that were added to another table than main for ever.
func keepRoutes() twist {
	var added []kernel.Route
	return twist{
		AddRoute: func(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
			err := ns.AddRoute(r, m)
			if err == nil && r.Table == 100 {
				added = append(added, r)
			}
			return err
		},
		ShowRoutes: func(_ kernel.NetNS, list []kernel.Route) []kernel.Route { return append(list, added...) },
	}
}
