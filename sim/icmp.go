package sim

import (
	"encoding/binary"

	"github.com/cnilab/cnilab/kernel"
)

// A report is an ICMP error: RFC 792. The zero value is none.
type report struct {
	kind, code byte
	mtu        int // of fragmentation needed
}

// The errors that the simulation makes; include/uapi/linux/icmp.h.
var (
	netUnreachable  = report{kind: icmpUnreachable, code: 0}
	hostUnreachable = report{kind: icmpUnreachable, code: 1}
	packetFiltered  = report{kind: icmpUnreachable, code: 13}
	timeExceeded    = report{kind: icmpTimeExceeded}
)

const (
	icmpUnreachable  = 3
	icmpTimeExceeded = 11
	icmpHeader       = 8
	icmpQuote        = 576 // no ICMP error is longer: RFC 1812, 4.3.2.3
)

func fragmentationNeeded(mtu int) report { return report{kind: icmpUnreachable, code: 4, mtu: mtu} }

// report tells the sender of p what became of it, unless there is nothing to tell or nobody who may be told: errors
// are not about errors, nor fragments but the first, nor what went to many. (net/ipv4/icmp.c: __icmp_send.) Rate limits are
// not simulated.
func (ns *namespace) report(p ipv4, r report) {
	if r == (report{}) || !p.first() || p.isICMPError() || p.dst().IsMulticast() || !p.src().IsValid() {
		return
	}
	to, errno := ns.route(p.src())
	if errno != 0 || to.kind == kernel.Broadcast {
		return
	}
	src := to.src
	if ns.hasLocal4(p.dst()) {
		src = p.dst()
	}
	if src.IsValid() {
		ns.leave(newIPv4(src, p.src(), protoICMP, r.message(p)), to)
	}
}

// message is the error about p, which it quotes.
func (r report) message(p ipv4) []byte {
	quote := p[:min(len(p), icmpQuote-ipv4Header-icmpHeader)]
	m := append(make([]byte, icmpHeader), quote...)
	m[0], m[1] = r.kind, r.code
	binary.BigEndian.PutUint16(m[6:], uint16(r.mtu))
	binary.BigEndian.PutUint16(m[2:], sum16(m))
	return m
}

// isICMPError reports whether the packet is an ICMP message that is no query or reply. (icmp_pointers.)
func (p ipv4) isICMPError() bool {
	if p.protocol() != protoICMP || len(p.payload()) == 0 {
		return false
	}
	switch p.payload()[0] {
	case icmpUnreachable, 4, 5, icmpTimeExceeded, 12:
		return true
	}
	return false
}
