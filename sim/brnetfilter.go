package sim

import (
	"fmt"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// What a bridge forwards is shown to the chains of ip and ip6 as if it were routed, where net/bridge/bridge-nf-call-iptables
// and bridge-nf-call-ip6tables say so, as they do by default. To these chains it comes in by the bridge and leaves by it.
// (net/bridge/br_netfilter_hooks.c.)

// calls reports whether the chains of ip or ip6 are asked about a frame: of those in a VLAN only where
// bridge-nf-filter-vlan-tagged is set.
func (l *link) calls(f frame) bool {
	set := &l.ns.sysctls.plain
	if f.vlan != 0 && set.get("net/bridge/bridge-nf-filter-vlan-tagged") == 0 {
		return false
	}
	switch f.kind {
	case typeIPv4:
		return set.get("net/bridge/bridge-nf-call-iptables") != 0
	case typeIPv6:
		return set.get("net/bridge/bridge-nf-call-ip6tables") != 0
	}
	return false
}

// takes reports whether the chains of ip or ip6 are asked about a frame that leaves by a port: they were when it came in.
func (l *link) takes(f frame) bool { return f.port != nil && l.calls(f) }

// bridged is the passage of the packet of a frame that a bridge forwards.
func (l *link) bridged(f frame) (w passage, ok bool) {
	p, ok := f.packet()
	if !ok || p.v6() != (f.kind == typeIPv6) {
		l.drop(f, DropBadHeader, "") // br_validate_ipv4, br_validate_ipv6
		return w, false
	}
	return f.passage(p, l.asInput(f)), true
}

// asInput is by which link chains see a frame come in: the bridge, or the vlan on it that the frame is for, where
// bridge-nf-pass-vlan-input-dev is set. (brnf_get_logical_dev.)
func (l *link) asInput(f frame) *link {
	vlan := l.vlans[f.vlan]
	if f.vlan == 0 || vlan == nil || l.ns.sysctls.plain.get("net/bridge/bridge-nf-pass-vlan-input-dev") == 0 {
		return l
	}
	return vlan
}

// bridgePreRouting asks about a frame that has come in by a port. One that is translated goes elsewhere: next is the neighbour
// on the bridge whose MAC it is to get, if it stays there, else it is for the bridge, which routes it. (br_nf_pre_routing,
// br_nf_pre_routing_finish, br_nf_pre_routing_finish_ipv6.)
func (l *link) bridgePreRouting(f *frame) (next netip.Addr, ok bool) {
	br := l.master
	if !br.calls(*f) {
		return next, true
	}
	f.port = l
	w, ok := br.bridged(*f)
	if !ok {
		return next, false
	}
	dst := w.packet.dst()
	if !l.ns.through(atPreRouting, &w) {
		return next, false
	}
	f.payload, f.train, f.tracked, f.cut, f.mark = w.packet, w.train, w.tracked, w.cut, w.facts.mark
	if w.packet.dst() == dst || f.dst.multicast() {
		return next, true
	}
	if next, ok = br.bridgedTo(w.packet, f.mark); ok && !next.IsValid() {
		f.dst, f.host = br.mac, true
	}
	return next, ok
}

// bridgedTo is the neighbour on the bridge that a translated packet goes to; none where the bridge is to take it. That of IPv4
// takes a bridge that forwards, and with IPv6 what has no way ends here.
func (l *link) bridgedTo(p packet, mark uint32) (next netip.Addr, ok bool) {
	to, errno := l.ns.route(flow{src: p.src(), dst: p.dst(), in: l, mark: mark, of: p})
	switch {
	case errno != 0 && p.v6():
		l.ns.drop(p, l, nil, DropNoRoute, "route: "+errno.Error())
		return next, false
	case errno != 0 || to.link != l || to.kind != kernel.Unicast:
		return next, true
	case !p.v6() && (!l.forwarding(p) || l.martian(p, mark) != ""):
		return next, true // where it is dropped: ip_error; ip_route_input_slow: martian_source
	}
	return to.next, true
}

// translated is the packet of a frame that goes on from the port by which it came, once it is known to which MAC.
// (br_nf_pre_routing_finish_bridge, br_nf_dev_xmit.)
func (l *link) translated(f frame) parcel {
	return parcel{packet: f.payload, train: f.train, mark: f.mark, bridge: func(to mac) {
		f.dst = to
		l.portLearn(f)
	}}
}

// bridgeForward asks about a frame between two ports, as it leaves. (br_nf_forward.)
func (l *link) bridgeForward(f *frame) (ok bool) {
	if !l.takes(*f) {
		return true
	}
	w, ok := l.bridged(*f)
	w.out = l
	ok = ok && l.ns.through(atForward, &w)
	f.mark = w.facts.mark
	return ok
}

// bridgePostRouting asks about a frame that was asked about before and leaves by a port, and returns the frames that it leaves as: a packet that was put
// together is cut again, and one that came whole has to fit. (br_nf_post_routing, br_nf_dev_queue_xmit.)
func (l *link) bridgePostRouting(f frame, port *link) (list []frame) {
	w, ok := l.bridged(f)
	w.in, w.out, w.to = nil, l, way{kind: kernel.Unicast, link: l, next: w.packet.dst()}
	if !ok || !l.ns.through(atPostRouting, &w) {
		return nil
	}
	f.payload, f.train, f.mark = w.packet, w.train, w.facts.mark
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
