//go:build linux

package linux

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// Rules implements kernel.Rules.
func (ns *NetNS) Rules(f kernel.Family) ([]kernel.Rule, error) {
	rules, err := ns.rules(f)
	return rules, ns.fail("rule list", f.String(), err)
}

func (ns *NetNS) rules(f kernel.Family) (rules []kernel.Rule, err error) {
	if err := requireFamily(f); err != nil {
		return nil, err
	}
	head := &nl.RtMsg{}
	head.Family = uint8(f)
	err = ns.dump(unix.RTM_GETRULE, func(m []byte) { rules = append(rules, parseRule(m)) }, head)
	return rules, err
}

// requireFamily refuses what the kernel would take for all families (0), or for those of multicast routing.
func requireFamily(f kernel.Family) error {
	if f != kernel.IPv4 && f != kernel.IPv6 {
		return because(unix.EAFNOSUPPORT, "rules are of IPv4 or IPv6")
	}
	return nil
}

// AddRule implements kernel.Rules.
func (ns *NetNS) AddRule(r kernel.Rule) error {
	if r.Action == "" {
		r.Action = kernel.ToTable
	}
	return ns.fail("rule add", r.Label(), ns.sendRule(unix.RTM_NEWRULE, create, r))
}

// DeleteRule implements kernel.Rules.
func (ns *NetNS) DeleteRule(r kernel.Rule) error {
	return ns.fail("rule delete", r.Label(), ns.sendRule(unix.RTM_DELRULE, change, r))
}

func (ns *NetNS) sendRule(kind, flags int, r kernel.Rule) error {
	if err := requireFamily(r.Family); err != nil {
		return err
	}
	action := slices.Index(ruleActions(), r.Action)
	if action < 0 {
		return because(unix.EINVAL, "no such action of a rule: "+string(r.Action))
	}
	head := &nl.RtMsg{} // struct fib_rule_hdr has the same form
	head.Family, head.Type = uint8(r.Family), uint8(action)
	if r.Not {
		head.Flags |= unix.FIB_RULE_INVERT
	}
	parts := []nl.NetlinkRequestData{head}
	if r.Table != 0 {
		setTable(head, &parts, r.Table) // FRA_TABLE is RTA_TABLE
	}
	head.Src_len = addRulePrefix(&parts, unix.FRA_SRC, r.From)
	head.Dst_len = addRulePrefix(&parts, unix.FRA_DST, r.To)
	return ns.change(kind, flags, append(parts, ruleAttrs(r)...)...)
}

// addRulePrefix adds the address of a prefix that says something, and returns its length.
func addRulePrefix(parts *[]nl.NetlinkRequestData, kind int, p netip.Prefix) uint8 {
	if p.Bits() <= 0 {
		return 0
	}
	*parts = append(*parts, attrAddr(kind, p.Addr()))
	return uint8(p.Bits())
}

// ruleAttrs are the attributes of what is given of a rule.
func ruleAttrs(r kernel.Rule) (attrs []nl.NetlinkRequestData) {
	if r.Priority != kernel.AnyPriority {
		attrs = append(attrs, attrUint32(unix.FRA_PRIORITY, uint32(r.Priority)))
	}
	if r.In != "" {
		attrs = append(attrs, attrString(unix.FRA_IIFNAME, r.In))
	}
	if r.Out != "" {
		attrs = append(attrs, attrString(unix.FRA_OIFNAME, r.Out))
	}
	if r.Mark != 0 || r.Mask != 0 {
		attrs = append(attrs, attrUint32(unix.FRA_FWMARK, r.Mark))
	}
	if r.Mask != 0 {
		attrs = append(attrs, attrUint32(unix.FRA_FWMASK, r.Mask))
	}
	if r.Protocol != 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.FRA_PROTOCOL, nl.Uint8Attr(uint8(r.Protocol))))
	}
	return attrs
}

// parseRule reads an RTM_NEWRULE message; fib_nl_fill_rule writes it, without a priority of 0.
func parseRule(m []byte) kernel.Rule {
	head := nl.DeserializeRtMsg(m)
	r := kernel.Rule{
		Family: kernel.Family(head.Family), Not: head.Flags&unix.FIB_RULE_INVERT != 0,
		Action: ruleAction(head.Type), Table: int(head.Table),
	}
	attributes(m[head.Len():], func(kind uint16, value []byte) {
		switch kind {
		case unix.FRA_SRC:
			r.From = netip.PrefixFrom(addrOf(value), int(head.Src_len))
		case unix.FRA_DST:
			r.To = netip.PrefixFrom(addrOf(value), int(head.Dst_len))
		default:
			setRuleAttr(&r, kind, value)
		}
	})
	return r
}

func setRuleAttr(r *kernel.Rule, kind uint16, value []byte) {
	switch kind {
	case unix.FRA_PRIORITY:
		r.Priority = int(uint32Of(value))
	case unix.FRA_IIFNAME:
		r.In = stringOf(value)
	case unix.FRA_OIFNAME:
		r.Out = stringOf(value)
	case unix.FRA_FWMARK:
		r.Mark = uint32Of(value)
	case unix.FRA_FWMASK:
		r.Mask = uint32Of(value)
	case unix.FRA_TABLE:
		r.Table = int(uint32Of(value))
	case unix.FRA_PROTOCOL:
		r.Protocol = int(value[0])
	}
}

// ruleActions returns the names of the actions by Linux's number; include/uapi/linux/fib_rules.h. The first is of a
// rule to delete whose action does not matter.
func ruleActions() []kernel.RuleAction {
	return []kernel.RuleAction{
		unix.FR_ACT_UNSPEC:      "",
		unix.FR_ACT_TO_TBL:      kernel.ToTable,
		unix.FR_ACT_GOTO:        "goto",
		unix.FR_ACT_NOP:         "nop",
		unix.FR_ACT_RES3:        "3",
		unix.FR_ACT_RES4:        "4",
		unix.FR_ACT_BLACKHOLE:   kernel.RuleBlackhole,
		unix.FR_ACT_UNREACHABLE: kernel.RuleUnreachable,
		unix.FR_ACT_PROHIBIT:    kernel.RuleProhibit,
	}
}

func ruleAction(number uint8) kernel.RuleAction {
	if actions := ruleActions(); int(number) < len(actions) {
		return actions[number]
	}
	return kernel.RuleAction(strconv.Itoa(int(number)))
}
