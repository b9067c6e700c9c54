package netstack

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/cnilab/cnilab/kernel"
)

// noteError looks whether a packet is an ICMP error about a probe under way, and ends that. The stack would keep most
// of them to itself: its echo and UDP sockets hear of port unreachable at most, as Linux's do without IP_RECVERR.
func (t *Transport) noteError(data []byte) {
	errno, about, ok := parseError(data)
	if !ok || errno == kernel.EMSGSIZE && about.proto == header.TCPProtocolNumber { // which sends less, then
		return
	}
	for _, x := range t.underWay() {
		if x.isAbout(about) {
			x.fail(errno)
		}
	}
}

func (t *Transport) underWay() []*exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*exchange, 0, len(t.exchanges))
	for x := range t.exchanges {
		all = append(all, x)
	}
	return all
}

// A subject is what an ICMP error says of the packet it is about.
type subject struct {
	proto tcpip.TransportProtocolNumber
	port  uint16 // the sender's; the identifier of an echo
	to    netip.AddrPort
}

func (x *exchange) isAbout(s subject) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.stable && x.proto == s.proto && x.port == s.port && x.to == s.to
}

// parseError takes a packet with an ICMP error apart.
func parseError(data []byte) (errno kernel.Errno, about subject, ok bool) {
	var quoted []byte
	switch header.IPVersion(data) {
	case header.IPv4Version:
		errno, quoted = parseError4(data)
	case header.IPv6Version:
		errno, quoted = parseError6(data)
	}
	if errno == 0 {
		return 0, subject{}, false
	}
	about, ok = parseSubject(quoted)
	return errno, about, ok
}

// parseError4 returns errno 0 for what is no error that ends anything.
func parseError4(data []byte) (errno kernel.Errno, quoted []byte) {
	ip := header.IPv4(data)
	if !ip.IsValid(len(data)) || ip.TransportProtocol() != header.ICMPv4ProtocolNumber ||
		len(ip.Payload()) < header.ICMPv4MinimumSize {
		return 0, nil
	}
	message := header.ICMPv4(ip.Payload())
	return errnoOfError4(message.Type(), message.Code()), message.Payload()
}

func parseError6(data []byte) (errno kernel.Errno, quoted []byte) {
	ip := header.IPv6(data)
	if !ip.IsValid(len(data)) || ip.NextHeader() != uint8(header.ICMPv6ProtocolNumber) ||
		len(ip.Payload()) < header.ICMPv6MinimumSize {
		return 0, nil
	}
	message := header.ICMPv6(ip.Payload())
	return errnoOfError6(message.Type(), message.Code()), message.Payload()
}

// errnoOfError4 is Linux's icmp_err_convert, and EHOSTUNREACH for time exceeded (tcp_v4_err, __udp4_lib_err, ping_err).
func errnoOfError4(typ header.ICMPv4Type, code header.ICMPv4Code) kernel.Errno {
	switch typ {
	case header.ICMPv4TimeExceeded:
		return kernel.EHOSTUNREACH
	case header.ICMPv4DstUnreachable:
		return unreachable4[code]
	}
	return 0
}

// errnoOfError6 is icmpv6_err_convert.
func errnoOfError6(typ header.ICMPv6Type, code header.ICMPv6Code) kernel.Errno {
	switch typ {
	case header.ICMPv6PacketTooBig:
		return kernel.EMSGSIZE
	case header.ICMPv6TimeExceeded:
		return kernel.EHOSTUNREACH
	case header.ICMPv6DstUnreachable:
		return unreachable6[code]
	}
	return 0
}

// unreachable4 gives each code of destination unreachable its errno.
var unreachable4 = map[header.ICMPv4Code]kernel.Errno{
	header.ICMPv4NetUnreachable:        kernel.ENETUNREACH,
	header.ICMPv4HostUnreachable:       kernel.EHOSTUNREACH,
	header.ICMPv4ProtoUnreachable:      kernel.ENOPROTOOPT,
	header.ICMPv4PortUnreachable:       kernel.ECONNREFUSED,
	header.ICMPv4FragmentationNeeded:   kernel.EMSGSIZE,
	header.ICMPv4HostProhibited:        kernel.EHOSTUNREACH,
	header.ICMPv4NetProhibited:         kernel.ENETUNREACH,
	header.ICMPv4AdminProhibited:       kernel.EHOSTUNREACH,
	header.ICMPv4NetUnreachableForTos:  kernel.ENETUNREACH,
	header.ICMPv4HostUnreachableForTos: kernel.EHOSTUNREACH,
}

// unreachable6 is tab_unreach of net/ipv6/icmp.c.
var unreachable6 = map[header.ICMPv6Code]kernel.Errno{
	header.ICMPv6NetworkUnreachable: kernel.ENETUNREACH,
	header.ICMPv6Prohibited:         kernel.EACCES,
	header.ICMPv6BeyondScope:        kernel.EHOSTUNREACH,
	header.ICMPv6AddressUnreachable: kernel.EHOSTUNREACH,
	header.ICMPv6PortUnreachable:    kernel.ECONNREFUSED,
	header.ICMPv6Policy:             kernel.EACCES,
	header.ICMPv6RejectRoute:        kernel.EACCES,
}

// parseSubject reads the start of the packet an error is about: its IP header and eight bytes.
func parseSubject(data []byte) (subject, bool) {
	proto, to, start := parseQuote(data)
	s := subject{proto: proto}
	if len(start) < 8 {
		return subject{}, false
	}
	switch proto {
	case header.ICMPv4ProtocolNumber, header.ICMPv6ProtocolNumber: // the identifier is at the same place in both
		s.port, s.to = header.ICMPv4(start).Ident(), netip.AddrPortFrom(to, 0)
	case header.UDPProtocolNumber, header.TCPProtocolNumber: // both begin with the ports
		s.port, s.to = header.UDP(start).SourcePort(), netip.AddrPortFrom(to, header.UDP(start).DestinationPort())
	default:
		return subject{}, false
	}
	return s, true
}

// parseQuote returns what follows the IP header of a cut packet; nothing where it is no packet's beginning.
func parseQuote(data []byte) (proto tcpip.TransportProtocolNumber, to netip.Addr, start []byte) {
	switch header.IPVersion(data) {
	case header.IPv4Version:
		ip := header.IPv4(data)
		if len(data) >= header.IPv4MinimumSize && len(data) >= int(ip.HeaderLength()) && ip.FragmentOffset() == 0 {
			return ip.TransportProtocol(), addrOf(ip.DestinationAddress()), data[ip.HeaderLength():]
		}
	case header.IPv6Version:
		if len(data) >= header.IPv6MinimumSize {
			ip := header.IPv6(data)
			proto, start = afterFragmentHeader(ip.NextHeader(), data[header.IPv6MinimumSize:])
			return proto, addrOf(ip.DestinationAddress()), start
		}
	}
	return 0, netip.Addr{}, nil
}

// afterFragmentHeader returns what follows the header of IPv6 and that of a fragment, if there is one; nothing behind another
// fragment than the first. (net/ipv6/icmp.c: icmpv6_notify, ipv6_skip_exthdr.)
func afterFragmentHeader(next uint8, data []byte) (proto tcpip.TransportProtocolNumber, start []byte) {
	if next != header.IPv6FragmentHeader {
		return tcpip.TransportProtocolNumber(next), data
	}
	if len(data) < header.IPv6FragmentHeaderSize || header.IPv6Fragment(data).FragmentOffset() != 0 {
		return 0, nil
	}
	return tcpip.TransportProtocolNumber(data[0]), data[header.IPv6FragmentHeaderSize:]
}
