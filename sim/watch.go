package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// A Sight is one thing that happened to a frame or a packet in a world.
type Sight struct {
	At     time.Time
	Place  Place
	Event  Event
	Reason DropReason // of Dropped
	Detail string     // of Decided and Dropped: a few words

	// Frame is the Ethernet frame as on the wire, without padding and checksum. A packet that never got as far as a
	// frame has one without MACs; what is decided about the packet of a frame has the frame.
	Frame []byte
}

// A Place is a network device, or a namespace where Link is "": what is not yet on its way to a device.
type Place struct{ Host, NetNS, Link string }

// String is host/namespace/device.
func (p Place) String() string {
	s := p.Host + "/" + p.NetNS
	if p.Link != "" {
		s += "/" + p.Link
	}
	return s
}

// An Event is what happened.
type Event string

// The events.
const (
	Received Event = "received" // by a device, where packet sockets of Linux see it (netif_receive_skb)
	Sent     Event = "sent"     // by a device, where packet sockets see it (dev_queue_xmit_nit)
	Decided  Event = "decided"  // where it goes, and by what: Detail
	Dropped  Event = "dropped"  // for the Reason
)

// A DropReason is why a frame or packet ended, by the names of Linux: include/net/dropreason-core.h, SKB_DROP_REASON_...
type DropReason string

// The reasons. Where Linux says NOT_SPECIFIED, as bridges do, the Detail of the sight says more.
const (
	DropNotSpecified    DropReason = "NOT_SPECIFIED"
	DropDeviceNotReady  DropReason = "DEV_READY"         // the device is down or has no carrier
	DropTooLong         DropReason = "PKT_TOO_BIG"       // for a device, or to be forwarded whole
	DropOtherHost       DropReason = "OTHERHOST"         // addressed to another MAC
	DropUnhandled       DropReason = "UNHANDLED_PROTO"   // no such protocol
	DropBadHeader       DropReason = "IP_INHDR"          // a header that is no good, or a TTL that is used up
	DropNetfilter       DropReason = "NETFILTER_DROP"    // a rule or policy
	DropReversePath     DropReason = "IP_RPFILTER"       // rp_filter
	DropLocalSource     DropReason = "IP_LOCAL_SOURCE"   // from an address of the namespace's own
	DropInvalidSource   DropReason = "IP_INVALID_SOURCE" // from what is no host
	DropLocalNet        DropReason = "IP_LOCALNET"       // a loopback address on a wire
	DropNoRoute         DropReason = "IP_INNOROUTES"
	DropNotForwarding   DropReason = "IP_INADDRERRORS" // for another host, and forwarding is off
	DropNoRouteOut      DropReason = "IP_OUTNOROUTES"
	DropNeighbourFailed DropReason = "NEIGH_FAILED"    // nobody answers for the next hop
	DropNeighbourQueue  DropReason = "NEIGH_QUEUEFULL" // more wait for the next hop's MAC than may
	DropPortDisabled    DropReason = "BRIDGE_INGRESS_STP_STATE"
	DropInvalidMAC      DropReason = "MAC_INVALID_SOURCE"
	DropControlFrame    DropReason = "MAC_IEEE_MAC_CONTROL"
	DropReassembly      DropReason = "FRAG_REASM_TIMEOUT" // the rest of its packet is missing, or says something else
	DropNoTarget        DropReason = "NO_TX_TARGET"       // a bridge has nobody to send it to
	DropQueueFull       DropReason = "QDISC_DROP"         // as many as may wait to be sent already
	DropQueuePurged     DropReason = "QUEUE_PURGE"        // it waited to be sent when the carrier went
)

// A watcher is told of what happens.
type watcher struct{ see func(Sight) }

// Watch calls see with all that happens to frames and packets from now on, in order, until stop is called. see must not
// call anything of the world.
func (w *World) Watch(see func(Sight)) (stop func()) {
	by := &watcher{see}
	w.locked(func() { w.watchers = append(w.watchers, by) })
	return func() {
		w.locked(func() {
			w.watchers = slices.DeleteFunc(w.watchers, func(other *watcher) bool { return other == by })
		})
	}
}

