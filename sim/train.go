package sim

import (
	"encoding/binary"
	"slices"
)

// A Body is the end of a packet's bytes, which those who pass the packet on need not look at. Nobody writes to them.
type Body interface {
	// Len is how many there are.
	Len() int

	// AppendTo appends them to b.
	AppendTo(b []byte) []byte
}

// A train is what a packet has that stands for a train of TCP segments.
//
// Its payload may be apart, so that nobody copies it on its way from one socket to another. Such a packet has no TCP checksum
// yet: who has to see all of it joins it, which makes the checksum. (As Linux has it with CHECKSUM_PARTIAL, and with the
// fragments of an skb: include/linux/skbuff.h. In a watched world nobody goes so.)
type train struct {
	segment int  // how long the packets are that it stands for: see Packet; 0: it is none
	body    Body // what follows the bytes of the packet; nil: nothing
}

// join is the packet in one piece, with its checksum. (net/core/skbuff.c: __skb_linearize; net/core/dev.c:
// skb_checksum_help.)
func (p packet) join(t *train) packet {
	if t.body == nil {
		return p
	}
	q := p.append(t)
	q.sumTCP()
	return q
}

// append is the packet in one piece, without its checksum, and not a train's body apart any longer.
func (p packet) append(t *train) packet {
	if t.body == nil {
		return p
	}
	q := append(make(packet, 0, len(p)+t.body.Len()), p...)
	q = t.body.AppendTo(q)
	t.body = nil
	return q
}

// sumTCP sets the checksum of a TCP segment.
func (p packet) sumTCP() {
	tcp := p.payload()
	binary.BigEndian.PutUint16(tcp[tcpSum:], 0)
	binary.BigEndian.PutUint16(tcp[tcpSum:], sumPseudo(p.src(), p.dst(), protoTCP, tcp))
}

// canBeApart reports whether a packet has all headers that somebody may look at.
func (p packet) canBeApart() bool {
	tcp := p.payload()
	return p.protocol() == protoTCP && !p.isFragment() && len(tcp) >= tcpHeader && len(tcp) >= int(tcp[12]>>4)*4
}

// Bytes is all of the packet.
func (p Packet) Bytes() []byte {
	if p.Body == nil {
		return p.Data
	}
	return slices.Clip(packet(p.Data).join(&train{body: p.Body}))
}
