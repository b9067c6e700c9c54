package netstack

import (
	"bytes"
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// answerDatagrams is how a UDP service reacts: it answers from the address that was called, as one with IP_PKTINFO does.
// From another, as the routes may choose it, the caller would not hear.
func answerDatagrams(s *socket) {
	for {
		var data bytes.Buffer
		result, err := s.endpoint.Read(&data, tcpip.ReadOptions{NeedRemoteAddr: true})
		if err != nil {
			s.endpoint.LastError() // an earlier answer that could not be delivered; the next may be
			return
		}
		to, called := addrPortOf(result.RemoteAddr), addrPortOf(result.ControlMessages.OriginalDstAddress)
		answer := answerTo(to, data.Bytes())
		// What goes wrong is lost, as with any datagram: the caller times out.
		if s.transport.sendDatagram(called, to, answer) != nil { // he called everybody
			_, _ = s.endpoint.Write(bytes.NewReader(answer), tcpip.WriteOptions{To: &result.RemoteAddr})
		}
	}
}

// sendDatagram sends one without a socket. gVisor's sockets have no say in the source of what they send by IPv4.
func (t *Transport) sendDatagram(from, to netip.AddrPort, payload []byte) tcpip.Error {
	route, err := t.stack.FindRoute(nicID, stackAddr(from.Addr()), stackAddr(to.Addr()), networkOf(to.Addr()), false)
	if err != nil {
		return err
	}
	defer route.Release()
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: header.UDPMinimumSize + int(route.MaxHeaderLength()),
		Payload:            buffer.MakeWithData(payload),
	})
	defer pkt.DecRef()
	if pkt.Size()+header.UDPMinimumSize > header.UDPMaximumPacketSize {
		return &tcpip.ErrMessageTooLong{}
	}
	pkt.TransportProtocolNumber = header.UDPProtocolNumber
	udp := header.UDP(pkt.TransportHeader().Push(header.UDPMinimumSize))
	udp.Encode(&header.UDPFields{SrcPort: from.Port(), DstPort: to.Port(), Length: uint16(pkt.Size())})
	return route.WritePacket(stack.NetworkHeaderParams{Protocol: header.UDPProtocolNumber, TTL: route.DefaultTTL()}, pkt)
}
