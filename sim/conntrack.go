package sim

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A tuple tells connections apart: who sends to whom. Of ICMP's echoes the identifier is the port of who asks.
type tuple struct {
	from, to netip.AddrPort
	protocol int
}

func (t tuple) inverse() tuple { return tuple{t.to, t.from, t.protocol} }

// A tupleKey is a tuple as a key: without pointers, which cost a map of many thousands as much as all else about a packet.
type tupleKey struct {
	from, to         [16]byte
	fromPort, toPort uint16
	protocol         uint16
	v6               bool
}

func (t tuple) key() tupleKey {
	return tupleKey{
		t.from.Addr().As16(), t.to.Addr().As16(), t.from.Port(), t.to.Port(), uint16(t.protocol), t.from.Addr().Is6(),
	}
}

// A connection is a flow that netfilter has seen. A packet whose tuple is orig goes the way of the first one, one with
// reply comes back. Where the source is translated, reply is not the inverse of orig: it is sent to the new source; where
// the destination is, it comes from the new one.
type connection struct {
	orig, reply tuple
	until       time.Duration // when it is forgotten
	replied     bool          // IPS_SEEN_REPLY
	assured     bool          // IPS_ASSURED
	confirmed   bool          // its first packet has got through
	over        bool          // it is to be forgotten at once
	tcp         tcpState
	streamFrom  time.Duration // when UDP becomes a stream

	asked, moved [sides]bool // whether its addresses were asked about (IPS_SRC_NAT_DONE), and are others (IPS_SRC_NAT)
	masquerading *link       // whose address it was given
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

// connections are those of a namespace, by both of their tuples.
type connections struct {
	by       map[tupleKey]*connection
	lastPort uint16 // that was given out because the own one was taken
	sweep    int    // how many tuples there are to be when those of connections that have ended are thrown away next
}

// find returns a connection that is not over, and whether the tuple is that of its replies.
func (all *connections) find(t tuple, now time.Duration) (c *connection, isReply bool) {
	c = all.by[t.key()]
	switch {
	case c == nil:
		return nil, false
	case c.ended(now):
		all.forget(c)
		return nil, false
	}
	return c, c.orig != t
}

func (c *connection) ended(now time.Duration) bool { return c.over || now >= c.until }

func (all *connections) forget(c *connection) {
	for _, t := range []tuple{c.orig, c.reply} {
		if key := t.key(); all.by[key] == c {
			delete(all.by, key)
		}
	}
}

// minSweep is how few tuples are not worth a look.
const minSweep = 1024

// note keeps a connection.
func (all *connections) note(c *connection, now time.Duration) {
	if all.by == nil {
		all.by, all.sweep = map[tupleKey]*connection{}, minSweep
	}
	if len(all.by) >= all.sweep {
		all.drop(func(c *connection) bool { return c.ended(now) })
		all.sweep = max(minSweep, 2*len(all.by))
	}
	all.by[c.orig.key()], all.by[c.reply.key()] = c, c
	c.confirmed = true
}

// drop forgets all connections that a condition is true of.
func (all *connections) drop(which func(*connection) bool) {
	for t, c := range all.by {
		if which(c) {
			delete(all.by, t)
		}
	}
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
	w.facts.state = w.state
}

func (ns *namespace) trackTuple(w *passage, t tuple) {
	now := ns.world().clock.elapsed()
	c, isReply := ns.connections.find(t, now)
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
	if c, isReply := ns.connections.find(t.inverse(), ns.world().clock.elapsed()); c != nil {
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
	for _, t := range []tuple{c.orig, c.reply} {
		if other, _ := ns.connections.find(t, now); other != nil {
			return false
		}
	}
	ns.connections.note(c, now)
	return true
}

// What messages of ICMP are echoes.
const (
	icmpEchoReply   = 0
	icmpEcho        = 8
	icmpv6Echo      = 128
	icmpv6EchoReply = 129
)

// tuple returns the packet's; not ok where netfilter does not follow it: an ICMP message that is no echo. Fragments have
// been put together before.
func (p packet) tuple() (t tuple, ok bool) {
	t.protocol = p.protocol()
	from, to := uint16(0), uint16(0)
	data := p.payload()
	switch t.protocol {
	case protoTCP, protoUDP:
		if ok = p.first() && len(data) >= 4; ok {
			from, to = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
		}
	case protoICMP, protoICMPv6:
		if p.first() && len(data) >= icmpHeader {
			from, to, ok = echoPorts(data)
		}
	default:
		ok = true
	}
	t.from, t.to = netip.AddrPortFrom(p.src(), from), netip.AddrPortFrom(p.dst(), to)
	return t, ok
}

// untracked reports whether conntrack leaves a packet alone: what hosts of a link tell each other of groups, routers and
// neighbours. (net/netfilter/nf_conntrack_proto_icmpv6.c: noct_valid_new.)
func (p packet) untracked() bool {
	const multicastQuery, advertisement, multicastReport2 = 130, 136, 143
	if p.protocol() != protoICMPv6 || len(p.payload()) == 0 {
		return false
	}
	kind := p.payload()[0]
	return kind >= multicastQuery && kind <= advertisement || kind == multicastReport2
}

func (p packet) isEchoReply() bool {
	switch p.protocol() {
	case protoICMP:
		return p.payload()[0] == icmpEchoReply
	case protoICMPv6:
		return p.payload()[0] == icmpv6EchoReply
	}
	return false
}

func echoPorts(message []byte) (from, to uint16, ok bool) {
	id := binary.BigEndian.Uint16(message[4:])
	switch message[0] {
	case icmpEcho, icmpv6Echo:
		return id, 0, true
	case icmpEchoReply, icmpv6EchoReply:
		return 0, id, true
	}
	return 0, 0, false
}
