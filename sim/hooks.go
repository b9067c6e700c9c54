package sim

import (
	"cmp"
	"math"
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

// A hook is one of these points, by its number.
type hook int

const (
	atPreRouting hook = iota
	atLocalIn
	atForward
	atLocalOut
	atPostRouting
	hookCount
)

var hookNames = [hookCount]string{preRouting, localIn, forwardHook, localOut, postRouting}

// builtIn are the chains of iptables by their hooks.
var builtIn = map[string]string{
	preRouting: "PREROUTING", localIn: "INPUT", forwardHook: "FORWARD", localOut: "OUTPUT", postRouting: "POSTROUTING",
}

// The families of packets that tables see, by number.
const (
	ofIPv4 = iota
	ofIPv6
	ofBridge
	familyCount
)

var familyNames = [familyCount]kernel.FilterFamily{kernel.FilterIP, kernel.FilterIP6, kernel.FilterBridge}

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
// translates, or asks for a flow's state, for the other a chain of type nat. (net/netfilter/nf_conntrack_proto.c:
// nf_ct_netns_get, of nft_ct_get_init, nft_nat_init, nft_masq_init and their like of iptables; nf_nat_core.c:
// nf_nat_register_fn.)
func (n *netfilter) needs(family kernel.FilterFamily) (tracking, translating bool) {
	for _, table := range n.nft.tables {
		if !sees(table.Family, family) {
			continue
		}
		for _, c := range table.Chains {
			translating = translating || c.Base != nil && c.Base.Type == "nat"
			tracking = tracking || slices.ContainsFunc(c.Rules, followsFlows)
		}
	}
	for _, table := range n.iptables {
		if table.Family != family {
			continue
		}
		translating = translating || table.Name == "nat"
		for _, c := range table.Chains {
			tracking = tracking || slices.ContainsFunc(c.Rules, followsFlows)
		}
	}
	return tracking, translating
}

func followsFlows(r kernel.FilterRule) bool {
	return r.Action.Translates() ||
		slices.ContainsFunc(r.Matches, func(m kernel.FilterMatch) bool { return m.On == kernel.MatchFlow })
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

// A passage is a packet on its way through a namespace, with what is known of it beside what it says.
type passage struct {
	packet packet
	train
	cut     int    // how long the longest fragment was that it came in; 0: it came whole
	own     bool   // nobody else has the packet: it may be written to
	shared  bool   // others may have the body of the train
	steered bool   // at output: it is to be routed anew,
	by      uint32 // by the mark that it had then
	in, out *link  // nil: the namespace sends it itself; it is not known yet where it goes
	to      way    // at postrouting
	tracked
	bridged origin
	facts   facts // with the mark
	known   bool  // what the packet says, as it is now, stands in the facts
}

// An origin is where a packet comes from that has come by a bridge which has chains of IP asked: the port, and between which
// MACs. The zero origin is none.
type origin struct {
	port     *link
	src, dst mac
}

// passage is the way of a frame's packet through a namespace, at its beginning.
func (f frame) passage(p packet, in *link) passage {
	w := passage{
		packet: p, train: f.train, cut: f.cut, own: !f.shared && !in.world().watched(), shared: f.shared, in: in, tracked: f.tracked,
		facts: facts{flow: flow{mark: f.mark}},
	}
	if f.port != nil {
		w.bridged = origin{f.port, f.src, f.dst}
	}
	return w
}

// A tracked is what conntrack knows of a packet: nf_ct_get.
type tracked struct {
	connection *connection // nil: not followed
	isReply    bool        // it goes back
	isRelated  bool        // it is an ICMP error about a packet that goes the other way
	state      kernel.FlowStates
}

// length is how long the packet is, or those are that it stands for or was put together of. (include/linux/skbuff.h:
// skb_gso_network_seglen; net/ipv6/ip6_output.c: ip6_pkt_too_big.)
func (w *passage) length() int {
	switch {
	case w.segment != 0:
		return w.segment
	case w.cut != 0:
		return w.cut
	}
	return len(w.packet)
}

// take makes the packet the passage's own.
func (w *passage) take() packet {
	if !w.own {
		w.packet, w.own = slices.Clone(w.packet), true
	}
	return w.packet
}

// join makes the packet one piece.
func (w *passage) join() packet {
	if w.body != nil {
		w.packet, w.own = w.packet.join(&w.train), true
	}
	return w.packet
}

// through does with a packet what the rules say at a hook, and reports whether it may go on. (net/netfilter/core.c:
// nf_hook_slow.)
func (ns *namespace) through(h hook, w *passage) (ok bool) {
	family := ofIPv4
	if w.packet.v6() {
		family = ofIPv6
	}
	steps := ns.filter.course().steps[family][h]
	if len(steps) == 0 {
		return true
	}
	for i := range steps {
		switch s := &steps[i]; s.does {
		case asks:
			mark := w.facts.mark
			if by := s.chain.decide(ns.look(w)); by.action != kernel.Accept {
				ns.refuse(w, s.chain, by)
				return false
			}
			if s.reroutes && w.facts.mark != mark {
				w.steer()
			}
		case assembles:
			if !ns.assemble(w, false) {
				return false
			}
		case tracks:
			ns.track(w)
		case translates:
			if !ns.translate(h, w) {
				return false
			}
		case confirms:
			if !ns.confirm(w) {
				ns.end(w, "conntrack: another flow has its addresses")
				return false
			}
		}
	}
	return true
}

// steer has a packet routed anew, by the mark that it has now. (net/netfilter/nft_chain_route.c: nf_route_table_hook4;
// net/ipv4/netfilter.c: ip_route_me_harder.)
func (w *passage) steer() { w.steered, w.by = true, w.facts.mark }

// refuse drops a packet by what a base chain says.
func (ns *namespace) refuse(w *passage, c *askedChain, by *askedRule) {
	if ns.world().watched() {
		ns.end(w, c.describe(by))
	}
	if by.action == kernel.Reject {
		ns.reject(w, by.with)
	}
}

// end tells those who watch that netfilter has dropped a packet.
func (ns *namespace) end(w *passage, why string) { ns.drop(w.packet, w.in, w.out, DropNetfilter, why) }

// look returns what rules can ask of a packet where it is. What the packet itself says is read but once.
func (ns *namespace) look(w *passage) *facts {
	f := &w.facts
	if !w.known {
		f.look(w.packet)
		w.known = true
	}
	f.ns, f.in, f.out, f.state = ns, w.in, w.out, w.state
	if w.connection == nil && !w.packet.untracked() {
		f.state = kernel.FlowInvalid // nft_ct_get_eval: also before conntrack is asked
	}
	return f
}

// bridgeAdmits asks the chains of the family bridge about a frame. (net/bridge/br_input.c: NF_BR_PRE_ROUTING,
// NF_BR_LOCAL_IN; net/bridge/br_forward.c: NF_BR_FORWARD, NF_BR_LOCAL_OUT, NF_BR_POST_ROUTING.)
func (ns *namespace) bridgeAdmits(h hook, fr *frame, in, out *link) bool {
	return ns.bridgeAsks(ns.filter.course().steps[ofBridge][h], h, fr, in, out)
}

// bridgeAround asks the chains of the family bridge about a frame, and in their midst the other families' by br_netfilter.
// Chains of its priority count as younger than it, which it takes a bridge for: they are asked before.
// (net/bridge/br_netfilter_hooks.c: br_nf_ops, br_nf_hook_thresh; net/netfilter/core.c: nf_hook_entries_grow.)
func (ns *namespace) bridgeAround(h hook, fr *frame, in, out *link, others func() bool) bool {
	steps := ns.filter.course().steps[ofBridge][h]
	n := 0
	for n < len(steps) && steps[n].priority <= bridgeNetfilterPriority {
		n++
	}
	return ns.bridgeAsks(steps[:n], h, fr, in, out) && others() && ns.bridgeAsks(steps[n:], h, fr, in, out)
}

func (ns *namespace) bridgeAsks(steps []step, h hook, fr *frame, in, out *link) bool {
	if len(steps) == 0 || h == atForward && ns.world().config.Profile.Features.BridgeForwardUnasked {
		return true
	}
	f := facts{flow: flow{in: in, out: out, mark: fr.mark}, ns: ns, mac: fr.src}
	if p, ok := fr.packet(); ok && (fr.kind == typeIPv4 || fr.kind == typeIPv6) {
		f.look(p)
	}
	for i := range steps {
		if by := steps[i].chain.decide(&f); by.action != kernel.Accept {
			cmp.Or(in, out).drop(*fr, DropNetfilter, steps[i].chain.describe(by))
			return false
		}
	}
	fr.mark = f.mark
	return true
}
