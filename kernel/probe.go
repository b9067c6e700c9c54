package kernel

import (
	"context"
	"net/netip"
	"time"
)

// Probes are what a program inside the namespace can do to learn whether it is connected. A backend without a
// packet plane answers EOPNOTSUPP.
//
// The errors tell the ways apart in which a destination is not reached:
//
//	ENETUNREACH   there is no route to it, here or (by ICMP) on the way
//	EHOSTUNREACH  nobody answers for it on its link, or (by ICMP) a router says so
//	ECONNREFUSED  it is there, and nothing listens on the port
//	ENOPROTOOPT   it does not know the transport, or (by ICMP) somebody on the way says so; IPv4
//	EACCES        a route of type prohibit
//	EINVAL        a route of type blackhole
//	EADDRNOTAVAIL From is not an address of the namespace
//	ENOBUFS       of a Ping: the other end of the veth that it leaves by does not take what is that long
//	ETIMEDOUT     no answer came within the time
//
// Linux gives up a neighbour that does not answer after 3 seconds, which is more than DefaultProbeTimeout, and tells a
// socket by an ICMP error to itself, which needs the loopback device up: otherwise that is ETIMEDOUT, too.
type Probes interface {
	// Ping sends one ICMP echo request and waits for the reply.
	Ping(ctx context.Context, p Ping) (Answer, error)

	// Call opens a connection to a Serve of any namespace, or sends it one datagram, and waits for its answer.
	Call(ctx context.Context, c Call) (Answer, error)

	// Serve answers Calls until stop is called or the namespace is gone. EADDRINUSE where something listens there,
	// EADDRNOTAVAIL where the namespace does not have the address.
	Serve(s Service) (stop func(), err error)
}

// DefaultProbeTimeout is the time a probe waits where it names none.
const DefaultProbeTimeout = 2 * time.Second

// A Transport protocol of Call and Serve.
type Transport string

// The transports.
const (
	TCP Transport = "tcp"
	UDP Transport = "udp"
)

// A Ping is one echo request.
type Ping struct {
	To      netip.Addr
	From    netip.Addr    // the zero Addr: as the routes say
	Size    int           // bytes of payload
	TTL     int           // 0: the default, 64
	Timeout time.Duration // 0: DefaultProbeTimeout
}

// A Call is one exchange with a Service.
type Call struct {
	Transport Transport
	To        netip.AddrPort
	From      netip.Addr    // the zero Addr: as the routes say
	Payload   []byte        // what the service is to send back
	Timeout   time.Duration // 0: DefaultProbeTimeout
}

// A Service listens at a port. To each Call it answers the address it sees the call come from, as AddrPort.String
// gives it, a newline, and then what it was sent.
type Service struct {
	Transport Transport
	At        netip.AddrPort // an unspecified address: every address of the namespace
}

// An Answer to a probe.
type Answer struct {
	From    netip.AddrPort // who answered; port 0 for a Ping
	Seen    netip.AddrPort // of a Call: the address the service saw it come from
	Payload []byte         // of a Call: what came back of its payload
	TTL     int            // of a Ping: as left of the reply's; 0 where the backend cannot tell
	RTT     time.Duration  // in the host's time
}
