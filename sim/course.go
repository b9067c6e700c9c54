package sim

import (
	"cmp"
	"math"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// Where Linux has what it does itself among the chains of a hook: include/uapi/linux/netfilter_ipv4.h,
// nf_ip_hook_priorities.
const (
	assemblyPriority    = -400
	trackPriority       = -200
	destinationPriority = -100
	sourcePriority      = 100
	confirmPriority     = math.MaxInt32

	bridgeNetfilterPriority = 0 // include/uapi/linux/netfilter_bridge.h: NF_BR_PRI_BRNF
)

// A step is one thing that is done with a packet at a hook.
type step struct {
	priority int
	does     stepKind
	reroutes bool        // what has another mark behind it is routed anew
	chain    *askedChain // of asks
}

type stepKind uint8

const (
	asks       stepKind = iota // a chain that filters
	assembles                  // nf_ct_gather_frags: conntrack sees whole packets
	tracks                     // nf_conntrack_in
	translates                 // nf_nat_inet_fn
	confirms                   // nf_conntrack_confirm
)

// A course is what is done with the packets of a namespace, made ready for them: its rules with what they need looked up.
type course struct {
	steps [familyCount][hookCount][]step
	nat   [familyCount][hookCount][]step // chains of type nat, which are asked once for each flow
}

// noRules is the course of all namespaces that have none.
var noRules course

// course returns that of the rules as they are.
func (n *netfilter) course() *course {
	if n.ready == nil {
		n.ready = n.newCourse()
	}
	return n.ready
}

// newCourse has steps in the order of their priorities; of those with the same the one that came last is first.
// (net/netfilter/core.c: nf_hook_entries_grow.)
func (n *netfilter) newCourse() *course {
	if len(n.nft.tables) == 0 && len(n.iptables) == 0 {
		return &noRules
	}
	c, tables := new(course), askedTables{}
	for family := range familyNames {
		for h, name := range hookNames {
			n.eachBase(tables, familyNames[family], name, func(chain *askedChain, priority int, kind string) {
				s := step{priority: priority, chain: chain, reroutes: kind == "route"}
				if kind == "nat" {
					c.nat[family][h] = append(c.nat[family][h], s)
				} else {
					c.steps[family][h] = append(c.steps[family][h], s)
				}
			})
		}
		tracking, translating := n.needs(familyNames[family])
		c.addOwn(family, tracking, translating)
		for h := range hookNames {
			for _, list := range [][]step{c.steps[family][h], c.nat[family][h]} {
				slices.Reverse(list)
				slices.SortStableFunc(list, func(a, b step) int { return cmp.Compare(a.priority, b.priority) })
			}
		}
	}
	return c
}

// addOwn adds what Linux does itself: it follows flows, and translates them, where a rule needs that.
// (net/netfilter/nf_conntrack_proto.c: ipv4_conntrack_ops; net/netfilter/nf_nat_proto.c: nf_nat_ipv4_ops, of which all are
// there as soon as there is one chain: nf_nat_register_fn.)
func (c *course) addOwn(family int, tracking, translating bool) {
	add := func(h hook, s step) { c.steps[family][h] = append(c.steps[family][h], s) }
	if tracking {
		add(atPreRouting, step{priority: assemblyPriority, does: assembles}) // sockets send no fragments
		for _, h := range []hook{atPreRouting, atLocalOut} {
			add(h, step{priority: trackPriority, does: tracks})
		}
		for _, h := range []hook{atLocalIn, atPostRouting} {
			add(h, step{priority: confirmPriority, does: confirms})
		}
	}
	if translating {
		for _, h := range []hook{atPreRouting, atLocalOut} {
			add(h, step{priority: destinationPriority, does: translates})
		}
		for _, h := range []hook{atLocalIn, atPostRouting} {
			add(h, step{priority: sourcePriority, does: translates})
		}
	}
}

// needs reports whether Linux follows flows for the rules of a family, and translates them. For the one it takes a rule that
// translates, or is about a flow's state or mark, for the other a chain of type nat. (net/netfilter/nf_conntrack_proto.c:
// nf_ct_netns_get, of nft_ct_get_init, nft_nat_init, nft_masq_init and their like of iptables; nf_nat_core.c:
// nf_nat_register_fn.)
func (n *netfilter) needs(family kernel.FilterFamily) (tracking, translating bool) {
	for _, table := range n.nft.tables {
		if !sees(table.Family, family) {
			continue
		}
		for _, c := range table.Chains {
			translating = translating || c.Base != nil && c.Base.Type == "nat"
			tracking = tracking || anyFollowsFlows(c.Rules, family)
		}
	}
	for _, table := range n.iptables {
		if table.Family != family {
			continue
		}
		translating = translating || table.Name == "nat"
		for _, c := range table.Chains {
			tracking = tracking || anyFollowsFlows(c.Rules, family)
		}
	}
	return tracking, translating
}

func anyFollowsFlows(rules []kernel.FilterRule, family kernel.FilterFamily) bool {
	return slices.ContainsFunc(rules, func(r kernel.FilterRule) bool { return followsFlows(r, family) })
}

// followsFlows reports whether a rule needs flows to be followed in a family. One that translates to an address needs it in
// that of the address alone, though its table is of the family inet. (net/netfilter/nft_nat.c: nft_nat_init,
// nf_ct_netns_get with NFTA_NAT_FAMILY.)
func followsFlows(r kernel.FilterRule, family kernel.FilterFamily) bool {
	if slices.ContainsFunc(r.Matches, func(m kernel.FilterMatch) bool { return m.On.UsesFlow() }) {
		return true
	}
	to := r.To.Addr()
	return r.Action.UsesFlow() && (!to.IsValid() || to.Is4() == (family == kernel.FilterIP))
}

// sees reports whether tables of a family see packets of another.
func sees(table, packets kernel.FilterFamily) bool {
	return table == packets || table == kernel.FilterInet && packets != kernel.FilterBridge
}

// eachBase calls add with the base chains of a family's hook and their types, in the order in which their tables have come.
func (n *netfilter) eachBase(tables askedTables, family kernel.FilterFamily, at string, add func(c *askedChain, priority int, kind string)) {
	for i := range n.nft.tables {
		table := &n.nft.tables[i].FilterTable
		if !sees(table.Family, family) {
			continue
		}
		for _, c := range table.Chains {
			if c.Base != nil && c.Base.Hook == at {
				add(tables.of(table).chain(c.Name), c.Base.Priority, c.Base.Type)
			}
		}
	}
	for i := range n.iptables {
		table := &n.iptables[i].FilterTable
		if table.Family == family && table.Chain(builtIn[at]) != nil {
			add(tables.of(table).chain(builtIn[at]), iptablesPriority(table.Name, at), iptablesType(table.Name, at))
		}
	}
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
			return sourcePriority
		}
		return destinationPriority
	}
	return 0
}

// iptablesType is the type of the chains of a table of iptables. (net/ipv4/netfilter/iptable_mangle.c:
// iptable_mangle_hook.)
func iptablesType(table, hook string) string {
	switch {
	case table == "nat":
		return "nat"
	case table == "mangle" && hook == localOut:
		return "route"
	}
	return "filter"
}
