package sim

import (
	"fmt"

	"github.com/cnilab/cnilab/kernel"
)

// What a bridge forwards is shown to the chains of ip and ip6 as if it were routed, where net/bridge/bridge-nf-call-iptables
// and bridge-nf-call-ip6tables say so, as they do by default. To these chains it comes in by the bridge and leaves by it.
// (net/bridge/br_netfilter_hooks.c.)

// calls reports whether the chains of ip or ip6 are asked about a frame. Those in a VLAN are not shown to them
// (bridge-nf-filter-vlan-tagged is 0).
func (l *link) calls(f frame) bool {
	switch {
	case f.vlan != 0:
		return false
	case f.kind == typeIPv4:
		return l.ns.sysctls.plain.get("net/bridge/bridge-nf-call-iptables") != 0
	case f.kind == typeIPv6:
		return l.ns.sysctls.plain.get("net/bridge/bridge-nf-call-ip6tables") != 0
	}
	return false
}

// bridged is the passage of the packet of a frame that a bridge forwards.
func (l *link) bridged(f frame) (w passage, ok bool) {
	p, ok := f.packet()
	if !ok || p.v6() != (f.kind == typeIPv6) {
		l.drop(f, DropBadHeader, "") // br_validate_ipv4, br_validate_ipv6
		return w, false
	}
	return passage{
		packet: p, train: f.train, cut: f.cut, own: !f.shared && !l.world().watched(), shared: f.shared, in: l, tracked: f.tracked,
	}, true
}

// bridgePreRouting asks about a frame that has come in by a port. (br_nf_pre_routing, br_nf_pre_routing_finish.)
func (l *link) bridgePreRouting(f *frame) (ok bool) {
	if !l.calls(*f) {
		return true
	}
	w, ok := l.bridged(*f)
	if !ok {
		return false
	}
	dst := w.packet.dst()
	if !l.ns.through(atPreRouting, &w) {
		return false
	}
	f.payload, f.train, f.tracked, f.cut, f.asked = w.packet, w.train, w.tracked, w.cut, true
	if now := w.packet.dst(); now != dst && !f.dst.multicast() {
		f.dst = l.bridgedTo(w)
		f.host = f.host || f.dst == l.mac
	}
	return true
}

// bridgedTo is the MAC that a frame goes to whose packet was translated: the new destination's where it is known behind
// the bridge, else the bridge's own, which routes it. (br_nf_pre_routing_finish: bridged_dnat.)
func (l *link) bridgedTo(w passage) mac {
	to, errno := l.ns.route(flow{src: w.packet.src(), dst: w.packet.dst(), in: l})
	if errno == 0 && to.link == l && to.kind == kernel.Unicast {
		if n := l.neighbours[to.next]; n != nil && n.known {
			return n.mac
		}
	}
	return l.mac
}

// bridgeForward asks about a frame between two ports. (br_nf_forward.)
func (l *link) bridgeForward(f *frame) (ok bool) {
	if !f.asked {
		return true
	}
	w, ok := l.bridged(*f)
	w.out = l
	return ok && l.ns.through(atForward, &w)
}

// bridgePostRouting asks about a frame that was asked about before and leaves by a port, and returns the frames that it leaves as: a packet that was put
// together is cut again, and one that came whole has to fit. (br_nf_post_routing, br_nf_dev_queue_xmit.)
func (l *link) bridgePostRouting(f frame, port *link) (list []frame) {
	w, ok := l.bridged(f)
	w.in, w.out, w.to = nil, l, way{kind: kernel.Unicast, link: l, next: w.packet.dst()}
	if !ok || !l.ns.through(atPostRouting, &w) {
		return nil
	}
	f.payload, f.train = w.packet, w.train
	switch {
	case f.segment != 0 || len(w.packet) <= port.mtu && (f.cut == 0 || len(w.packet) <= f.cut):
		return []frame{f}
	case f.cut == 0:
		port.drop(f, DropTooLong, fmt.Sprintf("%d bytes, MTU %d", len(w.packet), port.mtu))
		return nil
	}
	for _, piece := range l.ns.fragments(w.packet, min(port.mtu, f.cut)) {
		one := f
		one.payload = piece
		list = append(list, one)
	}
	return list
}