func (w *World) watched() bool { return len(w.watchers) > 0 }

func (w *World) tell(s Sight) {
	s.At = w.Now()
	for _, by := range w.watchers {
		by.see(s)
	}
}

// place is where the link is.
func (l *link) place() Place {
	p := l.ns.place()
	p.Link = l.name
	return p
}

func (ns *namespace) place() Place { return Place{Host: ns.machine.name, NetNS: ns.name} }

// see tells those who watch of a frame at the link.
func (l *link) see(e Event, f frame) {
	if w := l.world(); w.watched() {
		w.tell(Sight{Place: l.place(), Event: e, Frame: f.bytes()})
	}
}

// drop tells those who watch that a frame ends at the link.
func (l *link) drop(f frame, reason DropReason, why string) {
	if w := l.world(); w.watched() {
		w.tell(Sight{Place: l.place(), Event: Dropped, Frame: f.bytes(), Reason: reason, Detail: why})
	}
}

// decide tells those who watch what becomes of a frame at the link, in the words of fmt.Sprintf.
func (l *link) decide(f frame, format string, args ...any) {
	if w := l.world(); w.watched() {
		w.tell(Sight{Place: l.place(), Event: Decided, Frame: f.bytes(), Detail: fmt.Sprintf(format, args...)})
	}
}

// drop tells those who watch that a packet ends in the namespace, on its way in by one link, out by another or both.
func (ns *namespace) drop(p packet, in, out *link, reason DropReason, why string) {
	if ns.world().watched() {
		s := ns.sightOf(p, in, out)
		s.Event, s.Reason, s.Detail = Dropped, reason, why
		ns.world().tell(s)
	}
}

// decide tells those who watch what becomes of a packet.
func (ns *namespace) decide(p packet, in, out *link, format string, args ...any) {
	if ns.world().watched() {
		s := ns.sightOf(p, in, out)
		s.Event, s.Detail = Decided, fmt.Sprintf(format, args...)
		ns.world().tell(s)
	}
}

// sightOf is a packet in a namespace: the frame that it came in by is the one that its link is at work on.
func (ns *namespace) sightOf(p packet, in, out *link) Sight {
	s := Sight{Place: ns.place()}
	switch {
	case in != nil:
		s.Place = in.place()
	case out != nil:
		s.Place = out.place()
	}
	if taken := ns.world().taken; in != nil && taken != nil {
		s.Frame = taken.bytes()
	} else {
		s.Frame = frameOf(mac{}, mac{}, p).bytes()
	}
	return s
}

// length is how many bytes the frame has on the wire.
func (f frame) length() int {
	n := len(f.dst) + len(f.src) + 2 + len(f.payload)
	if f.body != nil {
		n += f.body.Len()
	}
	if f.vlan != 0 {
		n += vlanHeader
	}
	return n
}

// parseFrame reads what bytes writes.
func parseFrame(b []byte) (f frame, ok bool) {
	head := len(f.dst) + len(f.src) + 2
	if len(b) < head {
		return f, false
	}
	f.dst, f.src = mac(b), mac(b[len(f.dst):])
	f.kind, f.payload = etherType(binary.BigEndian.Uint16(b[head-2:])), b[head:]
	if f.kind == typeVLAN {
		f = f.untagged()
	}
	return f, true
}

// bytes is the frame as on the wire.
func (f frame) bytes() []byte {
	f = f.joined()
	b := make([]byte, 0, len(f.dst)+len(f.src)+vlanHeader+2+len(f.payload))
	b = append(append(b, f.dst[:]...), f.src[:]...)
	if f.vlan != 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(typeVLAN))
		b = binary.BigEndian.AppendUint16(b, uint16(f.vlan))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(f.kind)), f.payload...)
}
