package sim

import "encoding/binary"

// fragments cuts a packet so that no piece is longer than the MTU. (net/ipv4/ip_output.c: ip_do_fragment.) The options of
// the header are copied to every fragment, which RFC 791 asks for those that have the copied flag.
func (p ipv4) fragments(mtu int) []ipv4 {
	header, rest := p.headerLen(), p.payload()
	room := (mtu - header) &^ 7
	if room <= 0 {
		return nil
	}
	var pieces []ipv4
	for offset := 0; offset < len(rest); offset += room {
		end := min(offset+room, len(rest))
		piece := append(append(ipv4(nil), p[:header]...), rest[offset:end]...)
		flags := p.fragment() + offset/8
		if end < len(rest) {
			flags |= moreFragment
		}
		binary.BigEndian.PutUint16(piece[6:], uint16(flags))
		piece.seal()
		pieces = append(pieces, piece)
	}
	return pieces
}
