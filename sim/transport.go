package sim

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A Transport is the socket layer of one namespace: what is above IP. Package sim/netstack makes them of gVisor's
// stacks.
type Transport interface {
	kernel.Probes

	// Dial, Listen and ListenPacket are package net's, for the networks tcp, tcp4, tcp6, udp, udp4 and udp6; their
	// errors, and those of what they return, are *net.OpError with a kernel.Errno inside. A zero address, or port, is
	// whichever there is.
	Dial(ctx context.Context, network string, from, to netip.AddrPort) (net.Conn, error)
	Listen(network string, at netip.AddrPort) (net.Listener, error)
	ListenPacket(network string, at netip.AddrPort) (net.PacketConn, error)

	// Deliver takes a packet that is for the namespace, or segments of TCP that have come in a row. It is called once at a
	// time, from whichever goroutine is carrying out the event; the packets are the transport's from then on.
	Deliver(packets ...Packet)

	// SetAddresses tells which addresses the namespace has, whenever that changes.
	SetAddresses(addrs []netip.Addr)

	// Settle returns when all that was delivered, and every timer that has fired, has been worked off, so that
	// nothing goes on in the background and the next event may be carried out.
	Settle()

	// Close ends all sockets at once and without a word, as the death of a namespace does.
	Close()
}

// Layer3 is the namespace as its transport sees it. All methods may be called from any goroutine.
type Layer3 interface {
	// Send takes a packet from a socket and sends it where the routes say. What goes wrong on the way comes back as
	// an ICMP error by Deliver; an error here is one a socket call would return at once: ENETUNREACH, EHOSTUNREACH,
	// EACCES (prohibit), EINVAL (blackhole), EMSGSIZE.
	Send(p Packet) error

	// Source returns the address a packet to dst has as its source when the socket names none, by the same errors.
	// (ip_route_output_key; fib_select_default, inet_select_addr.)
	Source(dst netip.Addr) (netip.Addr, error)

	// Leads returns nil where the routes lead to dst for a packet that has src already; else an error as of Send, and
	// EACCES where dst is a broadcast address, to which a socket sends only if it was told that it may (SO_BROADCAST).
	Leads(src, dst netip.Addr) error

	// MTU returns the greatest packet, in bytes, that the route to dst takes on this host.
	MTU(dst netip.Addr) int

	// Now returns the world's time.
	Now() time.Time

	// AfterFunc calls f once after d of the world's time, from whichever goroutine carries out the event, unless stop
	// is called before; stop reports whether it was in time.
	AfterFunc(d time.Duration, f func()) (stop func() bool)

	// Poke has the world look at everything again, and call Settle: a goroutine that it may not know of has changed something.
	Poke()

	// Await returns nil once done reports true, which is looked at after every event; EAGAIN after timeout of the world's
	// time; ECANCELED once cancel is closed; EDEADLK where no event is left that could make it true. The world's time
	// goes on meanwhile.
	Await(done func() bool, timeout time.Duration, cancel <-chan struct{}) error

	// Linger is Await for a goroutine that others outside the world may help, who call Poke then: it returns nil
	// once done reports true, or ECANCELED where the world is closed, and waits on where no event is left.
	Linger(done func() bool) error

	// Seed is a number that depends on the world's seed and the namespace alone.
	Seed() uint64
}

// A Packet is an IP packet: header and all that follows. It may be a train of TCP segments that go as one (generic
// segmentation offload: Documentation/networking/segmentation-offloads.rst), which spares whoever passes it on most of his
// work.
type Packet struct {
	Data    []byte
	Segment int // of a train: how long the packets are that it stands for, with their headers; 0: it stands for itself

	// Body is what follows Data, nil where nothing does. Only a train may have one, and Data has all headers then; its TCP
	// checksum is not made yet. Bytes has all of it.
	Body   Body
	Shared bool // others may get the Body too; else it is the receiver's
}

// A NewTransport makes the transport of a namespace. The addresses that the namespace has follow by SetAddresses.
type NewTransport func(l3 Layer3) (Transport, error)

// HopDelay is the virtual time that a frame takes from one device to the next. It is not zero, because with no time
// between a segment and its acknowledgement TCP takes every segment for lost.
const HopDelay = 2 * time.Microsecond
