package sim

import (
	"encoding/binary"
	"fmt"
)

// A frame is an Ethernet frame on its way. Its payload is not written to where several share it.
type frame struct {
	dst, src mac
	vlan     int // the ID in its tag (IEEE 802.1Q), 0: it has none
	kind     etherType
	payload  []byte
	train
	shared  bool    // several have the payload
	host    bool    // it is addressed to a device that it has come by here: PACKET_HOST
	port    *link   // by which a bridge got it that has asked the chains of ip or ip6 about it: nf_bridge; nil: none has
	mark    uint32  // that rules have given it: skb->mark
	cut     int     // how long the longest fragment was that its packet was put together of; 0: it came whole
	tracked tracked // of a packet that comes back by the loopback device
}

// An etherType says what the payload of a frame is.
type etherType uint16

// The ether types that the simulation knows; include/uapi/linux/if_ether.h.
const (
	typeIPv4 etherType = 0x0800
	typeARP  etherType = 0x0806
	typeVLAN etherType = 0x8100
	typeIPv6 etherType = 0x86dd
)

var broadcastMAC = mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// vlanHeader is the slack that is_skb_forwardable leaves for a VLAN tag.
const vlanHeader = 4

// fits is is_skb_forwardable, but that it says why not: the link is down, or the frame longer than it may be; "" where it
// fits, as a train of segments always does. (include/linux/netdevice.h: __is_skb_forwardable.)
func (f frame) fits(l *link) (not DropReason) {
	switch {
	case !l.up:
		return DropDeviceNotReady
	case f.segment == 0 && len(f.payload) > l.mtu+vlanHeader:
		return DropTooLong
	}
	return ""
}

// is reports whether two frames are the same with the same payload: the same bytes elsewhere are another.
func (f *frame) is(other frame) bool {
	return f.dst == other.dst && f.src == other.src && f.vlan == other.vlan && f.kind == other.kind &&
		samePlace(f.payload, other.payload) &&
		f.train == other.train && f.shared == other.shared && f.host == other.host && f.port == other.port &&
		f.cut == other.cut && f.mark == other.mark && f.tracked == other.tracked
}

func samePlace(a, b []byte) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// packet is the packet in a frame; not ok where its header is no good.
func (f frame) packet() (p packet, ok bool) { return parseTrain(f.payload, f.train) }

// joined returns the frame with its payload in one piece.
func (f frame) joined() frame {
	f.payload = packet(f.payload).join(&f.train)
	return f
}

// tagged returns the frame with one more tag. One that it has becomes part of the payload.
func (f frame) tagged(id int) frame {
	if f.vlan != 0 {
		f = f.joined()
		inner := binary.BigEndian.AppendUint16(nil, uint16(f.vlan))
		inner = binary.BigEndian.AppendUint16(inner, uint16(f.kind))
		f.kind, f.payload = typeVLAN, append(inner, f.payload...)
	}
	f.vlan = id
	return f
}

// untagged returns the frame without its outer tag. (net/core/skbuff.c: skb_vlan_untag takes the next out of the payload.)
func (f frame) untagged() frame {
	f.vlan = 0
	if f.kind == typeVLAN && len(f.payload) >= vlanHeader {
		f.vlan = int(binary.BigEndian.Uint16(f.payload) & 0xfff)
		f.kind, f.payload = etherType(binary.BigEndian.Uint16(f.payload[2:])), f.payload[vlanHeader:]
	}
	return f
}

// transmit sends a frame out of a link. Like a device with the queueing discipline noqueue it drops what it cannot send
// at once. (net/core/dev.c: __dev_queue_xmit.)
func (l *link) transmit(f frame) {
	if !l.running() {
		l.drop(f, DropDeviceNotReady, "it has no carrier")
		return
	}
	if l.card != nil {
		l.enqueue(f)
		return
	}
	l.see(Sent, f)
	switch {
	case l.bridge != nil:
		l.bridgeTransmit(f)
	case l.vlan != nil: // vlan_dev_hard_start_xmit
		l.vlan.parent.transmit(f.tagged(l.vlan.id))
	case l.vxlan != nil:
		l.wrap(f)
	case l.peer != nil:
		l.hand(l.peer, f)
	case l.loopback():
		l.hand(l, f)
	}
}

// hand carries a frame to the device at the other end. (drivers/net/veth.c: veth_xmit, which drops what the peer cannot
// take; drivers/net/loopback.c: loopback_xmit.)
func (l *link) hand(to *link, f frame) {
	if not := f.fits(to); not != "" {
		to.drop(f, not, describeMTU(f, to))
		return
	}
	if f.host, f.port = false, nil; to != l {
		f.tracked, f.cut = tracked{}, 0 // skb_scrub_packet
	}
	if to.ns != l.ns {
		f.mark = 0 // skb_scrub_packet: xnet
	}
	l.world().fly(to, f)
}

// describeMTU says why a frame is too long.
func describeMTU(f frame, l *link) string {
	return fmt.Sprintf("%d bytes, MTU %d", len(f.payload), l.mtu)
}

// receive takes a frame: it is for the vlan that its tag names, for the bridge whose port the link is, or for the
// protocols. (net/core/dev.c: __netif_receive_skb_core.)
func (l *link) receive(f frame) {
	if w := l.world(); w.watched() {
		f = f.joined() // it was sent before
		l.see(Received, f)
		w.taken = new(f)
	}
	f.host = f.host || f.dst == l.mac // eth_type_trans, vlan_do_receive, br_handle_frame
	if f.vlan != 0 && l.vlans[f.vlan] != nil {
		l.vlans[f.vlan].receiveUntagged(f.untagged())
		return
	}
	if l.master != nil {
		l.portReceive(f)
		return
	}
	l.input(f)
}

// receiveUntagged is vlan_do_receive.
func (l *link) receiveUntagged(f frame) {
	if !l.up {
		l.drop(f, DropDeviceNotReady, "it is down")
		return
	}
	l.receive(f)
}

// input hands a frame to the protocol it is for. What is addressed to none of the devices that it has come by, or has a tag that nobody took off
// (PACKET_OTHERHOST), gets no further. (net/ethernet/eth.c: eth_type_trans; net/ipv4/ip_input.c: ip_rcv_core; net/ipv6/ip6_input.c: ip6_rcv_core;
// net/ipv4/arp.c: arp_rcv.)
func (l *link) input(f frame) {
	if !f.host && !f.dst.multicast() || f.vlan != 0 {
		l.drop(f, DropOtherHost, "")
		return
	}
	switch f.kind {
	case typeARP:
		l.inputARP(f)
	case typeIPv4, typeIPv6:
		l.inputIP(f)
	default:
		l.drop(f, DropUnhandled, fmt.Sprintf("ether type %#04x", uint16(f.kind)))
	}
}
