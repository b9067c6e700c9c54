package sim

import (
	"encoding/binary"
	"net/netip"
)

// An ipv4 is an IPv4 packet: RFC 791.
type ipv4 []byte

const (
	ipv4Header   = 20 // without options
	defaultTTL   = 64 // net.ipv4.ip_default_ttl
	dontFragment = 0x4000
	moreFragment = 0x2000
	offsetMask   = 0x1fff // in units of eight bytes
)

// The protocols above IPv4 that the simulation knows.
const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
)

// parseIPv4 returns the packet without the padding behind it; not ok where its header is no good.
// (net/ipv4/ip_input.c: ip_rcv_core.)
func parseIPv4(data []byte) (p ipv4, ok bool) {
	p = data
	if len(p) < ipv4Header || p[0]>>4 != 4 || p.headerLen() < ipv4Header || len(p) < p.totalLen() ||
		p.totalLen() < p.headerLen() || sum16(p[:p.headerLen()]) != 0 {
		return nil, false
	}
	return p[:p.totalLen()], true
}

func (p ipv4) headerLen() int  { return int(p[0]&0xf) * 4 }
func (p ipv4) totalLen() int   { return int(binary.BigEndian.Uint16(p[2:])) }
func (p ipv4) fragment() int   { return int(binary.BigEndian.Uint16(p[6:])) }
func (p ipv4) ttl() int        { return int(p[8]) }
func (p ipv4) protocol() int   { return int(p[9]) }
func (p ipv4) src() netip.Addr { return netip.AddrFrom4([4]byte(p[12:16])) }
func (p ipv4) dst() netip.Addr { return netip.AddrFrom4([4]byte(p[16:20])) }
func (p ipv4) payload() []byte { return p[p.headerLen():] }

// whole reports whether DF is set.
func (p ipv4) whole() bool { return p.fragment()&dontFragment != 0 }

// first reports whether the packet has its payload's beginning: it is no fragment, or the first.
func (p ipv4) first() bool { return p.fragment()&offsetMask == 0 }

// aged returns a copy with the TTL one less. (include/net/ip.h: ip_decrease_ttl.)
func (p ipv4) aged() ipv4 {
	q := append(ipv4(nil), p...)
	q[8]--
	q.seal()
	return q
}

// seal sets length and checksum of the header.
func (p ipv4) seal() {
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	binary.BigEndian.PutUint16(p[10:], 0)
	binary.BigEndian.PutUint16(p[10:], sum16(p[:p.headerLen()]))
}

// newIPv4 makes a packet.
func newIPv4(src, dst netip.Addr, protocol int, payload []byte) ipv4 {
	p := make(ipv4, ipv4Header, ipv4Header+len(payload))
	p[0] = 4<<4 | ipv4Header/4
	p[8] = defaultTTL
	p[9] = byte(protocol)
	from, to := src.As4(), dst.As4()
	copy(p[12:], from[:])
	copy(p[16:], to[:])
	p = append(p, payload...)
	p.seal()
	return p
}

// sum16 is the checksum of the internet protocols: RFC 1071.
func sum16(data []byte) uint16 {
	var sum uint32
	for ; len(data) >= 2; data = data[2:] {
		sum += uint32(binary.BigEndian.Uint16(data))
	}
	if len(data) == 1 {
		sum += uint32(data[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
