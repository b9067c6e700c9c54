package sim

import (
	"encoding/binary"
	"slices"
)

// Where a TCP header has the sequence number and the checksum: RFC 9293, 3.1.
const (
	tcpSequence = 4
	tcpSum      = 16
)

// segments are the frames that a train stands for, as a card without segmentation offload gets them; one that is none
// stands for itself. (net/ipv4/tcp_offload.c: tcp_gso_segment; net/ipv4/af_inet.c: inet_gso_segment.)
func (f frame) segments() []frame {
	if f.segment == 0 {
		return []frame{f}
	}
	train := packet(f.payload).append(&f.train)
	header := train.headerLen()
	if train.protocol() != protoTCP || len(train) < header+tcpHeader {
		f.payload = train
		return []frame{f}
	}
	header += int(train[header+12]>>4) * 4
	var list []frame
	for at, size := header, f.segment-header; at < len(train); at += size {
		one := f
		one.segment, one.shared = 0, false
		one.payload = train.segment(header, at, min(at+size, len(train)))
		list = append(list, one)
	}
	return list
}

// segment is the packet with this part of the payload of a train.
func (p packet) segment(header, from, to int) packet {
	q := slices.Concat(p[:header], p[from:to])
	tcp := q[q.headerLen():]
	sequence := binary.BigEndian.Uint32(tcp[tcpSequence:]) + uint32(from-header)
	binary.BigEndian.PutUint32(tcp[tcpSequence:], sequence)
	if from > header {
		tcp[tcpFlags] &^= tcpCWR
	}
	if to < len(p) {
		tcp[tcpFlags] &^= tcpFIN | tcpPSH
	}
	q.seal()
	q.sumTCP()
	return q
}
