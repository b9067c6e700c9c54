package lockstep

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

var (
	rulePrefixes4 = prefixes("10.0.0.0/24", "10.0.0.1/32", "10.0.1.0/24", "192.0.2.0/24", "10.0.0.0/8")
	rulePrefixes6 = prefixes("fd00::/64", "fd00::1/128", "fd00:1::/64", "2001:db8::/32")
	oddPrefixes4  = prefixes("10.0.0.1/24", "0.0.0.0/0", "127.0.0.1/8", "255.255.255.255/32", "0.0.0.0/32")
	oddPrefixes6  = prefixes("fd00::1/64", "::/0", "fe80::/64", "ff02::1/128", "::ffff:10.0.0.0/104", "::/128")
)

// rulePrefix draws whose packets a rule is for.
func (d *drawer) rulePrefix(f kernel.Family) netip.Prefix {
	if d.percent(2) {
		f = pick(d, kernel.IPv4, kernel.IPv6)
	}
	if f == kernel.IPv6 {
		return mostly(d, 10, rulePrefixes6, oddPrefixes6)
	}
	return mostly(d, 10, rulePrefixes4, oddPrefixes4)
}

// ruleLink draws the name of a link, which need not be there.
func (d *drawer) ruleLink(netns string) string {
	if d.percent(8) {
		return pick(d, "none", "fifteen-bytes-n", "sixteen-bytes-nm", "sixteen-bytes-no", "lo", "a b")
	}
	return d.linkName(netns, anyLink)
}

// rule draws a rule. Few priorities, so that several rules have one.
func (d *drawer) rule(netns string) kernel.Rule {
	r := kernel.Rule{
		Family:   mostly(d, 2, []kernel.Family{kernel.IPv4, kernel.IPv4, kernel.IPv6}, []kernel.Family{0, 1, 7, 128}),
		Priority: pick(d, kernel.AnyPriority, kernel.AnyPriority, 0, 1, 100, 100, 100, 32766, 1<<31),
		Not:      d.percent(8),
	}
	d.ruleMatches(&r, netns)
	if d.percent(15) {
		r.Action = pick(d, kernel.RuleBlackhole, kernel.RuleUnreachable, kernel.RuleProhibit)
	} else if !d.percent(6) {
		r.Table = pick(d, 100, 100, 1000, kernel.TableMain, kernel.TableDefault, kernel.TableLocal, 1)
		r.Action = pick(d, "", kernel.ToTable)
	}
	if d.percent(15) {
		r.Protocol = pick(d, kernel.ProtoStatic, kernel.ProtoKernel, 99, 255)
	}
	return r
}

// ruleMatches draws which packets a rule is for.
func (d *drawer) ruleMatches(r *kernel.Rule, netns string) {
	if d.percent(45) {
		r.From = d.rulePrefix(r.Family)
	}
	if d.percent(25) {
		r.To = d.rulePrefix(r.Family)
	}
	if d.percent(15) {
		r.In = d.ruleLink(netns)
	}
	if d.percent(10) {
		r.Out = d.ruleLink(netns)
	}
	if d.percent(15) {
		r.Mark, r.Mask = pick(d, uint32(0), 1, 1, 1<<31), pick(d, uint32(0), 0, 1, 0xff, 1<<32-1)
	}
}

func (d *drawer) ruleAdd() operation.Operation {
	netns := d.netns()
	if len(d.m.rules) > 0 && d.percent(12) {
		again := pick(d, d.m.rules...) // the same once more, or nearly
		if d.percent(30) {
			again.Rule.From = netip.Prefix{}
		}
		return again
	}
	return operation.RuleAdd{NetNS: netns, Rule: d.rule(netns)}
}

func (d *drawer) ruleDelete() operation.Operation {
	netns := d.netns()
	if len(d.m.rules) == 0 && !d.percent(20) {
		return d.ruleAdd()
	}
	if len(d.m.rules) == 0 || d.percent(15) {
		return operation.RuleDelete{NetNS: netns, Rule: d.oddRule(netns)}
	}
	o := operation.RuleDelete(pick(d, d.m.rules...))
	// Less than the whole rule is enough to name it.
	r := &o.Rule
	if d.percent(25) {
		r.Priority = kernel.AnyPriority
	}
	if d.percent(25) {
		r.Action, r.Table = "", 0
	}
	if d.percent(25) {
		r.From, r.To = netip.Prefix{}, netip.Prefix{}
	}
	if d.percent(10) {
		r.Mark, r.Mask = 0, 0
	}
	return o
}

// oddRule draws a rule to delete that nobody has added: one of those that a namespace begins with, or any.
func (d *drawer) oddRule(netns string) kernel.Rule {
	if d.percent(25) {
		return pick(d, kernel.StandardRules(pick(d, kernel.IPv4, kernel.IPv6))...)
	}
	return d.rule(netns)
}
