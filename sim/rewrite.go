package sim

import (
	"encoding/binary"
	"net/netip"
)

// rewrite gives a packet, or the beginning of one that is quoted, another address. (net/netfilter/nf_nat_proto.c:
// nf_nat_ipv4_manip_pkt.)
func (q packet) rewrite(a peer, source bool) {
	protocol, data := q.protocol(), q.payload()
	var change correction
	if address := q.addressPlace(source); protocol != protoICMP { // whose checksum is over the message alone
		change.replace(address, a.addr[:len(address)])
	} else {
		copy(address, a.addr[:])
	}
	if port := portPlace(protocol, data, source); port != nil && a.port != 0 { // who is asked has no identifier of an echo
		change.replace(port, []byte{byte(a.port >> 8), byte(a.port)})
	}
	change.apply(protocol, data)
	q.sealHeader()
}

func (p packet) addressPlace(source bool) []byte {
	switch {
	case p.v6() && source:
		return p[8:24]
	case p.v6():
		return p[24:40]
	case source:
		return p[12:16]
	}
	return p[16:20]
}

// portPlace is where the payload of a packet has the port of its source or destination, which of an echo is its identifier.
func portPlace(protocol int, data []byte, source bool) []byte {
	switch protocol {
	case protoTCP, protoUDP:
		if source {
			return data[0:2]
		}
		return data[2:4]
	case protoICMP, protoICMPv6:
		return data[4:6]
	}
	return nil
}

// A correction is by how much the checksum above IP changes with some bytes of what it is over: RFC 1624.
type correction uint32

// replace changes an even number of bytes.
func (c *correction) replace(old, now []byte) {
	for i := 0; i+1 < len(old); i += 2 {
		*c += correction(^binary.BigEndian.Uint16(old[i:])) + correction(binary.BigEndian.Uint16(now[i:]))
	}
	copy(old, now)
}

// apply corrects the checksum in the payload of a packet. One of UDP may have none.
func (c correction) apply(protocol int, data []byte) {
	place := checksumPlace(protocol, data)
	if place == nil || protocol == protoUDP && binary.BigEndian.Uint16(place) == 0 {
		return
	}
	sum := uint32(^binary.BigEndian.Uint16(place)) + uint32(c)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	result := ^uint16(sum)
	if protocol == protoUDP && result == 0 {
		result = 0xffff
	}
	binary.BigEndian.PutUint16(place, result)
}

// checksumPlace is where the payload of a packet has its checksum, nil where it has none.
func checksumPlace(protocol int, data []byte) []byte {
	at := 2 // of ICMP
	switch protocol {
	case protoTCP:
		at = 16
	case protoUDP:
		at = 6
	case protoICMP, protoICMPv6:
	default:
		return nil
	}
	if len(data) >= at+2 {
		return data[at : at+2]
	}
	return nil
}

func putAddress(place []byte, a netip.Addr) {
	if a.Is4() {
		b := a.As4()
		copy(place, b[:])
		return
	}
	b := a.As16()
	copy(place, b[:])
}

// rewriteError translates an ICMP error, and what it quotes, of which the other address is translated: the packet went
// the other way. (net/netfilter/nf_nat_proto.c: nf_nat_icmp_reply_translation.)
func (q packet) rewriteError(a peer, source bool) {
	if about, ok := quotedIn(q); ok {
		about.rewrite(a, !source)
	}
	copy(q.addressPlace(source), a.addr[:])
	body := q.payload()
	binary.BigEndian.PutUint16(body[2:], 0)
	if q.v6() {
		binary.BigEndian.PutUint16(body[2:], sumICMPv6(q.src(), q.dst(), body))
	} else {
		binary.BigEndian.PutUint16(body[2:], sum16(body))
	}
	q.sealHeader()
}

// quotedIn returns the beginning of the packet that an ICMP error is about.
func quotedIn(p packet) (about packet, ok bool) {
	message := p.payload()
	if len(message) < icmpHeader {
		return nil, false
	}
	return parseQuoted(message[icmpHeader:])
}

// parseQuoted reads the beginning of a packet that an ICMP error quotes, which may be cut.
func parseQuoted(data []byte) (packet, bool) {
	p := packet(data)
	switch {
	case len(p) >= headerLen4+icmpHeader && p[0]>>4 == 4:
		return p, p.headerLen() >= headerLen4 && len(p) >= p.headerLen()+icmpHeader
	case len(p) >= headerLen6+icmpHeader && p[0]>>4 == 6:
		return p, len(p) >= p.headerLen()+icmpHeader
	}
	return nil, false
}
