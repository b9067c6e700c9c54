package netstack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// sealHeader makes the IP header of a packet of the stack ready for the wire: Linux's choice of DF, an identification, and the
// checksum.
func (l *link) sealHeader(data []byte) {
	if header.IPVersion(data) != header.IPv4Version {
		return
	}
	ip := header.IPv4(data)
	dontFragment(ip, l.l3.MTU)
	l.identify(ip)
	ip.SetChecksum(0)
	ip.SetChecksum(^ip.CalculateChecksum())
}

// seal is sealHeader for a packet in one piece, and makes the checksum of what is above IP.
func (l *link) seal(data []byte) {
	l.sealHeader(data)
	switch header.IPVersion(data) {
	case header.IPv4Version:
		ip := header.IPv4(data)
		sum(ip.TransportProtocol(), ip.Payload(), ip.SourceAddress(), ip.DestinationAddress())
	case header.IPv6Version:
		ip := header.IPv6(data) // the stack sends no extension headers, and no fragments with this MTU
		proto := tcpip.TransportProtocolNumber(ip.NextHeader())
		sum(proto, ip.Payload(), ip.SourceAddress(), ip.DestinationAddress())
	}
}

// dontFragment sets DF as Linux does with its default IP_PMTUDISC_WANT: on all of TCP, and on datagrams and echo
// requests that fit the route (ip_dont_fragment, __ip_make_skb). What the kernel itself sends by ICMP goes without
// (icmp_sk_init sets IP_PMTUDISC_DONT), where gVisor answers an echo with the flags of the request.
func dontFragment(ip header.IPv4, mtu func(netip.Addr) int) {
	flags := ip.Flags() &^ header.IPv4FlagDontFragment
	if wantsWhole(ip, mtu) {
		flags |= header.IPv4FlagDontFragment
		ip.SetID(0)
	}
	ip.SetFlagsFragmentOffset(flags, ip.FragmentOffset())
}

// identify gives a packet that may be cut a number of its own, without which its fragments would be put together with
// those of another that was lost in part. (include/net/ip.h: ip_select_ident_segs.)
func (l *link) identify(ip header.IPv4) {
	if ip.Flags()&header.IPv4FlagDontFragment == 0 && ip.ID() == 0 {
		ip.SetID(uint16(l.lastID.Add(1)))
	}
}

func wantsWhole(ip header.IPv4, mtu func(netip.Addr) int) bool {
	if ip.TransportProtocol() == header.TCPProtocolNumber {
		return true
	}
	return !isICMPOfKernel(ip) && len(ip) <= mtu(addrOf(ip.DestinationAddress()))
}

func isICMPOfKernel(ip header.IPv4) bool {
	return ip.TransportProtocol() == header.ICMPv4ProtocolNumber &&
		header.ICMPv4(ip.Payload()).Type() != header.ICMPv4Echo
}

// sum makes the checksum of a TCP segment or UDP datagram. ICMP has its own already.
func sum(proto tcpip.TransportProtocolNumber, payload []byte, src, dst tcpip.Address) {
	pseudo := header.PseudoHeaderChecksum(proto, src, dst, uint16(len(payload)))
	switch proto {
	case header.TCPProtocolNumber:
		segment := header.TCP(payload)
		segment.SetChecksum(0)
		segment.SetChecksum(^checksum.Checksum(payload, pseudo))
	case header.UDPProtocolNumber:
		datagram := header.UDP(payload)
		datagram.SetChecksum(0)
		if c := ^checksum.Checksum(payload, pseudo); c != 0 {
			datagram.SetChecksum(c)
		} else {
			datagram.SetChecksum(0xffff) // zero means "none" (RFC 768)
		}
	}
}
