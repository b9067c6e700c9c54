package netstack

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/cnilab/cnilab/kernel"
)

// Call sends a payload to a service and waits for its answer.
func (t *Transport) Call(ctx context.Context, c kernel.Call) (kernel.Answer, error) {
	answer, errno := t.call(ctx, c)
	if errno != 0 {
		object := fmt.Sprintf("%s %v", c.Transport, c.To)
		return kernel.Answer{}, &kernel.Error{Op: "call", Object: object, Errno: errno}
	}
	return answer, nil
}

func (t *Transport) call(ctx context.Context, c kernel.Call) (kernel.Answer, kernel.Errno) {
	proto, errno := protocolOf(c.Transport)
	if errno != 0 {
		return kernel.Answer{}, errno
	}
	x, errno := t.begin(proto, c.From, c.To)
	if errno != 0 {
		return kernel.Answer{}, errno
	}
	defer x.forget()
	if c.Transport == kernel.TCP {
		return t.callTCP(ctx, x, c)
	}
	return t.callUDP(ctx, x, c)
}

func protocolOf(t kernel.Transport) (tcpip.TransportProtocolNumber, kernel.Errno) {
	switch t {
	case kernel.TCP:
		return header.TCPProtocolNumber, 0
	case kernel.UDP:
		return header.UDPProtocolNumber, 0
	}
	return 0, kernel.EPROTONOSUPPORT
}

// answerOf takes a service's answer apart; EPROTO where it does not look like one.
func answerOf(from netip.AddrPort, data []byte) (kernel.Answer, kernel.Errno) {
	line, payload, found := bytes.Cut(data, []byte("\n"))
	seen, err := netip.ParseAddrPort(string(line))
	if !found || err != nil {
		return kernel.Answer{}, kernel.EPROTO
	}
	return kernel.Answer{From: from, Seen: seen, Payload: payload}, 0
}

// answerTo is what a service answers to a caller.
func answerTo(caller netip.AddrPort, payload []byte) []byte {
	return append([]byte(caller.String()+"\n"), payload...)
}

// finish ends the exchange with what the service sent.
func (x *exchange) finish(data []byte) {
	answer, errno := answerOf(x.to, data)
	x.end(answer, errno)
}
