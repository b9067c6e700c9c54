package sim

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// The points of a packet's way at which netfilter is asked, by the names of chains' hooks.
const (
	preRouting  = "prerouting"
	localIn     = "input"
	forwardHook = "forward"
	localOut    = "output"
	postRouting = "postrouting"
)

// facts is what rules can ask of a packet.
type facts struct {
	family   kernel.FilterFamily // ip or ip6; bridge for a frame, with "" for the addresses where it is no IP packet
	src, dst netip.Addr
	in, out  *link // nil: none
	mac      mac
}

func factsOf(p packet, in, out *link) facts {
	f := facts{family: kernel.FilterIP, src: p.src(), dst: p.dst(), in: in, out: out}
	if p.v6() {
		f.family = kernel.FilterIP6
	}
	return f
}

// A hookPoint is what base chains are looked up by.
type hookPoint struct {
	family kernel.FilterFamily
	hook   string
	nat    bool // those that are asked once for each connection
}

// A baseChain is one with its table and place.
type baseChain struct {
	table    *kernel.FilterTable
	chain    *kernel.FilterChain
	priority int
}

// chains returns the base chains at a point, in the order in which they are asked. (net/netfilter/core.c:
// nf_hook_entries_grow.)
func (n *netfilter) chains(at hookPoint) []baseChain {
	if len(n.nft.tables) == 0 && len(n.iptables) == 0 {
		return nil
	}
	if list, ok := n.found[at]; ok {
		return list
	}
	var list []baseChain
	for i := range n.nft.tables {
		table := &n.nft.tables[i].FilterTable
		ofInternet := table.Family == kernel.FilterInet && at.family != kernel.FilterBridge
		if table.Family != at.family && !ofInternet {
			continue
		}
		for j := range table.Chains {
			if c := &table.Chains[j]; c.Base != nil && c.Base.Hook == at.hook && (c.Base.Type == "nat") == at.nat {
				list = append(list, baseChain{table, c, c.Base.Priority})
			}
		}
	}
	for i := range n.iptables {
		table := &n.iptables[i].FilterTable
		if c := table.Chain(builtIn[at.hook]); table.Family == at.family && c != nil && (table.Name == "nat") == at.nat {
			list = append(list, baseChain{table, c, iptablesPriority(table.Name, at.hook)})
		}
	}
	slices.SortStableFunc(list, func(a, b baseChain) int { return cmp.Compare(a.priority, b.priority) })
	if n.found == nil {
		n.found = map[hookPoint][]baseChain{}
	}
	n.found[at] = list
	return list
}

// builtIn are the chains of iptables by their hooks.
var builtIn = map[string]string{
	preRouting: "PREROUTING", localIn: "INPUT", forwardHook: "FORWARD", localOut: "OUTPUT", postRouting: "POSTROUTING",
}

// iptablesPriority is where a table of iptables has its chains: include/uapi/linux/netfilter_ipv4.h, nf_ip_hook_priorities.
func iptablesPriority(table, hook string) int {
	switch table {
	case "raw":
		return -300
	case "mangle":
		return -150
	case "security":
		return 50
	case "nat":
		if hook == postRouting || hook == localIn {
			return 100
		}
		return -100
	}
	return 0
}

// admits asks the chains that filter whether a packet may go on, and tells those who watch where it may not.
func (ns *namespace) admits(hook string, p packet, in, out *link) bool {
	by, rule := ns.filter.dropping(hook, factsOf(p, in, out))
	if by != nil {
		ns.drop(p, in, out, DropNetfilter, by.describe(rule))
	}
	return by == nil
}

// dropping returns the base chain, and the rule, that drops what has these facts; nil where none does. Where the policy
// does, there is no rule.
func (n *netfilter) dropping(hook string, f facts) (by *baseChain, rule *kernel.FilterRule) {
	list := n.chains(hookPoint{family: f.family, hook: hook})
	for i := range list {
		if action, rule := list[i].ask(f); action == kernel.Drop {
			return &list[i], rule
		}
	}
	return nil, nil
}

