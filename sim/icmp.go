package sim

import (
	"encoding/binary"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// A report is an ICMP error, as IPv4 (RFC 792) and as IPv6 (RFC 4443) say it. The zero value is none.
type report struct {
	v4, v6 icmpKind
	mtu    int // of too big
}

type icmpKind struct{ kind, code byte }

// The errors that the simulation makes; include/uapi/linux/icmp.h and icmpv6.h.
var (
	netUnreachable  = report{v4: icmpKind{icmpUnreachable, 0}, v6: icmpKind{icmpv6Unreachable, 0}}
	hostUnreachable = report{v4: icmpKind{icmpUnreachable, 1}, v6: icmpKind{icmpv6Unreachable, 3}}
	packetFiltered  = report{v4: icmpKind{icmpUnreachable, 13}, v6: icmpKind{icmpv6Unreachable, 1}}
	timeExceeded    = report{v4: icmpKind{icmpTimeExceeded, 0}, v6: icmpKind{icmpv6TimeExceeded, 0}}
)

const (
	icmpUnreachable    = 3
	icmpSourceQuench   = 4
	icmpRedirect       = 5
	icmpTimeExceeded   = 11
	icmpParameter      = 12
	icmpv6Unreachable  = 1
	icmpv6TooBig       = 2
	icmpv6TimeExceeded = 3
	icmpv6Query        = 128 // all that are less are errors
	icmpHeader         = 8
	icmpMaxLen4        = 576  // no ICMP error is longer: RFC 1812, 4.3.2.3
	icmpMaxLen6        = 1280 // RFC 4443, 2.4
)

// tooBig says that a packet does not fit and must not be cut.
func tooBig(mtu int) report {
	return report{v4: icmpKind{icmpUnreachable, 4}, v6: icmpKind{icmpv6TooBig, 0}, mtu: mtu}
}

// report tells the sender of p what became of it, unless there is nothing to tell or nobody who may be told: errors
// are not about errors, nor fragments but the first, nor what went to many. (net/ipv4/icmp.c: __icmp_send;
// net/ipv6/icmp.c: icmp6_send.)
func (ns *namespace) report(p packet, in *link, known tracked, r report) {
	if r == (report{}) || !p.first() || p.isICMPError() || p.dst().IsMulticast() || p.src().IsUnspecified() {
		return
	}
	to, errno := ns.wayBack(p, in)
	if errno != 0 || to.kind == kernel.Broadcast {
		return
	}
	src := p.dst()
	if !ns.local(src) {
		src = ns.source(to, p.src())
	}
	if !src.IsValid() {
		return
	}
	if q := r.packet(src, p); ns.maySend(q, to) {
		_ = ns.emit(q, to, known.answered())
	}
}

// wayBack is the way to who has sent a packet. One that has come by a link from a link-local address is told by that link:
// the address has no meaning elsewhere. (net/ipv6/icmp.c: icmp6_send, __ipv6_addr_needs_scope_id.)
func (ns *namespace) wayBack(p packet, in *link) (way, kernel.Errno) {
	if in == nil || !p.v6() || !p.src().IsLinkLocalUnicast() {
		return ns.route(flow{dst: p.src()})
	}
	r, errno := ns.fib6.lookup(flow{dst: p.src(), out: in}, func(r *route) bool { return r.usable() && r.link == in })
	if errno != 0 {
		return way{}, errno
	}
	return ns.wayBy(r, p.src()), 0
}

// packet is the error about p, which it quotes.
func (r report) packet(src netip.Addr, p packet) packet {
	if p.v6() {
		m := r.v6.message(p, icmpMaxLen6-headerLen6)
		binary.BigEndian.PutUint32(m[4:], uint32(r.mtu))
		binary.BigEndian.PutUint16(m[2:], sumICMPv6(src, p.src(), m))
		return newPacket(src, p.src(), protoICMPv6, m)
	}
	m := r.v4.message(p, icmpMaxLen4-headerLen4)
	binary.BigEndian.PutUint16(m[6:], uint16(r.mtu))
	binary.BigEndian.PutUint16(m[2:], sum16(m))
	return newPacket(src, p.src(), protoICMP, m)
}

// message is an error without its checksum, no longer than limit.
func (k icmpKind) message(about packet, limit int) []byte {
	m := append(make([]byte, icmpHeader), about[:min(len(about), limit-icmpHeader)]...)
	m[0], m[1] = k.kind, k.code
	return m
}

// isICMPError reports whether the packet is an ICMP message that is no query or reply. (icmp_pointers;
// net/ipv6/icmp.c: is_ineligible.)
func (p packet) isICMPError() bool {
	if len(p.payload()) == 0 {
		return false
	}
	kind := p.payload()[0]
	if p.protocol() == protoICMPv6 {
		return kind < icmpv6Query
	}
	switch kind {
	case icmpUnreachable, icmpSourceQuench, icmpRedirect, icmpTimeExceeded, icmpParameter:
		return p.protocol() == protoICMP
	}
	return false
}
