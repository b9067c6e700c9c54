package sim

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

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
	if slices.ContainsFunc(f.rules.list, func(other *kernel.Rule) bool { return ruleExists(other, req) }) {
		return refuse(kernel.EEXIST)
	}
	if req.Action == kernel.ToTable && req.Table == 0 {
		if f.family == kernel.IPv6 {
			return refuse(kernel.EINVAL, "Invalid table") // fib6_rule_configure
		}
		req.Table = f.emptyTable()
	}
	f.apart = true
	at := slices.IndexFunc(f.rules.list, func(other *kernel.Rule) bool { return other.Priority > req.Priority })
	if at < 0 {
		at = len(f.rules.list)
	}
	f.rules = newPolicy(f.rules.list[:at], []*kernel.Rule{&req}, f.rules.list[at:])
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
	if len(f.rules.list) < 2 || f.rules.list[1].Priority == 0 {
		return 0
	}
	return f.rules.list[1].Priority - 1
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
	at := slices.IndexFunc(f.rules.list, func(r *kernel.Rule) bool { return ruleFound(r, req) })
	if at < 0 {
		return refuse(kernel.ENOENT)
	}
	f.apart = f.apart || f.family == kernel.IPv4 // fib4_rule_delete: IPv6 has no such function
	f.rules = newPolicy(f.rules.list[:at], f.rules.list[at+1:])
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