// describe names a base chain, and the rule in it that has decided, if one has.
func (b baseChain) describe(rule *kernel.FilterRule) string {
	where := fmt.Sprintf("%s %s %s", b.table.Family, b.table.Name, b.chain.Name)
	if rule == nil {
		return where + ": policy " + string(b.chain.Base.Policy)
	}
	return where + ": " + rule.String()
}

// ask returns what a base chain decides, and by which rule: its policy where no rule does. (net/netfilter/nf_tables_core.c: nft_do_chain;
// net/ipv4/netfilter/ip_tables.c: ipt_do_table.)
func (b baseChain) ask(f facts) (kernel.FilterAction, *kernel.FilterRule) {
	if r := b.walk(b.chain, f); r != nil {
		return r.Action, r
	}
	return b.chain.Base.Policy, nil
}

// walk returns the rule of a chain that decides; nil where they lead back to whoever has jumped here.
func (b baseChain) walk(c *kernel.FilterChain, f facts) *kernel.FilterRule {
	for i := range c.Rules {
		r := &c.Rules[i]
		if !f.match(r.Matches) {
			continue
		}
		switch r.Action {
		case kernel.Return:
			return nil
		case kernel.GoTo:
			return b.walk(b.table.Chain(r.Target), f)
		case kernel.Jump:
			if decided := b.walk(b.table.Chain(r.Target), f); decided != nil {
				return decided
			}
		case kernel.Accept, kernel.Drop, kernel.Masquerade:
			return r
		}
	}
	return nil
}

func (f facts) match(matches []kernel.FilterMatch) bool {
	return !slices.ContainsFunc(matches, func(m kernel.FilterMatch) bool { return !f.matches(m) })
}

// matches reports whether one match is true. One about an address is true of no packet of the other IP version, negated
// or not.
func (f facts) matches(m kernel.FilterMatch) bool {
	switch m.On {
	case kernel.MatchSource:
		return sameVersion(f.src, m.Prefix) && m.Prefix.Contains(f.src) != m.Not
	case kernel.MatchDestination:
		return sameVersion(f.dst, m.Prefix) && m.Prefix.Contains(f.dst) != m.Not
	case kernel.MatchInLink:
		return (nameOf(f.in) == m.Link) != m.Not
	case kernel.MatchOutLink:
		return (nameOf(f.out) == m.Link) != m.Not
	case kernel.MatchSourceMAC:
		return slices.Equal(net.HardwareAddr(f.mac[:]), m.MAC) != m.Not
	}
	return false
}

func sameVersion(a netip.Addr, p netip.Prefix) bool { return a.IsValid() && a.Is4() == p.Addr().Is4() }

// nameOf is what rules see of a link; "" where there is none.
func nameOf(l *link) string {
	if l == nil {
		return ""
	}
	return l.name
}

// bridgeAdmits asks the chains of the family bridge about a frame. (net/bridge/br_input.c: NF_BR_PRE_ROUTING;
// net/bridge/br_forward.c: NF_BR_FORWARD.) Other hooks of bridges, and br_netfilter, which has bridged packets seen by
// the other families too, are not simulated.
func (ns *namespace) bridgeAdmits(hook string, fr frame, in, out *link) bool {
	if len(ns.filter.nft.tables) == 0 {
		return true
	}
	f := facts{family: kernel.FilterBridge, in: in, out: out, mac: fr.src}
	if p, ok := parsePacket(fr.payload); ok && (fr.kind == typeIPv4 || fr.kind == typeIPv6) {
		f.src, f.dst = p.src(), p.dst()
	}
	by, rule := ns.filter.dropping(hook, f)
	if by != nil {
		cmp.Or(in, out).drop(fr, DropNetfilter, by.describe(rule))
	}
	return by == nil
}
