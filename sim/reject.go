package sim

import (
	"encoding/binary"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// reject tells the sender of a packet that a rule does not let it pass. (net/ipv4/netfilter/nf_reject_ipv4.c,
// net/ipv6/netfilter/nf_reject_ipv6.c: nf_send_unreach, nf_send_reset.)
func (ns *namespace) reject(w *passage, with kernel.Rejection) {
	if with == kernel.RejectReset {
		ns.reset(w)
		return
	}
	ns.report(w.join(), w.in, w.tracked, rejections[with])
}

// rejections are the ICMP errors of rejections.
var rejections = rejectionReports()

// rejectionReports has those of one IP version by their codes, and those that stand for both as nft_reject_icmp_code and
// nft_reject_icmpv6_code have them (net/netfilter/nft_reject.c).
func rejectionReports() map[kernel.Rejection]report {
	all := map[kernel.Rejection]report{
		"icmpx no-route":         netUnreachable,
		"icmpx host-unreachable": hostUnreachable,
		"icmpx admin-prohibited": packetFiltered,
	}
	for _, known := range kernel.Rejections {
		told := all[known.With]
		switch known.Family {
		case kernel.FilterIP:
			told.v4 = icmpKind{icmpUnreachable, known.Code}
		case kernel.FilterIP6:
			told.v6 = icmpKind{icmpv6Unreachable, known.Code}
		}
		all[known.With] = told
	}
	return all
}

// reset answers a segment with a reset, unless it is one.
func (ns *namespace) reset(w *passage) {
	segment := w.join().payload()
	if w.packet.protocol() != protoTCP || !w.packet.first() || len(segment) < tcpHeader || segmentKind(segment) == segmentRST {
		return
	}
	back := w.tracked.answered()
	back.isRelated = false // no ICMP error: it is translated as any segment
	p := newPacket(w.packet.dst(), w.packet.src(), protoTCP, resetOf(segment))
	binary.BigEndian.PutUint16(p.payload()[16:], sumPseudo(p.src(), p.dst(), protoTCP, p.payload()))
	to, errno := ns.route(flow{dst: p.dst()}) // ip_route_me_harder
	switch by := w.bridged; {
	case errno != 0:
	case by.port != nil:
		by.port.transmit(frameOf(by.src, by.dst, p)) // as if the receiver had sent it: nf_bridge_get_physindev
	default:
		_ = ns.emit(p, to, back)
	}
}

// resetOf is the segment that resets a connection, without its checksum. (nf_reject_ip_tcphdr_put.)
func resetOf(segment []byte) []byte {
	r := make([]byte, tcpHeader)
	copy(r[0:2], segment[2:4])
	copy(r[2:4], segment[0:2])
	r[12], r[tcpFlags] = tcpHeader/4<<4, tcpRST
	flags := segment[tcpFlags]
	if flags&tcpACK != 0 {
		copy(r[4:8], segment[8:12])
		return r
	}
	length := uint32(len(segment) - int(segment[12]>>4)*4)
	for _, flag := range []byte{tcpSYN, tcpFIN} {
		if flags&flag != 0 {
			length++
		}
	}
	binary.BigEndian.PutUint32(r[8:], binary.BigEndian.Uint32(segment[4:])+length)
	r[tcpFlags] |= tcpACK
	return r
}

// sumPseudo is the checksum of what is above IP, with the pseudo header.
func sumPseudo(src, dst netip.Addr, protocol int, message []byte) uint16 {
	var tail [8]byte
	binary.BigEndian.PutUint32(tail[:], uint32(len(message)))
	tail[7] = byte(protocol)
	return sum16(src.AsSlice(), dst.AsSlice(), tail[:], message)
}
