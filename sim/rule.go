package sim

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// standardRules are the rules of a new namespace. (net/ipv4/fib_rules.c: fib_default_rules_init; net/ipv6/fib6_rules.c:
// fib6_rules_net_init.)
func standardRules(f kernel.Family) []*kernel.Rule {
	if f == kernel.IPv6 {
		return standardRules6
	}
	return standardRules4
}

// Lists of rules are never written to, for all namespaces begin with the same.
var standardRules4, standardRules6 = pointers(kernel.StandardRules(kernel.IPv4)), pointers(kernel.StandardRules(kernel.IPv6))

func pointers[T any](list []T) (to []*T) {
	for i := range list {
		to = append(to, &list[i])
	}
	return to
}

// fibOf returns the tables and rules of a family. (net/core/fib_rules.c: lookup_rules_ops.)
func (ns *namespace) fibOf(f kernel.Family) (*fib, *refusal) {
	switch f {
	case kernel.IPv4:
		return &ns.fib4, nil
	case kernel.IPv6:
		return &ns.fib6, nil
	}
	return nil, refuse(kernel.EAFNOSUPPORT, "Rule family not supported")
}

// addRule is net/core/fib_rules.c: fib_nl_newrule, with NLM_F_EXCL.
func (ns *namespace) addRule(req kernel.Rule) *refusal {
	f, r := ns.fibOf(req.Family)
	if r == nil {
		req, r = readRule(req)
	}
	if r != nil {
		return r
	}
	if req.Action == "" {
		req.Action = kernel.ToTable
	}
	if req.Priority == kernel.AnyPriority {
		req.Priority = f.freePriority()
	}
	if slices.ContainsFunc(f.rules, func(other *kernel.Rule) bool { return ruleExists(other, req) }) {
		return refuse(kernel.EEXIST)
	}
	if req.Action == kernel.ToTable && req.Table == 0 {
		if f.family == kernel.IPv6 {
			return refuse(kernel.EINVAL, "Invalid table") // fib6_rule_configure
		}
		req.Table = f.emptyTable()
	}
	f.apart = true
	at := slices.IndexFunc(f.rules, func(other *kernel.Rule) bool { return other.Priority > req.Priority })
	if at < 0 {
		at = len(f.rules)
	}
	f.rules = slices.Concat(f.rules[:at], []*kernel.Rule{&req}, f.rules[at:])
	return nil
}

// readRule is net/core/fib_rules.c: fib_nl2rule, behind the netlink policy.
func readRule(r kernel.Rule) (kernel.Rule, *refusal) {
	var refused *refusal
	switch {
	case len(r.In) > kernel.MaxNameLen, len(r.Out) > kernel.MaxNameLen:
		refused = refuse(kernel.ERANGE) // fib_rule_policy: NLA_STRING of IFNAMSIZ-1
	case !ofFamily(r.From, r.Family):
		refused = refuse(kernel.EINVAL, "Invalid source address")
	case !ofFamily(r.To, r.Family):
		refused = refuse(kernel.EINVAL, "Invalid dst address")
	case !knownAction(r.Action):
		refused = refuse(kernel.EINVAL)
	}
	for _, p := range []*netip.Prefix{&r.From, &r.To} {
		if p.Bits() <= 0 {
			*p = netip.Prefix{}
		}
	}
	r.In, r.Out = strings.TrimSuffix(r.In, "\x00"), strings.TrimSuffix(r.Out, "\x00") // nla_strscpy
	if r.Mark != 0 && r.Mask == 0 {
		r.Mask = 0xffffffff
	}
	return r, refused
}

// ofFamily reports whether a prefix, if it says something, is of the family.
func ofFamily(p netip.Prefix, f kernel.Family) bool {
	return p.Bits() <= 0 || p.Addr().Is4() == (f == kernel.IPv4)
}

func knownAction(a kernel.RuleAction) bool {
	switch a {
	case "", kernel.ToTable, kernel.RuleBlackhole, kernel.RuleUnreachable, kernel.RuleProhibit:
		return true
	}
	return false
}

// freePriority is net/core/fib_rules.c: fib_default_rule_pref.
func (f *fib) freePriority() int {
	if len(f.rules) < 2 || f.rules[1].Priority == 0 {
		return 0
	}
	return f.rules[1].Priority - 1
}

// emptyTable makes the first table that is not there. (net/ipv4/fib_rules.c: fib_empty_table.)
func (f *fib) emptyTable() int {
	for id := 1; ; id++ {
		if f.find(id) == nil {
			f.table(id)
			return id
		}
	}
}

// ruleExists is net/core/fib_rules.c: rule_exists. It does not look at FIB_RULE_INVERT, and at prefixes only as far as the
// request has them (fib4_rule_compare, fib6_rule_compare).
func ruleExists(r *kernel.Rule, req kernel.Rule) bool {
	return r.Action == req.Action && r.Table == req.Table && r.Priority == req.Priority &&
		r.In == req.In && r.Out == req.Out && r.Mark == req.Mark && r.Mask == req.Mask &&
		r.Protocol == req.Protocol && hasPrefixes(r, req)
}

func hasPrefixes(r *kernel.Rule, req kernel.Rule) bool {
	return (!req.From.IsValid() || r.From == req.From) && (!req.To.IsValid() || r.To == req.To)
}

