package lockstep

import (
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// A filterPlace is a chain that rules may be put in.
type filterPlace struct {
	netns, program string
	family         kernel.FilterFamily
	table, chain   string
	hook           string // by nft's names; "": a chain that others jump to
	nat            bool
}

func (p filterPlace) change(do kernel.FilterVerb) kernel.FilterChange {
	return kernel.FilterChange{Do: do, Family: p.family, Table: p.table, Chain: p.chain}
}

// The chain that others of a table jump to.
const subChain = "sub"

// filter draws a packet filter for some namespaces.
func (n *network) filter() {
	for i, ns := range n.spaces {
		if k := n.below(100); i == 0 && k < 35 || i > 0 && k < 7 {
			n.nftables(ns)
		} else if i == 0 && k < 60 || i > 0 && k < 11 {
			n.iptables(ns, pick(n.drawer, "iptables", "iptables", "ip6tables"))
		}
	}
	if len(n.filters) > 0 {
		for range n.below(6) {
			n.filterRule()
		}
	}
}

// nftables makes a table with the chains that packets meet.
func (n *network) nftables(ns string) {
	family := pick(n.drawer, kernel.FilterInet, kernel.FilterInet, kernel.FilterIP, kernel.FilterIP6)
	if !n.worthwhile(NounNFTFamily) {
		family = kernel.FilterBridge
	}
	o := operation.RulesetChange{NetNS: ns, Program: "nft", Changes: []kernel.FilterChange{
		{Do: kernel.AddTable, Family: family, Table: "t"},
		{Do: kernel.AddChain, Family: family, Table: "t", Chain: subChain},
	}}
	place := filterPlace{netns: ns, program: "nft", family: family, table: "t"}
	add := func(chain, kind, hook string, priority int) {
		place.chain, place.hook, place.nat = chain, hook, kind == "nat"
		c := place.change(kernel.AddChain)
		c.Base = &kernel.BaseChain{Type: kind, Hook: hook, Priority: priority, Policy: kernel.Accept}
		if kind == "filter" && n.percent(5) {
			c.Base.Policy = kernel.Drop
		}
		o.Changes = append(o.Changes, c)
		n.filters = append(n.filters, place)
	}
	for _, c := range []struct {
		chain, kind, hook string
		priority          int
	}{
		{"raw", "filter", "prerouting", -300},
		{"pre", "filter", "prerouting", -150},
		{"dst", "nat", "prerouting", -100},
		{"in", "filter", "input", 0},
		{"fwd", "filter", "forward", 0},
		{"fwd", "filter", "forward", 0},
		{"out", "filter", "output", 0},
		{"mark", "route", "output", -150},
		{"odst", "nat", "output", -100},
		{"src", "nat", "postrouting", 100},
		{"src", "nat", "postrouting", 100},
	} {
		there := slices.ContainsFunc(o.Changes, func(o kernel.FilterChange) bool { return o.Chain == c.chain })
		if !there && n.percent(60) && (family != kernel.FilterBridge || c.kind == "filter") {
			add(c.chain, c.kind, c.hook, c.priority)
		}
	}
	n.sayableRuleset(o)
	place.chain, place.hook, place.nat = subChain, "", false
	n.filters = append(n.filters, place)
}

// iptables notes the chains that packets meet.
func (n *network) iptables(ns, program string) {
	family := kernel.FilterIP
	if program == "ip6tables" {
		family = kernel.FilterIP6
	}
	for _, c := range []struct {
		table, chain, hook string
	}{
		{"mangle", "PREROUTING", "prerouting"},
		{"mangle", "OUTPUT", "output"},
		{"nat", "PREROUTING", "prerouting"},
		{"nat", "OUTPUT", "output"},
		{"nat", "POSTROUTING", "postrouting"},
		{"filter", "INPUT", "input"},
		{"filter", "FORWARD", "forward"},
		{"filter", "OUTPUT", "output"},
		{"nat", "POSTROUTING", "postrouting"},
		{"filter", "FORWARD", "forward"},
	} {
		n.filters = append(n.filters, filterPlace{ns, program, family, c.table, c.chain, c.hook, c.table == "nat"})
	}
	sub := filterPlace{netns: ns, program: program, family: family, table: "filter", chain: subChain}
	c := sub.change(kernel.AddChain)
	c.Exclusive = true
	n.changeRuleset(sub, c)
	n.filters = append(n.filters, sub)
}

// filterChange adds a rule, or empties a chain.
func (n *network) filterChange() {
	if len(n.filters) == 0 {
		ns := pick(n.drawer, n.spaces...)
		if n.percent(60) {
			n.nftables(ns)
		} else {
			n.iptables(ns, pick(n.drawer, "iptables", "iptables", "ip6tables"))
		}
	}
	if len(n.filters) > 0 && n.percent(15) {
		p := pick(n.drawer, n.filters...)
		n.changeRuleset(p, p.change(kernel.FlushChain))
		return
	}
	n.filterRule()
}

func (n *network) changeRuleset(p filterPlace, c kernel.FilterChange) {
	n.sayableRuleset(operation.RulesetChange{NetNS: p.netns, Program: p.program, Changes: []kernel.FilterChange{c}})
}

// filterRule adds a rule that a line can say.
func (n *network) filterRule() {
	p := pick(n.drawer, n.filters...)
	c := p.change(pick(n.drawer, kernel.AddRule, kernel.AddRule, kernel.InsertRule))
	for range 5 {
		c.Rule = n.rule(p)
		backend := kernel.NFTables
		if p.program != "nft" {
			backend = kernel.IPTables
		}
		if c.Valid(backend) == nil {
			n.changeRuleset(p, c)
			return
		}
	}
}

// rule draws one for a chain. It may be none that can be.
func (n *network) rule(p filterPlace) (r kernel.FilterRule) {
	for _, on := range kernel.IPTablesMatches {
		if m, ok := n.filterMatch(p, on); ok {
			r.Matches = append(r.Matches, m)
		}
	}
	switch k := n.below(100); {
	case p.nat && p.hook == "postrouting" && k < 80:
		r.Action = kernel.Masquerade
		if k < 30 {
			r.Action, r.To = kernel.SNAT, netip.AddrPortFrom(n.filterAddress(p), 0)
		}
	case p.nat && k < 80:
		r.Action, r.To = kernel.DNAT, netip.AddrPortFrom(n.filterAddress(p), uint16(pick(n.drawer, 0, served, served, unserved)))
	case k < 35 || p.nat:
		r.Action = pick(n.drawer, kernel.Accept, kernel.Accept, kernel.Return)
	case k < 50:
		r.Action = kernel.Drop
	case k < 68:
		r.Action = kernel.Reject
		var with []kernel.Rejection
		for _, kind := range kernel.Rejections {
			if kind.Family == p.family {
				with = append(with, kind.With)
			}
		}
		r.With = pick(n.drawer, append(with, kernel.RejectReset)...)
	case k < 76 && p.chain != subChain:
		r.Action, r.Target = pick(n.drawer, kernel.Jump, kernel.GoTo), subChain
	case k < 88:
		r.Action, r.Mark = kernel.SetMark, kernel.FilterMark{Value: uint32(1 + n.below(2)), Mask: 1<<32 - 1}
	case k < 92:
		r.Action, r.Mark = kernel.SetFlowMark, kernel.FilterMark{Value: 1, Mask: 1<<32 - 1}
	default:
		r.Action, r.Copy = pick(n.drawer, kernel.SaveMark, kernel.RestoreMark), kernel.MarkCopy{From: 1<<32 - 1, To: 1<<32 - 1}
	}
	return r
}

// filterMatch draws what a rule looks at, if it looks at that.
func (n *network) filterMatch(p filterPlace, on kernel.MatchKey) (m kernel.FilterMatch, ok bool) {
	often := map[kernel.MatchKey]int{
		kernel.MatchSource: 25, kernel.MatchDestination: 30, kernel.MatchInLink: 10, kernel.MatchOutLink: 10,
		kernel.MatchProtocol: 12, kernel.MatchDestinationPort: 30, kernel.MatchSourcePort: 3, kernel.MatchFlow: 15,
		kernel.MatchLocal: 6, kernel.MatchMark: 6, kernel.MatchFlowMark: 4,
	}
	if !n.percent(often[on]) || often[on] == 0 {
		return m, false
	}
	m = kernel.FilterMatch{On: on, Not: n.percent(12)}
	switch on {
	case kernel.MatchSource, kernel.MatchDestination:
		m.Prefix = n.filterPrefix(p)
	case kernel.MatchInLink, kernel.MatchOutLink:
		l, has := n.wire(func(l wire) bool { return l.netns == p.netns })
		if !has || on == kernel.MatchInLink && (p.hook == "output" || p.hook == "postrouting") ||
			on == kernel.MatchOutLink && (p.hook == "input" || p.hook == "prerouting") {
			return m, false
		}
		m.Link = l.name
	case kernel.MatchProtocol:
		m.Protocol = pick(n.drawer, kernel.FilterTCP, kernel.FilterUDP, kernel.FilterICMP, kernel.FilterICMPv6)
	case kernel.MatchSourcePort, kernel.MatchDestinationPort:
		m.Protocol = pick(n.drawer, kernel.FilterTCP, kernel.FilterUDP)
		port := uint16(pick(n.drawer, served, served, unserved, virtual8))
		m.Ports = kernel.PortRange{First: port, Last: port}
	case kernel.MatchFlow:
		m.States = pick(n.drawer, kernel.FlowEstablished|kernel.FlowRelated, kernel.FlowEstablished, kernel.FlowNew,
			kernel.FlowInvalid, kernel.FlowRelated)
	case kernel.MatchMark, kernel.MatchFlowMark:
		m.Mark = kernel.FilterMark{Value: uint32(1 + n.below(2)), Mask: 1<<32 - 1}
	}
	return m, true
}

func (n *network) isOf(p filterPlace, four bool) bool {
	return p.family == kernel.FilterInet || p.family == kernel.FilterBridge || four == (p.family == kernel.FilterIP)
}

// filterPrefix draws a prefix of the family.
func (n *network) filterPrefix(p filterPlace) netip.Prefix {
	for range 8 {
		if to := n.destination().Masked(); n.isOf(p, to.Addr().Is4()) {
			return to
		}
	}
	return netip.PrefixFrom(n.filterAddress(p), n.filterAddress(p).BitLen())
}

// filterAddress draws an address of the family that a rule may translate to.
func (n *network) filterAddress(p filterPlace) netip.Addr {
	for range 8 {
		if to := n.target(); n.isOf(p, to.Is4()) {
			return to
		}
	}
	if p.family == kernel.FilterIP {
		return virtuals[0]
	}
	return virtuals[1]
}
