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
	if !ok {
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

// parseError takes an IPv4 packet with an ICMP error apart.
func parseError(data []byte) (errno kernel.Errno, about subject, ok bool) {
	ip := header.IPv4(data)
	if header.IPVersion(data) != header.IPv4Version || !ip.IsValid(len(data)) ||
		ip.TransportProtocol() != header.ICMPv4ProtocolNumber {
		return 0, subject{}, false
	}
	message := header.ICMPv4(ip.Payload())
	if len(message) < header.ICMPv4MinimumSize {
		return 0, subject{}, false
	}
	errno = errnoOfError(message.Type(), message.Code())
	about, ok = parseSubject(message.Payload())
	return errno, about, ok && errno != 0
}

// errnoOfError is Linux's icmp_err_convert, and EHOSTUNREACH for time exceeded (tcp_v4_err, __udp4_lib_err, ping_err). 0
// for what is no error that ends anything.
func errnoOfError(typ header.ICMPv4Type, code header.ICMPv4Code) kernel.Errno {
	switch typ {
	case header.ICMPv4TimeExceeded:
		return kernel.EHOSTUNREACH
	case header.ICMPv4DstUnreachable:
		return unreachable[code]
	}
	return 0
}

// unreachable gives each code of destination unreachable its errno; fragmentation needed is not among them.
var unreachable = map[header.ICMPv4Code]kernel.Errno{
	header.ICMPv4NetUnreachable:        kernel.ENETUNREACH,
	header.ICMPv4HostUnreachable:       kernel.EHOSTUNREACH,
	header.ICMPv4PortUnreachable:       kernel.ECONNREFUSED,
	header.ICMPv4HostProhibited:        kernel.EHOSTUNREACH,
	header.ICMPv4NetProhibited:         kernel.ENETUNREACH,
	header.ICMPv4AdminProhibited:       kernel.EHOSTUNREACH,
	header.ICMPv4NetUnreachableForTos:  kernel.ENETUNREACH,
	header.ICMPv4HostUnreachableForTos: kernel.EHOSTUNREACH,
}

// parseSubject reads the start of the packet an error is about: its IP header and eight bytes.
func parseSubject(data []byte) (subject, bool) {
	ip := header.IPv4(data)
	if len(data) < header.IPv4MinimumSize || len(data) < int(ip.HeaderLength())+8 || ip.FragmentOffset() != 0 {
		return subject{}, false
	}
	to, start := addrOf(ip.DestinationAddress()), data[ip.HeaderLength():]
	s := subject{proto: ip.TransportProtocol()}
	switch s.proto {
	case header.ICMPv4ProtocolNumber:
		s.port, s.to = header.ICMPv4(start).Ident(), netip.AddrPortFrom(to, 0)
	case header.UDPProtocolNumber, header.TCPProtocolNumber: // both begin with the ports
		s.port, s.to = header.UDP(start).SourcePort(), netip.AddrPortFrom(to, header.UDP(start).DestinationPort())
	default:
		return subject{}, false
	}
	return s, true
}
