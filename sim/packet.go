package sim

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// A packet is an IPv4 (RFC 791) or IPv6 (RFC 8200) packet.
type packet []byte

const (
	headerLen4   = 20 // without options
	headerLen6   = 40
	defaultTTL   = 64 // net.ipv4.ip_default_ttl, net.ipv6.conf.hop_limit
	dontFragment = 0x4000
	moreFragment = 0x2000
	offsetMask   = 0x1fff // in units of eight bytes
)

// The protocols above IP that the simulation has to know.
const (
	protoICMP     = 1
	protoFragment = 44 // an extension header
	protoICMPv6   = 58
)

// parsePacket returns the packet without the padding behind it; not ok where its header is no good.
// (net/ipv4/ip_input.c: ip_rcv_core; net/ipv6/ip6_input.c: ip6_rcv_core.)
func parsePacket(data []byte) (p packet, ok bool) { return parseTrain(data, train{}) }

// parseTrain is parsePacket for what may have a body.
func parseTrain(data []byte, t train) (p packet, ok bool) {
	p = data
	n := len(p)
	if t.body != nil {
		n += t.body.Len()
	}
	switch {
	case len(p) >= headerLen4 && p[0]>>4 == 4:
		ok = p.headerLen() >= headerLen4 && p.headerLen() <= min(p.totalLen(), len(p)) && p.totalLen() <= n &&
			sum16(p[:p.headerLen()]) == 0
	case len(p) >= headerLen6 && p[0]>>4 == 6:
		ok = p.headerLen() <= min(p.totalLen(), len(p)) && p.totalLen() <= n
	}
	if !ok {
		return nil, false
	}
	return p[:min(p.totalLen(), len(p))], true
}

func (p packet) v6() bool { return p[0]>>4 == 6 }

func (p packet) totalLen() int {
	if p.v6() {
		return headerLen6 + int(binary.BigEndian.Uint16(p[4:]))
	}
	return int(binary.BigEndian.Uint16(p[2:]))
}

// headerLen is the length of the header with its options, or with the fragment header that follows it.
func (p packet) headerLen() int {
	switch {
	case !p.v6():
		return int(p[0]&0xf) * 4
	case p[6] == protoFragment:
		return headerLen6 + fragmentHeader
	}
	return headerLen6
}

func (p packet) protocol() int {
	switch {
	case !p.v6():
		return int(p[9])
	case p[6] == protoFragment && len(p) > headerLen6:
		return int(p[headerLen6])
	}
	return int(p[6])
}

// hopLimit returns the byte that has the TTL, or hop limit.
func (p packet) hopLimit() *byte {
	if p.v6() {
		return &p[7]
	}
	return &p[8]
}

func (p packet) src() netip.Addr {
	if p.v6() {
		return netip.AddrFrom16([16]byte(p[8:24]))
	}
	return netip.AddrFrom4([4]byte(p[12:16]))
}

func (p packet) dst() netip.Addr {
	if p.v6() {
		return netip.AddrFrom16([16]byte(p[24:40]))
	}
	return netip.AddrFrom4([4]byte(p[16:20]))
}

func (p packet) payload() []byte { return p[p.headerLen():] }

// whole reports whether DF is set.
func (p packet) whole() bool { return !p.v6() && binary.BigEndian.Uint16(p[6:])&dontFragment != 0 }

// first reports whether the packet has its payload's beginning: it is no fragment, or the first.
func (p packet) first() bool {
	switch {
	case !p.v6():
		return binary.BigEndian.Uint16(p[6:])&offsetMask == 0
	case p[6] == protoFragment && len(p) >= p.headerLen():
		return binary.BigEndian.Uint16(p[headerLen6+2:])>>3 == 0
	}
	return true
}

// age takes one off the TTL. (include/net/ip.h: ip_decrease_ttl.)
func (p packet) age() {
	*p.hopLimit()--
	p.sealHeader()
}

// seal sets the length, and the checksum where the header has one.
func (p packet) seal() {
	if p.v6() {
		binary.BigEndian.PutUint16(p[4:], uint16(len(p)-headerLen6))
		return
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	p.sealHeader()
}

// sealHeader sets the checksum where the header has one.
func (p packet) sealHeader() {
	if p.v6() {
		return
	}
	binary.BigEndian.PutUint16(p[10:], 0)
	binary.BigEndian.PutUint16(p[10:], sum16(p[:p.headerLen()]))
}

// newPacket makes a packet of the family of its addresses.
func newPacket(src, dst netip.Addr, protocol int, payload []byte) packet {
	var p packet
	if src.Is4() {
		p = make(packet, 12, headerLen4+len(payload))
		p[0], p[9] = 4<<4|headerLen4/4, byte(protocol)
	} else {
		p = make(packet, 8, headerLen6+len(payload))
		p[0], p[6] = 6<<4, byte(protocol)
	}
	*p.hopLimit() = defaultTTL
	p = append(append(append(p, src.AsSlice()...), dst.AsSlice()...), payload...)
	p.seal()
	return p
}

// sum16 is the checksum of the internet protocols over some pieces, of which all but the last have an even length: RFC
// 1071.
func sum16(pieces ...[]byte) uint16 {
	var sum uint64
	for _, data := range pieces {
		for ; len(data) >= 8; data = data[8:] {
			eight := binary.BigEndian.Uint64(data)
			sum += eight>>32 + eight&math.MaxUint32
		}
		for ; len(data) >= 2; data = data[2:] {
			sum += uint64(binary.BigEndian.Uint16(data))
		}
		if len(data) == 1 {
			sum += uint64(data[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// sumICMPv6 is the checksum of a message with the pseudo header of RFC 8200, 8.1.
func sumICMPv6(src, dst netip.Addr, message []byte) uint16 {
	return sumPseudo(src, dst, protoICMPv6, message)
}
