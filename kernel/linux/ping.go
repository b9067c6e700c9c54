//go:build linux

package linux

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// An icmp says how the two families differ for an echo request.
type icmp struct {
	family         uint8
	protocol       int
	level          int // of the socket options
	option         struct{ errors, ttl, tellTTL int }
	ttlMessage     int // the type of the control message that tells the TTL
	request, reply byte
	header         func(packet []byte) int // the length of what stands before the ICMP message
}

func icmpFor(a netip.Addr) icmp {
	if a.Is4() {
		return icmp{
			family: unix.AF_INET, protocol: unix.IPPROTO_ICMP, level: unix.SOL_IP,
			option:     struct{ errors, ttl, tellTTL int }{unix.IP_RECVERR, unix.IP_TTL, unix.IP_RECVTTL},
			ttlMessage: unix.IP_TTL, request: 8, reply: 0,
			header: func(packet []byte) int { return int(packet[0]&0xf) * 4 },
		}
	}
	return icmp{
		family: unix.AF_INET6, protocol: unix.IPPROTO_ICMPV6, level: unix.SOL_IPV6,
		option: struct{ errors, ttl, tellTTL int }{
			unix.IPV6_RECVERR, unix.IPV6_UNICAST_HOPS, unix.IPV6_RECVHOPLIMIT,
		},
		ttlMessage: unix.IPV6_HOPLIMIT, request: 128, reply: 129,
		header: func([]byte) int { return 0 },
	}
}

// Ping implements kernel.Probes with a raw socket that is told of ICMP errors (IP_RECVERR).
func (ns *NetNS) Ping(ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
	answer, err := ns.ping(ctx, p)
	return answer, ns.fail("ping", p.To.String(), whoEnded(ctx, err))
}

func (ns *NetNS) ping(ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
	kind := icmpFor(p.To)
	s, err := ns.socket(kind.family, unix.SOCK_RAW, kind.protocol)
	if err != nil {
		return kernel.Answer{}, err
	}
	defer s.Close()
	stop, err := s.limit(ctx, p.Timeout)
	if err != nil {
		return kernel.Answer{}, err
	}
	defer stop()
	if err := kind.prepare(s, p.TTL); err != nil {
		return kernel.Answer{}, err
	}
	if err := ns.aim(s, netip.AddrPortFrom(p.To, 0), p.From); err != nil {
		return kernel.Answer{}, err
	}
	return kind.echo(s, p)
}

// prepare sets the options of the socket.
func (k icmp) prepare(s *socket, ttl int) error {
	if ttl == 0 {
		ttl = 64
	}
	for option, value := range map[int]int{k.option.errors: 1, k.option.tellTTL: 1, k.option.ttl: ttl} {
		if err := s.set(k.level, option, value); err != nil {
			return err
		}
	}
	return nil
}

// aim binds the socket to from, if it is given, and connects it: from then on it hears nobody else.
func (ns *NetNS) aim(s *socket, to netip.AddrPort, from netip.Addr) error {
	if from.IsValid() {
		own, err := ns.sockaddr(netip.AddrPortFrom(from, 0))
		if err != nil {
			return err
		}
		if err := s.bind(own); err != nil {
			return err
		}
	}
	peer, err := ns.sockaddr(to)
	if err != nil {
		return err
	}
	return s.connect(peer)
}

// echo sends the request and waits for its reply, or for the error that comes instead.
func (k icmp) echo(s *socket, p kernel.Ping) (kernel.Answer, error) {
	request := k.message(p.Size)
	start := time.Now()
	if _, err := s.Write(request); err != nil {
		return kernel.Answer{}, err
	}
	for {
		packet, ttl, err := k.receive(s, len(request))
		if err != nil {
			return kernel.Answer{}, err
		}
		if k.answers(packet, request) {
			return kernel.Answer{From: netip.AddrPortFrom(p.To, 0), TTL: ttl, RTT: time.Since(start)}, nil
		}
	}
}

// message is an echo request: type, code, checksum, identifier, sequence number, payload. The identifier is random:
// every raw socket sees the replies to all. The kernel adds the checksum of ICMPv6.
func (k icmp) message(size int) []byte {
	b := make([]byte, 8+size)
	b[0] = k.request
	binary.BigEndian.PutUint32(b[4:], rand.Uint32())
	if k.family == unix.AF_INET {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

// receive reads one ICMP message, and the TTL it came with. There is room for an IPv4 header with options.
func (k icmp) receive(s *socket, size int) (packet []byte, ttl int, err error) {
	const longestHeader, forTTL = 60, 64
	buffer, control := make([]byte, longestHeader+size), make([]byte, forTTL)
	var n, nc int
	err = s.whenReadable(func(fd int) (err error) {
		n, nc, _, _, err = unix.Recvmsg(fd, buffer, control, 0)
		return err
	})
	if err != nil || n == 0 {
		return nil, 0, err
	}
	return buffer[min(k.header(buffer), n):n], k.ttlOf(control[:nc]), nil
}

// ttlOf finds the TTL among the control messages.
func (k icmp) ttlOf(control []byte) int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		if int(m.Header.Level) == k.level && int(m.Header.Type) == k.ttlMessage {
			return intOf(m.Data)
		}
	}
	return 0
}

// answers reports whether the ICMP message is the reply to the request: same identifier, sequence number, payload.
func (k icmp) answers(packet, request []byte) bool {
	return len(packet) == len(request) && packet[0] == k.reply && bytes.Equal(packet[4:], request[4:])
}

// checksum is the internet checksum, RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