// deleteRule is net/core/fib_rules.c: fib_nl_delrule.
func (ns *namespace) deleteRule(req kernel.Rule) *refusal {
	f, r := ns.fibOf(req.Family)
	if r == nil {
		req, r = readRule(req)
	}
	if r != nil {
		return r
	}
	at := slices.IndexFunc(f.rules, func(r *kernel.Rule) bool { return ruleFound(r, req) })
	if at < 0 {
		return refuse(kernel.ENOENT)
	}
	f.apart = true
	f.rules = slices.Concat(f.rules[:at], f.rules[at+1:])
	return nil
}

// ruleFound is net/core/fib_rules.c: rule_find.
func ruleFound(r *kernel.Rule, req kernel.Rule) bool {
	return (req.Action == "" || r.Action == req.Action) &&
		(req.Table == 0 || r.Table == req.Table) &&
		(req.Priority == kernel.AnyPriority || r.Priority == req.Priority) &&
		(req.In == "" || r.In == req.In) && (req.Out == "" || r.Out == req.Out) &&
		(req.Mark == 0 || r.Mark == req.Mark) && (req.Mask == 0 || r.Mask == req.Mask) &&
		(req.Protocol == 0 || r.Protocol == req.Protocol) && hasPrefixes(r, req)
}

// A flow is what rules look at in a packet.
type flow struct {
	src, dst netip.Addr // src is the zero Addr while there is none
	in       *link      // nil: the namespace sends it itself
	out      *link      // which the sender wants; nil: any
}

// matches reports whether a rule is for a packet. No packet of the simulation has a mark. (net/core/fib_rules.c:
// fib_rule_match; net/ipv4/fib_rules.c: fib4_rule_match; net/ipv6/fib6_rules.c: fib6_rule_match, where a rule with a
// source is for no packet that has none yet.)
func (f *fib) matches(to flow, r *kernel.Rule) bool {
	in := to.in
	if in == nil {
		in = f.ns.lo() // flowi_iif is LOOPBACK_IFINDEX
	}
	match := isNamed(r.In, in) && isNamed(r.Out, to.out) && r.Mark&r.Mask == 0 &&
		inside(to.dst, r.To) && inside(to.src, r.From)
	return match != r.Not
}

// isNamed reports whether a rule that names a link is for this one.
func isNamed(name string, l *link) bool {
	name = upToZero(name)
	return name == "" || l != nil && l.name == name
}

// upToZero is a name as all read it that do not compare two rules, which is done with all of it (rule_exists: memcmp).
func upToZero(name string) string {
	name, _, _ = strings.Cut(name, "\x00")
	return name
}

// inside reports whether an address is of the prefix; a prefix has host bits that do not count.
func inside(a netip.Addr, p netip.Prefix) bool {
	return !p.IsValid() || a.IsValid() && p.Masked().Contains(a)
}

// ruleErrors are what becomes of a packet by rules that lead to no table. (net/ipv4/fib_rules.c: fib4_rule_action;
// net/ipv6/fib6_rules.c: fib6_rule_action.)
var ruleErrors = map[kernel.RuleAction]kernel.Errno{
	kernel.RuleBlackhole:   kernel.EINVAL,
	kernel.RuleUnreachable: kernel.ENETUNREACH,
	kernel.RuleProhibit:    kernel.EACCES,
}

// lookup returns the best route for a packet out of those that ok accepts, in the order of the rules: ENETUNREACH where
// there is none. (net/core/fib_rules.c: fib_rules_lookup.)
func (f *fib) lookup(to flow, ok func(*route) bool) (*route, kernel.Errno) {
	if f.family == kernel.IPv4 && !f.apart {
		return f.lookupMerged(to, ok)
	}
	for _, rule := range f.rules {
		if !f.matches(to, rule) {
			continue
		}
		if errno := ruleErrors[rule.Action]; errno != 0 {
			return nil, errno
		}
		if r := f.find(rule.Table).lookup(to.dst, ok); r != nil && r.Type != kernel.Throw {
			return r, 0
		}
	}
	return nil, kernel.ENETUNREACH
}

// lookupMerged is the lookup of a namespace whose rules were never touched: the tables local and main are one, so that
// the longer prefix counts before the table does. (include/net/ip_fib.h: fib_lookup; net/ipv4/fib_frontend.c:
// fib_new_table, which makes local an alias of main, and fib_unmerge.)
func (f *fib) lookupMerged(to flow, ok func(*route) bool) (*route, kernel.Errno) {
	best := f.localOrMain(to.dst, ok)
	if best == nil || best.Type == kernel.Throw {
		best = f.find(kernel.TableDefault).lookup(to.dst, ok)
	}
	if best == nil || best.Type == kernel.Throw {
		return nil, kernel.ENETUNREACH
	}
	return best, 0
}

// localOrMain is the best route of both tables.
func (f *fib) localOrMain(dst netip.Addr, ok func(*route) bool) *route {
	best := f.find(kernel.TableLocal).lookup(dst, ok)
	if r := f.find(kernel.TableMain).lookup(dst, ok); best == nil || r != nil && r.Dst.Bits() > best.Dst.Bits() {
		best = r
	}
	return best
}
