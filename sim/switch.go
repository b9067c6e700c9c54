package sim

import (
	"net/netip"
	"slices"
)

// forwards reports whether a port takes part in the traffic of its bridge.
func (l *link) forwards() bool { return l.port != nil && l.port.forwarding && l.running() }

// portReceive is what a bridge does with a frame that came in by a port: learn, and pass it up, on, or everywhere.
// (net/bridge/br_input.c: br_handle_frame, br_handle_frame_finish.)
func (l *link) portReceive(f frame) {
	switch {
	case !f.src.valid():
		l.drop(f, DropInvalidMAC, "")
	case !l.forwards():
		l.drop(f, DropPortDisabled, "")
	case f.dst.reserved():
		l.controlReceive(f)
	default:
		l.portForward(f)
	}
}

// portForward is what becomes of a frame that a bridge has to do with. (net/bridge/br_input.c: br_handle_frame_finish.)
func (l *link) portForward(f frame) {
	var next netip.Addr
	ask := func() (ok bool) {
		next, ok = l.bridgePreRouting(&f)
		return ok
	}
	switch {
	case !l.ns.bridgeAround(atPreRouting, &f, l, nil, ask):
	case next.IsValid():
		l.master.sendTo(next, l.translated(f))
	default:
		l.portLearn(f)
	}
}

// portLearn is portForward once netfilter has been asked.
func (l *link) portLearn(f frame) {
	br := l.master
	if !br.bridge.admit(&f, &l.port.vlans) {
		l.drop(f, DropNotSpecified, "the port is no member of the VLAN")
		return
	}
	br.learn(f, l)
	if f.dst.multicast() {
		f.shared = true
		br.flood(f, l)
		br.passUp(f, l)
		return
	}
	br.forward(f, l)
}

// controlReceive takes a frame to 01:80:c2:00:00:0x, which bridges keep to themselves: but without STP its own group is
// as any other. Pause frames end here, what is left is for the port as a link. (net/bridge/br_input.c: br_handle_frame.)
func (l *link) controlReceive(f frame) {
	switch f.dst[5] {
	case 0:
		l.portForward(f)
	case 1:
		l.drop(f, DropControlFrame, "")
	default:
		l.input(f)
	}
}

// forward sends a unicast frame that came in by a port where it belongs.
func (l *link) forward(f frame, from *link) {
	to, known := l.whereabouts(f)
	f.shared = f.shared || l.promisc
	switch {
	case known && to.local():
		l.passUp(f, from)
		return
	case known:
		l.tellPort(f, to.port)
		to.port.portTransmit(f, from)
	default:
		if l.world().watched() {
			l.decide(f, "fdb: nobody knows where %s is, it goes to all ports", f.dst)
		}
		l.flood(f, from)
	}
	if l.promisc {
		l.passUp(f, from)
	}
}

// tellPort tells those who watch by which port a frame goes.
func (l *link) tellPort(f frame, p *link) {
	if l.world().watched() {
		l.decide(f, "fdb: %s is behind %s", f.dst, p.name)
	}
}

// bridgeTransmit is what a bridge does with a frame of its own machine. (net/bridge/br_device.c: br_dev_xmit.)
func (l *link) bridgeTransmit(f frame) {
	if !l.bridge.admit(&f, &l.bridge.vlans) {
		l.drop(f, DropNotSpecified, "the bridge is no member of the VLAN")
		return
	}
	to, known := l.whereabouts(f)
	switch {
	case known && to.port != nil:
		l.tellPort(f, to.port)
		to.port.portTransmit(f, nil)
	case !known:
		l.flood(f, nil)
	}
}

// admit takes a frame into its VLAN, which it says from there on as its tag, and reports whether it may come in by a
// member of these. (net/bridge/br_vlan.c: br_allowed_ingress.)
func (b *bridge) admit(f *frame, by *vlanGroup) (ok bool) {
	if !b.filtering {
		return true
	}
	f.vlan, ok = by.admit(f.vlan)
	return ok
}

// vlanOf is the VLAN by which a bridge remembers where a MAC is.
func (b *bridge) vlanOf(f frame) int {
	if b.filtering {
		return f.vlan
	}
	return 0
}

// passUp hands a frame to the bridge's own vlans and protocols, if the bridge is a member of the frame's VLAN. One that
// is promiscuous sees the others with their tag. (net/bridge/br_input.c: br_pass_frame_up.)
func (l *link) passUp(f frame, from *link) {
	if l.bridge.filtering {
		if !l.bridge.vlans.has(f.vlan) && !l.promisc {
			return
		}
		f.vlan = l.bridge.vlans.tag(f.vlan)
	}
	if l.up && l.ns.bridgeAdmits(atLocalIn, &f, from, nil) {
		l.receive(f)
	}
}

// flood sends a frame to all ports, the newest first as they are listed. (net/bridge/br_forward.c: br_flood.)
func (l *link) flood(f frame, from *link) {
	f.shared = true
	for _, p := range slices.Clone(l.bridge.ports) {
		p.portTransmit(f, from)
	}
}

// portTransmit sends a frame out of a port that it may leave by. (net/bridge/br_forward.c: __br_forward.)
func (l *link) portTransmit(f frame, from *link) {
	br := l.master
	if !l.forwards() || !l.delivers(from) || br.bridge.filtering && !l.port.vlans.has(f.vlan) {
		return // should_deliver, br_allowed_egress
	}
	if br.bridge.filtering {
		f.vlan = l.port.vlans.tag(f.vlan) // br_handle_vlan
	}
	if !l.portAdmits(&f, from) || !l.ns.bridgeAdmits(atPostRouting, &f, nil, l) { // br_forward_finish
		return
	}
	if !br.takes(f) {
		l.portPush(f)
		return
	}
	for _, f := range br.bridgePostRouting(f, l) {
		l.portPush(f)
	}
}

// portAdmits asks netfilter whether a frame may leave by a port. (net/bridge/br_forward.c: __br_forward.)
func (l *link) portAdmits(f *frame, from *link) bool {
	if from == nil {
		return l.ns.bridgeAdmits(atLocalOut, f, nil, l)
	}
	return l.ns.bridgeAround(atForward, f, from, l, func() bool { return l.master.bridgeForward(f) })
}

// portPush is the last that a bridge does with a frame. (net/bridge/br_forward.c: br_dev_queue_push_xmit, which drops what
// is too long.)
func (l *link) portPush(f frame) {
	if not := f.fits(l); not != "" {
		l.drop(f, not, describeMTU(f, l))
		return
	}
	l.transmit(f)
}

// delivers reports whether what came in by another port, nil for the bridge's own machine, may leave by this one.
// (net/bridge/br_forward.c: should_deliver; net/bridge/br_private.h: br_skb_isolated.)
func (l *link) delivers(from *link) bool {
	switch from {
	case nil:
		return true
	case l:
		return l.port.flags.Hairpin && !l.port.flags.Isolated
	}
	return !(l.port.flags.Isolated && from.port.flags.Isolated)
}

// reserved reports whether the MAC is one of 01:80:c2:00:00:0x, which a bridge does not forward (IEEE 802.1D).
func (m mac) reserved() bool {
	return [5]byte(m[:5]) == [5]byte{0x01, 0x80, 0xc2, 0, 0} && m[5] < 0x10
}
