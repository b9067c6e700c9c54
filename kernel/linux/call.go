//go:build linux

package linux

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// longestDatagram is what a UDP datagram can carry, and a little more.
const longestDatagram = 1 << 16

// Call implements kernel.Probes.
func (ns *NetNS) Call(ctx context.Context, c kernel.Call) (kernel.Answer, error) {
	answer, err := ns.call(ctx, c)
	return answer, ns.fail("call", string(c.Transport)+" "+c.To.String(), whoEnded(ctx, err))
}

func (ns *NetNS) call(ctx context.Context, c kernel.Call) (kernel.Answer, error) {
	s, err := ns.transportSocket(c.Transport, c.To.Addr())
	if err != nil {
		return kernel.Answer{}, err
	}
	defer s.Close()
	stop, err := s.limit(ctx, c.Timeout)
	if err != nil {
		return kernel.Answer{}, err
	}
	defer stop()
	if err := s.tellErrors(c.To.Addr()); err != nil {
		return kernel.Answer{}, err
	}
	start := time.Now()
	if err := ns.aim(s, c.To, c.From); err != nil {
		return kernel.Answer{}, err
	}
	reply, err := exchangePayload(s, c)
	if err != nil {
		return kernel.Answer{}, err
	}
	return parseReply(c.To, reply, time.Since(start))
}

// transportSocket opens a socket of the transport and of the family of a.
func (ns *NetNS) transportSocket(t kernel.Transport, a netip.Addr) (*socket, error) {
	switch t {
	case kernel.TCP:
		return ns.socket(family(a), unix.SOCK_STREAM, unix.IPPROTO_TCP)
	case kernel.UDP:
		return ns.socket(family(a), unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	}
	return nil, unix.EPROTONOSUPPORT
}

// tellErrors asks for the ICMP errors that a socket would otherwise wait out, such as EHOSTUNREACH.
func (s *socket) tellErrors(to netip.Addr) error {
	if to.Is4() {
		return s.set(unix.SOL_IP, unix.IP_RECVERR, 1)
	}
	return s.set(unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
}

// exchangePayload sends the payload and returns all that comes back.
func exchangePayload(s *socket, c kernel.Call) ([]byte, error) {
	if _, err := s.Write(c.Payload); err != nil {
		return nil, err
	}
	if c.Transport == kernel.TCP {
		return restOfStream(s)
	}
	return s.datagram()
}

// restOfStream says that nothing more will be sent, and reads to the end.
func restOfStream(s *socket) ([]byte, error) {
	if err := s.do(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }); err != nil {
		return nil, err
	}
	return io.ReadAll(s)
}

// datagram receives one datagram.
func (s *socket) datagram() ([]byte, error) {
	b := make([]byte, longestDatagram)
	n, err := s.Read(b)
	return b[:max(n, 0)], err
}

// parseReply reads the answer of a Service.
func parseReply(from netip.AddrPort, reply []byte, rtt time.Duration) (kernel.Answer, error) {
	line, payload, found := bytes.Cut(reply, []byte{'\n'})
	seen, err := netip.ParseAddrPort(string(line))
	if err != nil || !found {
		return kernel.Answer{}, because(unix.EPROTO, "the answer is not that of a service")
	}
	return kernel.Answer{From: from, Seen: seen, Payload: payload, RTT: rtt}, nil
}
