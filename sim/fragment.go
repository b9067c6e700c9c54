package sim

import "encoding/binary"

// fragmentHeader is the length of IPv6's.
const fragmentHeader = 8

// fragments cuts a packet so that no piece is longer than the MTU. (net/ipv4/ip_output.c: ip_do_fragment;
// net/ipv6/ip6_output.c: ip6_fragment.) The options of an IPv4 header are copied to every fragment, which RFC 791 asks
// for those that have the copied flag.
func (ns *namespace) fragments(p packet, mtu int) (pieces []packet) {
	header, cut := p[:p.headerLen()], putFragment4
	if p.v6() {
		ns.lastFragmentID++
		header, cut = extended(p, ns.lastFragmentID), putFragment6
	}
	rest := p.payload()
	room := (mtu - len(header)) &^ 7
	if room <= 0 {
		return nil
	}
	for offset := 0; offset < len(rest); offset += room {
		end := min(offset+room, len(rest))
		piece := append(append(packet(nil), header...), rest[offset:end]...)
		cut(piece, offset, end < len(rest))
		piece.seal()
		pieces = append(pieces, piece)
	}
	return pieces
}

// putFragment4 adds to the offset that a packet has if it is a fragment already.
func putFragment4(piece packet, offset int, more bool) {
	field := binary.BigEndian.Uint16(piece[6:]) + uint16(offset/8)
	if more {
		field |= moreFragment
	}
	binary.BigEndian.PutUint16(piece[6:], field)
}

// extended returns the header of an IPv6 packet with a fragment header behind it: RFC 8200, 4.5.
func extended(p packet, id uint32) packet {
	header := append(append(packet(nil), p[:headerLen6]...), make([]byte, fragmentHeader)...)
	header[headerLen6], header[6] = p[6], protoFragment
	binary.BigEndian.PutUint32(header[headerLen6+4:], id)
	return header
}

func putFragment6(piece packet, offset int, more bool) {
	field := uint16(offset)
	if more {
		field |= 1
	}
	binary.BigEndian.PutUint16(piece[headerLen6+2:], field)
}
