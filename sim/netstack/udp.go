package netstack

import (
	"bytes"
	"context"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/cnilab/cnilab/kernel"
)

// callUDP sends one datagram from a connected socket and waits for one.
func (t *Transport) callUDP(ctx context.Context, x *exchange, c kernel.Call) (kernel.Answer, kernel.Errno) {
	s, err := t.open(x.proto, networkOf(c.To.Addr()), x.readDatagram)
	if err != nil {
		return kernel.Answer{}, errnoOf(err)
	}
	defer s.close()
	if err := s.sendDatagram(x, c); err != nil {
		return kernel.Answer{}, errnoOf(err)
	}
	return x.wait(ctx, c.Timeout)
}

func (s *socket) sendDatagram(x *exchange, c kernel.Call) tcpip.Error {
	if c.From.IsValid() {
		if err := s.bind(c.From, 0); err != nil {
			return err
		}
	}
	if err := s.endpoint.Connect(fullAddress(c.To.Addr(), c.To.Port())); err != nil {
		return err
	}
	x.bound(s.local())
	_, err := s.endpoint.Write(bytes.NewReader(c.Payload), tcpip.WriteOptions{})
	return err
}

// readDatagram ends the exchange with the answer, or with the error the socket has got.
func (x *exchange) readDatagram(s *socket) {
	if err := s.endpoint.LastError(); err != nil {
		x.fail(errnoOf(err))
		return
	}
	var data bytes.Buffer
	_, err := s.endpoint.Read(&data, tcpip.ReadOptions{})
	switch err.(type) {
	case nil:
		x.finish(data.Bytes())
	case *tcpip.ErrWouldBlock:
	default:
		x.fail(errnoOf(err))
	}
}
