package netstack

import (
	"cmp"
	"net/netip"
	"slices"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// A socket is an endpoint of the stack and what is done about its events. An event may come from the midst of the
// stack's work, with its locks held; so it only marks the socket, and Settle has it react.
type socket struct {
	transport *Transport
	endpoint  tcpip.Endpoint
	queue     *waiter.Queue
	entry     waiter.Entry
	react     func()

	number uint64 // in the order of opening
	woken  bool   // guarded by transport.mu
}

// open makes a socket.
func (t *Transport) open(
	proto tcpip.TransportProtocolNumber, network tcpip.NetworkProtocolNumber, react func(*socket),
) (*socket, tcpip.Error) {
	queue := new(waiter.Queue)
	endpoint, err := t.openEndpoint(proto, network, queue)
	if err != nil {
		return nil, err
	}
	return t.adopt(endpoint, queue, react), nil
}

// openEndpoint makes an endpoint of the stack.
func (t *Transport) openEndpoint(
	proto tcpip.TransportProtocolNumber, network tcpip.NetworkProtocolNumber, queue *waiter.Queue,
) (tcpip.Endpoint, tcpip.Error) {
	if proto == tcp.ProtocolNumber {
		t.processors.use()
	}
	return t.stack.NewEndpoint(proto, network, queue)
}

// adopt makes a socket of an endpoint that is there.
func (t *Transport) adopt(endpoint tcpip.Endpoint, queue *waiter.Queue, react func(*socket)) *socket {
	s := &socket{transport: t, endpoint: endpoint, queue: queue}
	s.react = func() { react(s) }
	t.mu.Lock()
	t.sockets++
	s.number = t.sockets
	t.mu.Unlock()
	s.entry = waiter.NewFunctionEntry(waiter.EventIn|waiter.EventOut|waiter.EventErr|waiter.EventHUp, s.wake)
	queue.EventRegister(&s.entry)
	return s
}

func (s *socket) wake(waiter.EventMask) {
	s.transport.mu.Lock()
	defer s.transport.mu.Unlock()
	if !s.woken {
		s.woken = true
		s.transport.woken = append(s.transport.woken, s)
	}
}

// takeWoken returns the sockets that have something to do, by age.
func (t *Transport) takeWoken() []*socket {
	t.mu.Lock()
	defer t.mu.Unlock()
	woken := t.woken
	t.woken = nil
	for _, s := range woken {
		s.woken = false
	}
	slices.SortFunc(woken, byAge)
	return woken
}

func byAge(a, b *socket) int { return cmp.Compare(a.number, b.number) }

// bind gives the socket its own address. The zero Addr leaves it to the routes.
func (s *socket) bind(addr netip.Addr, port uint16) tcpip.Error {
	return s.endpoint.Bind(fullAddress(addr, port))
}

// local returns the port the socket is bound to.
func (s *socket) local() uint16 {
	addr, err := s.endpoint.GetLocalAddress()
	if err != nil {
		return 0
	}
	return addr.Port
}

func (s *socket) close() {
	s.queue.EventUnregister(&s.entry)
	s.endpoint.Close()
}

// abort closes without goodbye to the peer.
func (s *socket) abort() {
	s.queue.EventUnregister(&s.entry)
	s.endpoint.Abort()
}
