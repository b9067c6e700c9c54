package netstack

import (
	"bytes"
	"context"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/cnilab/cnilab/kernel"
)

// Ping sends one echo request and waits for the reply.
func (t *Transport) Ping(ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
	answer, errno := t.ping(ctx, p)
	if errno != 0 {
		return kernel.Answer{}, &kernel.Error{Op: "ping", Object: p.To.String(), Errno: errno}
	}
	return answer, nil
}

func (t *Transport) ping(ctx context.Context, p kernel.Ping) (kernel.Answer, kernel.Errno) {
	if p.Size < 0 || p.TTL < 0 || p.TTL > 255 {
		return kernel.Answer{}, kernel.EINVAL
	}
	x, errno := t.begin(echoProtocol(p.To), p.From, netip.AddrPortFrom(p.To, 0))
	if errno != 0 {
		return kernel.Answer{}, errno
	}
	defer x.forget()
	s, err := t.open(x.proto, networkOf(p.To), x.readEcho)
	if err != nil {
		return kernel.Answer{}, errnoOf(err)
	}
	defer s.close()
	if err := s.sendEcho(x, p); err != nil {
		return kernel.Answer{}, errnoOf(err)
	}
	return x.wait(ctx, p.Timeout)
}

func echoProtocol(to netip.Addr) tcpip.TransportProtocolNumber {
	if to.Unmap().Is4() {
		return header.ICMPv4ProtocolNumber
	}
	return header.ICMPv6ProtocolNumber
}

// sendEcho sends the request. Its identifier is the socket's port.
func (s *socket) sendEcho(x *exchange, p kernel.Ping) tcpip.Error {
	if err := s.setEchoOptions(p); err != nil {
		return err
	}
	if err := s.bind(p.From, 0); err != nil {
		return err
	}
	x.bound(s.local())
	to := fullAddress(p.To, 0)
	_, err := s.endpoint.Write(bytes.NewReader(echoRequest(p)), tcpip.WriteOptions{To: &to})
	return err
}

func (s *socket) setEchoOptions(p kernel.Ping) tcpip.Error {
	s.endpoint.SocketOptions().SetReceiveTTL(true)
	s.endpoint.SocketOptions().SetReceiveHopLimit(true)
	if p.TTL == 0 {
		return nil
	}
	if p.To.Unmap().Is4() {
		return s.endpoint.SetSockOptInt(tcpip.IPv4TTLOption, p.TTL)
	}
	return s.endpoint.SetSockOptInt(tcpip.IPv6HopLimitOption, p.TTL)
}

// echoRequest is the message without what the stack fills in: identifier and checksum. Header and fields are the same
// for both families, the type aside.
func echoRequest(p kernel.Ping) []byte {
	message := make([]byte, header.ICMPv4MinimumSize+p.Size)
	if p.To.Unmap().Is4() {
		header.ICMPv4(message).SetType(header.ICMPv4Echo)
	} else {
		header.ICMPv6(message).SetType(header.ICMPv6EchoRequest)
	}
	header.ICMPv4(message).SetSequence(1)
	for i := range p.Size {
		message[header.ICMPv4MinimumSize+i] = byte(i)
	}
	return message
}

// readEcho ends the exchange with the reply.
func (x *exchange) readEcho(s *socket) {
	var message bytes.Buffer
	result, err := s.endpoint.Read(&message, tcpip.ReadOptions{NeedRemoteAddr: true})
	switch err.(type) {
	case nil:
		x.succeed(kernel.Answer{From: addrPortOf(result.RemoteAddr), TTL: ttlOf(result)})
	case *tcpip.ErrWouldBlock:
	default:
		x.fail(errnoOf(err))
	}
}

func ttlOf(r tcpip.ReadResult) int {
	if r.ControlMessages.HasTTL {
		return int(r.ControlMessages.TTL)
	}
	return int(r.ControlMessages.HopLimit)
}
