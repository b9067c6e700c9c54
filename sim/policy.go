package sim

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// A policy is the rules of a family in the order in which they are tried.
type policy struct {
	list  []*kernel.Rule
	index index
}

func newPolicy(parts ...[]*kernel.Rule) *policy {
	p := &policy{list: slices.Concat(parts...)}
	p.index = newIndex(len(p.list))
	return p
}

// standardPolicy is that of a new namespace. (net/ipv4/fib_rules.c: fib_default_rules_init; net/ipv6/fib6_rules.c:
// fib6_rules_net_init.)
func standardPolicy(f kernel.Family) *policy {
	if f == kernel.IPv6 {
		return standardPolicy6
	}
	return standardPolicy4
}

// All namespaces of all worlds begin with the same, to which nothing is written: they are too few to be filed.
var (
	standardPolicy4 = newPolicy(pointers(kernel.StandardRules(kernel.IPv4)))
	standardPolicy6 = newPolicy(pointers(kernel.StandardRules(kernel.IPv6)))
)

func pointers[T any](list []T) (to []*T) {
	for i := range list {
		to = append(to, &list[i])
	}
	return to
}

// find appends to lists those of the rules that can be for a packet.
func (p *policy) find(to flow, lists candidates) candidates {
	f := facts{flow: to, src4: number4(to.src), dst4: number4(to.dst)}
	return p.index.find(&f, p.testsAt, lists)
}

// testsAt is what a rule asks of its packets, as far as it has to hold.
func (p *policy) testsAt(place int) (tests []test) {
	r := p.list[place]
	if r.Not {
		return nil
	}
	for _, m := range []kernel.FilterMatch{
		{On: kernel.MatchSource, Prefix: r.From.Masked()},
		{On: kernel.MatchDestination, Prefix: r.To.Masked()},
		{On: kernel.MatchInLink, Link: upToZero(r.In)},
		{On: kernel.MatchOutLink, Link: upToZero(r.Out)},
	} {
		if m.Prefix.IsValid() || m.Link != "" {
			tests = append(tests, newTest(m))
		}
	}
	return tests
}

// A flow is what rules look at in a packet.
type flow struct {
	src, dst netip.Addr // src is the zero Addr while there is none
	in       *link      // nil: the namespace sends it itself
	out      *link      // which the sender wants; nil: any
	mark     uint32     // that rules of netfilter have given it: skb->mark
	of       packet     // for who shares the traffic by more than addresses; nil where there is none yet
}

// matches reports whether a rule is for a packet. (net/core/fib_rules.c:
// fib_rule_match; net/ipv4/fib_rules.c: fib4_rule_match, where who has no source yet has 0.0.0.0; net/ipv6/fib6_rules.c:
// fib6_rule_match, where a rule with a source is for no packet that has none yet.)
func (to flow) matches(r *kernel.Rule) bool {
	match := isNamed(r.In, to.in) && isNamed(r.Out, to.out) && (r.Mark^to.mark)&r.Mask == 0 &&
		inside(to.dst, r.To) && inside(to.src, r.From)
	return match != r.Not
}

// isNamed reports whether a rule that names a link is for this one.
func isNamed(name string, l *link) bool {
	if name == "" {
		return true
	}
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

// ruleError is what becomes of a packet by a rule that leads to no table, 0 of any other. (net/ipv4/fib_rules.c:
// fib4_rule_action; net/ipv6/fib6_rules.c: fib6_rule_action.)
func ruleError(a kernel.RuleAction) kernel.Errno {
	switch a {
	case kernel.RuleBlackhole:
		return kernel.EINVAL
	case kernel.RuleUnreachable:
		return kernel.ENETUNREACH
	case kernel.RuleProhibit:
		return kernel.EACCES
	}
	return 0
}

// lookup returns the best route for a packet out of those that ok accepts, in the order of the rules: ENETUNREACH where
// there is none. (net/core/fib_rules.c: fib_rules_lookup.)
func (f *fib) lookup(to flow, ok func(*route) bool) (*route, kernel.Errno) {
	switch {
	case f.apart:
	case f.family == kernel.IPv4:
		return f.lookupMerged(to, ok)
	default:
		return f.lookupUnruled(to, ok)
	}
	if to.in == nil {
		to.in = f.ns.lo() // flowi_iif is LOOPBACK_IFINDEX
	}
	if f.family == kernel.IPv4 && !to.src.IsValid() {
		to.src = netip.IPv4Unspecified()
	}
	var space [8][]int32
	left := f.rules.find(to, space[:0])
	for place, any := left.next(); any; place, any = left.next() {
		rule := f.rules.list[place]
		if !to.matches(rule) {
			continue
		}
		if errno := ruleError(rule.Action); errno != 0 {
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

// lookupUnruled is the lookup of a namespace to which no rule of IPv6 was ever added: nobody is asked which of the standard
// ones are left. (net/ipv6/fib6_rules.c: fib6_lookup, fib6_rule_lookup.)
func (f *fib) lookupUnruled(to flow, ok func(*route) bool) (*route, kernel.Errno) {
	for _, id := range []int{kernel.TableLocal, kernel.TableMain} {
		if r := f.find(id).lookup(to.dst, ok); r != nil && r.Type != kernel.Throw {
			return r, 0
		}
	}
	return nil, kernel.ENETUNREACH
}

// localOrMain is the best route of both tables.
func (f *fib) localOrMain(dst netip.Addr, ok func(*route) bool) *route {
	best := f.find(kernel.TableLocal).lookup(dst, ok)
	if r := f.find(kernel.TableMain).lookup(dst, ok); best == nil || r != nil && r.Dst.Bits() > best.Dst.Bits() {
		best = r
	}
	return best
}
