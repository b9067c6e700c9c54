package sim

import "net/netip"

// A handover is packets on their way to the sockets of a namespace, who get them once the tables are unlocked: one, or
// segments of TCP that have come in a row. Who works off several at once acknowledges them once, as Linux does that takes
// what has come of a device (net/core/dev.c: __napi_poll) and merges it (net/core/gro.c).
type handover struct {
	ns      *namespace
	dst     netip.Addr
	first   [1]Packet // room for what most have
	packets []Packet
}

// maxHandover is net.core.dev_weight.
const maxHandover = 64

// handUp hands a packet to the namespace's sockets.
func (ns *namespace) handUp(p Packet) {
	w := ns.world()
	if w.handover.takes(ns, p.Data) {
		w.handover.packets = append(w.handover.packets, p)
		return
	}
	h := &handover{ns: ns, dst: packet(p.Data).dst()}
	h.packets = append(h.first[:0], p)
	w.post(h.deliver)
	if isMidstream(p.Data) {
		w.handover = h
	}
}

// takes reports whether a packet of a namespace may join.
func (h *handover) takes(ns *namespace, p packet) bool {
	return h != nil && h.ns == ns && len(h.packets) < maxHandover && isMidstream(p) && p.dst() == h.dst
}

// deliver is called with no lock held.
func (h *handover) deliver() {
	t, err := h.ns.socketsAt(h.dst)
	if err != nil {
		return // a world without transport: nobody is there to hear
	}
	t.Deliver(h.packets...)
	w := h.ns.world()
	w.locked(func() { w.disturb(h.ns) })
}

// isMidstream reports whether a packet is a segment of TCP that neither begins nor ends a connection.
func isMidstream(p packet) bool {
	if p.protocol() != protoTCP || p.isFragment() {
		return false
	}
	tcp := p.payload()
	return len(tcp) >= tcpHeader && tcp[tcpFlags]&^tcpPSH == tcpACK
}
