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

// A connection is a flow that netfilter has seen. A packet whose tuple is orig goes the way of the first one, one with
// reply comes back. Where the source is translated, reply is not the inverse of orig: it is sent to the new source.
type connection struct {
	orig, reply tuple
	seen        time.Duration // when the last packet passed
	replied     bool
	fresh       bool // not asked about yet: nothing of it has left
}

func (c *connection) translated() bool { return c.reply != c.orig.inverse() }

// How long a connection is remembered without a packet, before and after the first reply:
// net/netfilter/nf_conntrack_proto_udp.c, _icmp.c, _tcp.c (SYN_SENT, ESTABLISHED), _generic.c. The states of TCP are not
// followed.
var connectionTimes = map[int][2]time.Duration{
	protoTCP:    {120 * time.Second, 5 * 24 * time.Hour},
	protoUDP:    {30 * time.Second, 120 * time.Second},
	protoICMP:   {30 * time.Second, 30 * time.Second},
	protoICMPv6: {30 * time.Second, 30 * time.Second},
}

const (
	protoTCP = 6
	protoUDP = 17
)

func (c *connection) over(now time.Duration) bool {
	times, ok := connectionTimes[c.orig.protocol]
	if !ok {
		times = [2]time.Duration{600 * time.Second, 600 * time.Second}
	}
	limit := times[0]
	if c.replied {
		limit = times[1]
	}
	return now-c.seen > limit
}

// connections are those of a namespace, by both of their tuples.
type connections map[tuple]*connection

// find returns a connection that is not over, and whether the tuple is that of its replies.
func (all connections) find(t tuple, now time.Duration) (c *connection, isReply bool) {
	c = all[t]
	switch {
	case c == nil:
		return nil, false
	case c.over(now):
		delete(all, c.orig)
		delete(all, c.reply)
		return nil, false
	}
	return c, c.orig != t
}

func (ns *namespace) note(c *connection) {
	if ns.connections == nil {
		ns.connections = connections{}
	}
	ns.connections[c.orig], ns.connections[c.reply] = c, c
}

// What messages of ICMP are echoes.
const (
	icmpEchoReply   = 0
	icmpEcho        = 8
	icmpv6Echo      = 128
	icmpv6EchoReply = 129
)

// tuple returns the packet's; not ok where netfilter does not follow it: an ICMP message that is no echo, or a fragment but
// the first. (Linux puts fragments together first: net/ipv4/netfilter/nf_defrag_ipv4.c. That is not simulated.)
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

// tracks reports whether connections are followed: Linux does as long as a chain of type nat needs it.
// (net/netfilter/nf_conntrack_proto.c: nf_ct_netns_get.)
func (ns *namespace) tracks(v6 bool) bool {
	family := kernel.FilterIP
	if v6 {
		family = kernel.FilterIP6
	}
	for _, hook := range []string{preRouting, localIn, localOut, postRouting} {
		if len(ns.filter.chains(hookPoint{family, hook, true})) > 0 {
			return true
		}
	}
	return false
}
