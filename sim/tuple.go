package sim

import (
	"encoding/binary"
	"net/netip"
)

// A tuple tells connections apart: who sends to whom. Of ICMP's echoes the identifier is the port of who asks.
type tuple struct {
	from, to peer
	protocol uint8
	v6       bool
}

// A peer is one end of a connection: what netip.AddrPort says, without a pointer.
type peer struct {
	addr [16]byte // of IPv4 the first four
	port uint16
}

func newTuple(from, to netip.AddrPort, protocol uint8) tuple {
	return tuple{peerOf(from), peerOf(to), protocol, from.Addr().Is6()}
}

func peerOf(a netip.AddrPort) (p peer) {
	putAddress(p.addr[:], a.Addr())
	p.port = a.Port()
	return p
}

// addrPort is a peer of IPv6, or of IPv4.
func (p peer) addrPort(v6 bool) netip.AddrPort {
	if v6 {
		return netip.AddrPortFrom(netip.AddrFrom16(p.addr), p.port)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(p.addr[:4])), p.port)
}

func (t *tuple) inverse() tuple { return tuple{t.to, t.from, t.protocol, t.v6} }

// hash is a number all of whose bits tell of all of the tuple.
func (t *tuple) hash() uint32 {
	h := uint64(t.from.port)<<24 | uint64(t.to.port)<<8 | uint64(t.protocol)
	h = mixed(h, t.from.addr[:8], t.to.addr[:8])
	if t.v6 {
		h = mixed(h, t.from.addr[8:], t.to.addr[8:])
	}
	return uint32(h >> 32)
}

// mixed is a number that depends on another one and two times eight bytes.
func mixed(h uint64, a, b []byte) uint64 {
	h = (h ^ binary.LittleEndian.Uint64(a)) * golden
	h = (h ^ h>>32 ^ binary.LittleEndian.Uint64(b)) * golden
	return (h ^ h>>32) * golden
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
	t.protocol, t.v6 = uint8(p.protocol()), p.v6()
	copy(t.from.addr[:], p.addressPlace(true))
	copy(t.to.addr[:], p.addressPlace(false))
	data := p.payload()
	switch t.protocol {
	case protoTCP, protoUDP:
		if ok = p.first() && len(data) >= 4; ok {
			t.from.port, t.to.port = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
		}
	case protoICMP, protoICMPv6:
		if p.first() && len(data) >= icmpHeader {
			t.from.port, t.to.port, ok = echoPorts(data)
		}
	default:
		ok = true
	}
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
