package sim

import (
	"cmp"

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
	f.ns, f.in, f.out, f.state, f.connection = ns, w.in, w.out, w.state, w.connection
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
	before, behind := until(steps, bridgeNetfilterPriority)
	if h == atForward && ns.world().config.Profile.Features.BridgeForwardSkips && out.master.takes(*fr) {
		before, _ = until(steps, bridgeNetfilterPriority-1)
	}
	return ns.bridgeAsks(before, h, fr, in, out) && others() && ns.bridgeAsks(behind, h, fr, in, out)
}

// until cuts steps, which are in the order of their priorities, behind a priority.
func until(steps []step, priority int) (before, behind []step) {
	n := 0
	for n < len(steps) && steps[n].priority <= priority {
		n++
	}
	return steps[:n], steps[n:]
}

func (ns *namespace) bridgeAsks(steps []step, h hook, fr *frame, in, out *link) bool {
	if len(steps) == 0 {
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
