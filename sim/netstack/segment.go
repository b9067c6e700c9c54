package netstack

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/cnilab/cnilab/sim"
)

// A segment is a packet of TCP that opens no connection. One of a connection that stands goes past gVisor's IP, which has
// nothing to decide about it that sim has not.
type segment struct {
	sim.Packet
	network tcpip.NetworkProtocolNumber
	id      stack.TransportEndpointID
	ip, tcp int // how long the headers are
}

// parseSegment reports false for what gVisor's IP shall look at.
func parseSegment(p sim.Packet) (s segment, ok bool) {
	s.Packet = p
	switch header.IPVersion(p.Data) {
	case header.IPv4Version:
		ip := header.IPv4(p.Data)
		if len(ip) < header.IPv4MinimumSize || ip.HeaderLength() != header.IPv4MinimumSize || ip.More() || ip.FragmentOffset() != 0 ||
			ip.TransportProtocol() != header.TCPProtocolNumber {
			return s, false
		}
		s.network, s.ip = header.IPv4ProtocolNumber, header.IPv4MinimumSize
		s.id.LocalAddress, s.id.RemoteAddress = ip.DestinationAddress(), ip.SourceAddress()
	case header.IPv6Version:
		ip := header.IPv6(p.Data)
		if len(ip) < header.IPv6MinimumSize || ip.NextHeader() != uint8(header.TCPProtocolNumber) {
			return s, false
		}
		s.network, s.ip = header.IPv6ProtocolNumber, header.IPv6MinimumSize
		s.id.LocalAddress, s.id.RemoteAddress = ip.DestinationAddress(), ip.SourceAddress()
	default:
		return s, false
	}
	return s, s.parseTCP(header.TCP(p.Data[s.ip:]))
}

func (s *segment) parseTCP(h header.TCP) (ok bool) {
	if len(h) < header.TCPMinimumSize || h.Flags().Contains(header.TCPFlagSyn) {
		return false
	}
	s.tcp = int(h.DataOffset())
	s.id.LocalPort, s.id.RemotePort = h.DestinationPort(), h.SourcePort()
	return s.tcp >= header.TCPMinimumSize && s.tcp <= len(h)
}

// connectionOf returns the connection that the first of some packets is a segment of, nil where none stands, and those at
// the beginning that are of the same.
func (t *Transport) connectionOf(packets []sim.Packet) (ep *tcp.Endpoint, row []segment) {
	first, ok := parseSegment(packets[0])
	if !ok {
		return nil, nil
	}
	ep, _ = t.stack.FindTransportEndpoint(first.network, header.TCPProtocolNumber, first.id, nicID).(*tcp.Endpoint)
	if !stands(ep) {
		return nil, nil
	}
	row = append(t.row[:0], first)
	for _, p := range packets[1:] {
		s, ok := parseSegment(p)
		if !ok || s.id != first.id {
			break
		}
		row = append(row, s)
	}
	t.row = row
	return ep, row
}

// stands reports whether an endpoint is one that segments stay at: handleConnected does what is to be done about them.
func stands(ep *tcp.Endpoint) bool {
	if ep == nil {
		return false
	}
	switch ep.EndpointState() {
	case tcp.StateEstablished, tcp.StateFinWait1, tcp.StateFinWait2, tcp.StateCloseWait, tcp.StateLastAck, tcp.StateClosing:
		return true
	}
	return false
}

// packet is the segment as gVisor's IP hands it up. A payload that is apart has no checksum that could be looked at.
func (s segment) packet() *stack.PacketBuffer {
	pkt := packetBuffer(s.Packet)
	pkt.NetworkHeader().Consume(s.ip)
	pkt.TransportHeader().Consume(s.tcp)
	pkt.NetworkProtocolNumber, pkt.TransportProtocolNumber = s.network, header.TCPProtocolNumber
	pkt.NICID, pkt.InputNICID = nicID, nicID
	pkt.RXChecksumValidated = s.Body != nil
	return pkt
}
