package operation

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// ruleWords are what a rule is made of, behind the verb.
const ruleWords = " [not] [from PREFIX] [to PREFIX] [iif LINK] [oif LINK] [fwmark MARK[/MASK]] [priority N]" +
	" [table N|main|local|default] [type blackhole|unreachable|prohibit|lookup] [proto N|kernel|static]"

func ruleForms() []Form {
	return []Form{
		{
			"ip rule add", "ip [-n NS] rule add [family IPv4|IPv6]" + ruleWords,
			"add a rule that says in which table routes are looked up; without a family, of that of its prefixes, or IPv4",
			func(netns string, r *words.Reader) (Operation, error) {
				rule, err := readRule(r)
				return RuleAdd{NetNS: netns, Rule: rule}, err
			},
		},
		{
			"ip rule del", "ip [-n NS] rule del [family IPv4|IPv6]" + ruleWords, "delete the first rule that matches",
			func(netns string, r *words.Reader) (Operation, error) {
				rule, err := readRule(r)
				return RuleDelete{NetNS: netns, Rule: rule}, err
			},
		},
	}
}

// A RuleAdd adds a rule.
type RuleAdd struct {
	NetNS string
	Rule  kernel.Rule
}

func (o RuleAdd) String() string { return ruleLine(o.NetNS, "ip rule add", o.Rule) }

// Op implements Operation.
func (o RuleAdd) Op() string { return "rule add" }

// In implements Operation.
func (o RuleAdd) In() string { return o.NetNS }

// Apply implements Operation.
func (o RuleAdd) Apply(h kernel.Host) (string, error) {
	return "", in(h, o.NetNS, func(ns kernel.NetNS) error { return ns.AddRule(o.Rule) })
}

// A RuleDelete deletes the first rule that matches.
type RuleDelete struct {
	NetNS string
	Rule  kernel.Rule
}

func (o RuleDelete) String() string { return ruleLine(o.NetNS, "ip rule del", o.Rule) }

// Op implements Operation.
func (o RuleDelete) Op() string { return "rule delete" }

// In implements Operation.
func (o RuleDelete) In() string { return o.NetNS }

// Apply implements Operation.
func (o RuleDelete) Apply(h kernel.Host) (string, error) {
	return "", in(h, o.NetNS, func(ns kernel.NetNS) error { return ns.DeleteRule(o.Rule) })
}

func readRule(r *words.Reader) (kernel.Rule, error) {
	rule := kernel.Rule{Priority: kernel.AnyPriority}
	if len(r.Rest) == 0 {
		return rule, r.Wrong("what the rule is for is missing; \"from all\" is all packets")
	}
	var mark mark
	err := r.Keywords(words.Keywords{
		"family":   words.Value(r, "family", &rule.Family, parseFamily),
		"not":      words.Set(&rule.Not, true),
		"from":     words.Value(r, "PREFIX", &rule.From, prefixOrAll),
		"to":       words.Value(r, "PREFIX", &rule.To, prefixOrAll),
		"iif":      words.Value(r, "LINK", &rule.In, words.String),
		"oif":      words.Value(r, "LINK", &rule.Out, words.String),
		"fwmark":   words.Value(r, "MARK", &mark, parseMark),
		"priority": words.Value(r, "priority", &rule.Priority, words.Int),
		"table":    words.Value(r, "table", &rule.Table, ParseTable),
		"lookup":   words.Value(r, "table", &rule.Table, ParseTable),
		"type":     words.Value(r, "type", &rule.Action, parseRuleAction),
		"proto":    words.Value(r, "proto", &rule.Protocol, parseProtocol),
	})
	rule.Mark, rule.Mask = mark.value, mark.mask
	if rule.Family == 0 {
		rule.Family = usualRuleFamily(rule)
	}
	return rule, err
}

// usualRuleFamily is the family of a rule whose line names none.
func usualRuleFamily(r kernel.Rule) kernel.Family {
	if r.From.Addr().Is6() || r.To.Addr().Is6() {
		return kernel.IPv6
	}
	return kernel.IPv4
}

func ruleLine(netns, name string, r kernel.Rule) string {
	l := lineOf(netns, name)
	bare := len(l)
	if r.Family != usualRuleFamily(r) {
		l.add("family", familyName(r.Family))
	}
	l.flag(r.Not, "not")
	given(&l, "from", r.From)
	given(&l, "to", r.To)
	given(&l, "iif", r.In)
	given(&l, "oif", r.Out)
	given(&l, "fwmark", mark{r.Mark, r.Mask})
	if r.Priority != kernel.AnyPriority {
		l.add("priority", strconv.Itoa(r.Priority))
	}
	given(&l, "table", r.Table)
	given(&l, "type", string(r.Action))
	given(&l, "proto", r.Protocol)
	if len(l) == bare {
		l.add("from", "all")
	}
	return l.String()
}

// A mark is what a rule says of the marks of packets.
type mark struct{ value, mask uint32 }

func (m mark) String() string {
	if m.mask == 0 {
		return fmt.Sprintf("%#x", m.value)
	}
	return fmt.Sprintf("%#x/%#x", m.value, m.mask)
}

func parseMark(s string) (m mark, err error) {
	value, mask, _ := strings.Cut(s, "/")
	if m.value, err = parseUint32(value); err == nil && mask != "" {
		m.mask, err = parseUint32(mask)
	}
	return m, err
}

func parseUint32(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 0, 32)
	return uint32(n), err
}

// prefixOrAll takes a prefix, and the word of ip-rule(8) for none.
func prefixOrAll(s string) (netip.Prefix, error) {
	if s == "all" {
		return netip.Prefix{}, nil
	}
	return words.Prefix(s)
}

// ruleFamilies are the families by the names that a line has for them.
var ruleFamilies = []kernel.Family{kernel.IPv4, kernel.IPv6}

// familyName is the number of a family that has no name.
func familyName(f kernel.Family) string {
	for _, known := range ruleFamilies {
		if f == known {
			return f.String()
		}
	}
	return strconv.Itoa(int(f))
}

func parseFamily(s string) (kernel.Family, error) {
	for _, f := range ruleFamilies {
		if s == f.String() {
			return f, nil
		}
	}
	n, err := strconv.Atoi(s)
	return kernel.Family(n), err
}

func parseRuleAction(s string) (kernel.RuleAction, error) {
	switch a := kernel.RuleAction(s); a {
	case kernel.ToTable, kernel.RuleBlackhole, kernel.RuleUnreachable, kernel.RuleProhibit:
		return a, nil
	}
	return "", fmt.Errorf("no action of a rule: %q", s)
}
