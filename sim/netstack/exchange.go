package netstack

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/cnilab/cnilab/kernel"
)

const errDown = kernel.ENETDOWN

// An exchange is a probe under way. It ends once, with an answer or an errno.
type exchange struct {
	transport *Transport
	proto     tcpip.TransportProtocolNumber
	to        netip.AddrPort
	started   time.Time

	mu     sync.Mutex
	port   uint16 // our end: a port, or the identifier of an echo
	stable bool   // a connection stands: what routers report does not end it (tcp_v4_err)
	ended  bool
	errno  kernel.Errno
	answer kernel.Answer
}

// begin checks that the routes lead to the destination, as connect(2) and sendto(2) do first, and books the exchange.
// ENETDOWN where the transport is closed.
func (t *Transport) begin(proto tcpip.TransportProtocolNumber, from netip.Addr, to netip.AddrPort) (*exchange, kernel.Errno) {
	if !to.Addr().IsValid() {
		return nil, kernel.EINVAL
	}
	if !t.mayBind(from) {
		return nil, kernel.EADDRNOTAVAIL
	}
	if err := t.leads(from, to.Addr()); err != nil {
		return nil, errnoIn(err)
	}
	x := &exchange{transport: t, proto: proto, to: to, started: t.l3.Now()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errDown
	}
	t.exchanges[x] = struct{}{}
	return x, 0
}

// mayBind reports whether a socket may be bound to an address, which it is before anybody looks for a way from there.
// (net/ipv4/af_inet.c: inet_addr_valid_or_nonlocal; net/ipv6/af_inet6.c: __inet6_bind; net/ipv4/ping.c: ping_bind.)
func (t *Transport) mayBind(from netip.Addr) bool {
	if !from.IsValid() || from.IsUnspecified() {
		return true
	}
	return t.stack.CheckLocalAddress(0, networkOf(from), stackAddr(from)) != 0
}

// leads returns nil where the routes lead from an address, the zero Addr being for them to choose, to another.
func (t *Transport) leads(from, to netip.Addr) error {
	if !from.IsValid() || from.IsUnspecified() {
		var err error
		if from, err = t.l3.Source(to); err != nil {
			return err
		}
	}
	return t.l3.Leads(from, to)
}

// errnoIn returns the errno of an error of Layer3.
func errnoIn(err error) kernel.Errno {
	if errno := kernel.ErrnoOf(err); errno != 0 {
		return errno
	}
	return kernel.EINVAL
}

// bound tells the exchange which port its socket has.
func (x *exchange) bound(port uint16) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.port = port
}

// connected makes the exchange deaf to what routers report.
func (x *exchange) connected() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.stable = true
}

func (x *exchange) succeed(a kernel.Answer) { x.end(a, 0) }

func (x *exchange) fail(errno kernel.Errno) { x.end(kernel.Answer{}, errno) }

func (x *exchange) end(a kernel.Answer, errno kernel.Errno) {
	now := x.transport.l3.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return
	}
	x.ended, x.answer, x.errno = true, a, errno
	x.answer.RTT = now.Sub(x.started)
}

func (x *exchange) hasEnded() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ended
}

// wait waits for the end of the exchange and strikes it off the book.
func (x *exchange) wait(ctx context.Context, timeout time.Duration) (kernel.Answer, kernel.Errno) {
	if timeout == 0 {
		timeout = kernel.DefaultProbeTimeout
	}
	err := x.transport.l3.Await(x.hasEnded, timeout, ctx.Done())
	x.forget()
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case err == nil:
		return x.answer, x.errno
	case errors.Is(err, kernel.EAGAIN), errors.Is(err, kernel.EDEADLK):
		return kernel.Answer{}, kernel.ETIMEDOUT
	}
	return kernel.Answer{}, errnoIn(err)
}

func (x *exchange) forget() {
	x.transport.mu.Lock()
	defer x.transport.mu.Unlock()
	delete(x.transport.exchanges, x)
}
