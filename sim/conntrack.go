package sim

import (
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A connection is a flow that netfilter has seen. A packet whose tuple is orig goes the way of the first one, one with
// reply comes back. Where the source is translated, reply is not the inverse of orig: it is sent to the new source; where
// the destination is, it comes from the new one.
//
// What most packets need stands at its beginning: of thousands of connections it is to be fetched anew for each.
type connection struct {
	orig         tuple
	tcp          tcpState
	replied      bool          // IPS_SEEN_REPLY
	assured      bool          // IPS_ASSURED
	confirmed    bool          // its first packet has got through: its tuples change no more
	over         bool          // it is to be forgotten at once
	asked, moved [sides]bool   // whether its addresses were asked about (IPS_SRC_NAT_DONE), and are others (IPS_SRC_NAT)
	until        time.Duration // when it is forgotten
	masquerading *link         // whose address it was given
	mark         uint32
	reply        tuple
	streamFrom   time.Duration // when UDP becomes a stream
}

// A side is which address of a packet is translated.
type side int

const (
	sourceSide side = iota
	destinationSide
	sides
)

const (
	protoTCP = 6
	protoUDP = 17
)

// How long a connection is remembered without a packet: net/netfilter/nf_conntrack_proto_udp.c, _icmp.c, _generic.c.
const (
	udpTime     = 30 * time.Second
	streamTime  = 120 * time.Second
	streamAfter = 2 * time.Second
	icmpTime    = 30 * time.Second
	otherTime   = 600 * time.Second
)

// next follows a packet of the connection. For ok and again see nextTCP.
func (c *connection) next(p packet, isReply bool, now time.Duration) (ok, again bool) {
	switch p.protocol() {
	case protoTCP:
		segment := p.payload()
		if len(segment) < tcpHeader {
			return false, false
		}
		return c.nextTCP(segment, isReply, now)
	case protoUDP: // nf_conntrack_udp_packet
		c.until = now + udpTime
		if c.replied && now > c.streamFrom {
			c.until, c.assured = now+streamTime, true
		}
	case protoICMP, protoICMPv6:
		c.until = now + icmpTime
	default:
		c.until = now + otherTime
	}
	return true, false
}

// track finds the connection that a packet is of, or begins one. What has one already has come by the loopback device.
// (net/netfilter/nf_conntrack_core.c: nf_conntrack_in, resolve_normal_ct.)
func (ns *namespace) track(w *passage) {
	if w.connection != nil {
		return
	}
	if w.packet.untracked() {
		return
	}
	w.state = kernel.FlowInvalid
	if w.packet.isICMPError() && w.packet.first() {
		ns.trackError(w)
	} else if t, ok := w.packet.tuple(); ok {
		ns.trackTuple(w, t)
	}
}

func (ns *namespace) trackTuple(w *passage, t tuple) {
	now := ns.world().clock.elapsed()
	c, isReply := ns.connections.find(&t, now)
	if c == nil {
		if w.packet.isEchoReply() {
			return // icmp_new: only who asks begins something
		}
		c = &connection{orig: t, reply: t.inverse(), streamFrom: now + streamAfter}
	}
	ok, again := c.next(w.packet, isReply, now)
	switch {
	case again:
		ns.connections.forget(c)
		ns.trackTuple(w, t)
		return
	case !ok:
		return
	}
	w.state = kernel.FlowNew
	if isReply || c.replied {
		w.state = kernel.FlowEstablished
	}
	c.replied = c.replied || isReply
	w.connection, w.isReply = c, isReply
}

// trackError finds the connection that an ICMP error is about: it quotes a packet that went the other way, as that was
// here. (net/netfilter/nf_conntrack_proto_icmp.c: nf_conntrack_inet_error.)
func (ns *namespace) trackError(w *passage) {
	about, ok := quotedIn(w.packet)
	if !ok || about.src() != w.packet.dst() {
		return
	}
	t, ok := about.tuple()
	if !ok {
		return
	}
	back := t.inverse()
	if c, isReply := ns.connections.find(&back, ns.world().clock.elapsed()); c != nil {
		w.tracked = tracked{connection: c, isReply: isReply, isRelated: true, state: kernel.FlowRelated}
	}
}

// answered is what conntrack knows of an error about a packet, or a reset instead of an answer: it is of the same
// connection, which may not be confirmed yet. (nf_conntrack_core.c: nf_conntrack_attach.)
func (t tracked) answered() tracked {
	if t.connection == nil {
		return tracked{}
	}
	return tracked{connection: t.connection, isReply: !t.isReply, isRelated: true, state: kernel.FlowRelated}
}

// confirm keeps the connection of which the first packet has got through; not ok where another one is in its way.
// (nf_conntrack_core.c: __nf_conntrack_confirm.)
func (ns *namespace) confirm(w *passage) (ok bool) {
	c := w.connection
	if c == nil || c.confirmed || w.isReply || c.over {
		return true
	}
	now := ns.world().clock.elapsed()
	for _, t := range []*tuple{&c.orig, &c.reply} {
		if other, _ := ns.connections.find(t, now); other != nil {
			return false
		}
	}
	ns.connections.note(c, now)
	return true
}
