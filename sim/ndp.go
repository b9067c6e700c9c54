package sim

import (
	"encoding/binary"
	"iter"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// An ndp is a neighbour solicitation or advertisement: RFC 4861. An advertisement sets flags, and both say the sender's
// MAC unless it has no address yet.
type ndp struct {
	kind   byte
	flags  byte
	target netip.Addr
	mac    mac
	hasMAC bool
	nonce  nonce
}

// A nonce tells a node's own solicitation, come back to it, from another node's: RFC 7527. The zero nonce is none.
type nonce [6]byte

const (
	ndpRouterSolicitation = 133
	ndpSolicitation       = 135
	ndpAdvertisement      = 136
	ndpLen                = 24 // without options
	ndpHopLimit           = 255
	ndpSolicited          = 0x40
	ndpOverride           = 0x20
	ndpSourceMAC          = 1 // options
	ndpTargetMAC          = 2
	ndpNonce              = 14
)

// option is the type of the option that has the sender's MAC.
func (m ndp) option() byte {
	if m.kind == ndpSolicitation {
		return ndpSourceMAC
	}
	return ndpTargetMAC
}

// isNDP reports whether a packet of ICMPv6 is a whole message of neighbour discovery. One from further than the link does
// not count.
func isNDP(p packet, withoutOptions int) bool {
	return len(p.payload()) >= withoutOptions && *p.hopLimit() == ndpHopLimit && sumICMPv6(p.src(), p.dst(), p.payload()) == 0
}

// ndpOptions are the options of a message, each of them whole, with its type and its length in units of 8 bytes.
func ndpOptions(b []byte) iter.Seq[[]byte] {
	const unit = 8
	return func(yield func([]byte) bool) {
		for len(b) >= unit && b[1] != 0 && len(b) >= int(b[1])*unit {
			size := int(b[1]) * unit
			if !yield(b[:size]) {
				return
			}
			b = b[size:]
		}
	}
}

// ndpPacket makes the packet of a message without a checksum.
func ndpPacket(src, dst netip.Addr, message []byte) packet {
	binary.BigEndian.PutUint16(message[2:], sumICMPv6(src, dst, message))
	p := newPacket(src, dst, protoICMPv6, message)
	*p.hopLimit() = ndpHopLimit
	return p
}

// parseNDP takes a packet apart.
func parseNDP(p packet) (m ndp, ok bool) {
	if !isNDP(p, ndpLen) {
		return ndp{}, false
	}
	b := p.payload()
	m = ndp{kind: b[0], flags: b[4], target: netip.AddrFrom16([16]byte(b[8:24]))}
	for o := range ndpOptions(b[ndpLen:]) {
		switch o[0] {
		case m.option():
			m.mac, m.hasMAC = mac(o[2:8]), true
		case ndpNonce:
			m.nonce = nonce(o[2:8])
		}
	}
	return m, true
}

// packet makes the packet of a message.
func (m ndp) packet(src, dst netip.Addr) packet {
	b := append([]byte{m.kind, 0, 0, 0, m.flags, 0, 0, 0}, m.target.AsSlice()...)
	if m.hasMAC {
		b = append(append(b, m.option(), 1), m.mac[:]...)
	}
	if m.nonce != (nonce{}) {
		b = append(append(b, ndpNonce, 1), m.nonce[:]...)
	}
	return ndpPacket(src, dst, b)
}

// solicitedNode is the group of those whose address ends like a (addrconf_addr_solict_mult).
func solicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

var allNodes = netip.MustParseAddr("ff02::1")

// solicit asks for the MAC of an address: the neighbour alone where to is given, else the group it is in.
// (net/ipv6/ndisc.c: ndisc_send_ns.)
func (l *link) solicit(src, target netip.Addr, to *mac) {
	m := ndp{kind: ndpSolicitation, target: target, mac: l.mac, hasMAC: true}
	if to != nil {
		l.sendNDP(*to, m.packet(src, target))
		return
	}
	l.solicitGroup(src, m)
}

// solicitDuplicate asks whether somebody has the address.
func (l *link) solicitDuplicate(target netip.Addr, n nonce) {
	l.solicitGroup(netip.IPv6Unspecified(), ndp{kind: ndpSolicitation, target: target, nonce: n})
}

func (l *link) solicitGroup(src netip.Addr, m ndp) {
	group := solicitedNode(m.target)
	l.sendNDP(multicastMAC(group), m.packet(src, group))
}

// sendNDP sends a message, about which rules are asked as about any packet of the namespace's own. (net/ipv6/ndisc.c:
// ndisc_send_skb; net/ipv6/ip6_output.c: ip6_output.)
func (l *link) sendNDP(to mac, p packet) {
	w := passage{packet: p, own: true, out: l}
	if l.ns.through(atLocalOut, &w) && l.ns.through(atPostRouting, &w) {
		l.transmitIP(to, w.packet)
	}
}

// isDiscovery reports whether a packet is of a kind that neighbour discovery has.
func isDiscovery(p packet) bool {
	if !p.v6() || p.protocol() != protoICMPv6 || len(p.payload()) == 0 {
		return false
	}
	kind := p.payload()[0]
	return ndpRouterSolicitation <= kind && kind <= ndpAdvertisement
}

// inputNDP takes neighbour discovery in, and reports whether the packet was that.
func (l *link) inputNDP(p packet) bool {
	switch p.payload()[0] {
	case ndpRouterSolicitation:
		return l.inputRouterSolicitation(p)
	case kernel.TypeRouterAdvertisement:
		a, ok := parseAdvertisement(p)
		if ok && l.hearsNDP() {
			l.inputRouter(a, p.src())
		}
		return ok
	case ndpSolicitation, ndpAdvertisement:
		m, ok := parseNDP(p)
		if ok && l.hearsNDP() {
			l.inputNeighbour(m, p.src())
		}
		return ok
	}
	return false
}

// hearsNDP reports whether the link takes part in neighbour discovery.
func (l *link) hearsNDP() bool { return !l.loopback() && l.ip6Enabled() }

func (l *link) inputNeighbour(m ndp, src netip.Addr) {
	if m.kind == ndpSolicitation {
		l.inputSolicitation(m, src)
	} else {
		l.inputAdvertisement(m)
	}
}

// inputSolicitation answers for the addresses of this very link, and learns who asks. (net/ipv6/ndisc.c:
// ndisc_recv_ns.)
func (l *link) inputSolicitation(m ndp, src netip.Addr) {
	a := l.find(m.target)
	if a == nil || a.DADFailed {
		return
	}
	if a.Tentative {
		ownBack := m.nonce != (nonce{}) && m.nonce == a.nonce
		if src.IsUnspecified() && !ownBack { // somebody else wants it, too
			a.failDAD()
		}
		return
	}
	answer := ndp{kind: ndpAdvertisement, flags: ndpOverride, target: m.target, mac: l.mac, hasMAC: true}
	if src.IsUnspecified() {
		l.sendNDP(multicastMAC(allNodes), answer.packet(m.target, allNodes))
		return
	}
	if !m.hasMAC {
		return
	}
	l.confirm(l.neighbourAt(src), m.mac, kernel.Stale, true)
	answer.flags |= ndpSolicited
	l.sendNDP(m.mac, answer.packet(m.target, src))
}

// inputAdvertisement brings an entry that is there up to date, or ends duplicate address detection. (net/ipv6/ndisc.c:
// ndisc_recv_na.)
func (l *link) inputAdvertisement(m ndp) {
	if a := l.find(m.target); a != nil {
		if a.Tentative && !a.DADFailed {
			a.failDAD()
		}
		return
	}
	n := l.neighbours[m.target]
	if n == nil || !m.hasMAC {
		return
	}
	state := kernel.Stale
	if m.flags&ndpSolicited != 0 {
		state = kernel.Reachable
	}
	l.confirm(n, m.mac, state, m.flags&ndpOverride != 0)
}
