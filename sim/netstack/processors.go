package netstack

import (
	"sync"
	"sync/atomic"
	_ "unsafe" // for go:linkname

	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// The processors are the goroutines of gVisor's TCP: one per GOMAXPROCS and stack, each working off a queue of
// endpoints that have segments (transport/tcp/dispatcher.go). Virtual time must not move on while one of them works,
// and two of them working at once would make the order of what they send a matter of luck.
//
// They are therefore paused all the time, and run only within work. That this is exact, without looking at anything
// beyond this one stack, follows from processor.start: a processor that is asked to pause looks at its queue; while
// there is work it works, and only with an empty queue it hands over to pause and waits for resume. So once Pause has
// returned,
//
//   - every processor has found its queue empty after everything that this goroutine queued before, and
//   - none runs any longer.
//
// What remains is work that one processor gave another one that was paused already. A segment moves so at most twice:
// from an endpoint that is closed or in TIME-WAIT to the listener that has its port
// (tryDeliverSegmentFromClosedEndpoint, handleTimeWaitSegments), and from the listener to the connection it belongs to
// (handleListenSegment), which keeps it. Hence rounds: as many as a segment can have processors. And since Deliver
// drains the queues after every packet, or after a row of segments of one connection, which stay with one processor, no two
// processors ever have work at once.
//
// A round costs each processor two changes of goroutines, on as many threads, so that those are spared that can find nothing
// to do. A segment of a connection that stands moves nowhere, for its endpoint has no other one that it could close upon: it
// is worked off here, by the function that its processor would call, which finds nothing left when it looks the next time.
// What else could be in a queue by the time of Settle comes from a timer, from a socket's reaction, or from a goroutine that
// held the lock of an endpoint (tcp.Endpoint.UnlockUser) meanwhile, which call finds out; they owe rounds.
type processors struct {
	mu     sync.Mutex
	tcp    queueingProtocol
	used   bool // there has been an endpoint of TCP: without one they have nothing to do
	closed bool

	owed  atomic.Bool   // there may be work
	turns atomic.Uint64 // odd while packets are delivered and queues drained
}

const rounds = 3

// A queueingProtocol is gVisor's TCP, of which the stack finds out so by type assertion (stack/transport_demuxer.go).
type queueingProtocol interface {
	stack.TransportProtocol
	QueuePacket(ep stack.TransportEndpoint, id stack.TransportEndpointID, pkt *stack.PacketBuffer)
}

// newProcessors pauses the processors of a new stack.
func newProcessors(tcp queueingProtocol) *processors {
	tcp.Pause()
	return &processors{tcp: tcp}
}

// use is called before there is an endpoint of TCP.
func (p *processors) use() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used = true
}

// owe notes that a processor may have got something to do.
func (p *processors) owe() { p.owed.Store(true) }

// call calls f, which holds the lock of an endpoint: what comes for that meanwhile stays undone.
func (p *processors) call(f func()) {
	turn := p.turns.Load()
	f()
	if turn%2 == 1 || p.turns.Load() != turn {
		p.owe()
	}
}

// deliver calls f, which hands up one packet, and lets the processors work off what it queues.
func (p *processors) deliver(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns.Add(1)
	defer p.turns.Add(1)
	f()
	p.work()
	p.owe() // who is about to make a connection may hold its lock
}

// deliverTo queues segments for a connection that stands, and has them worked off: no more than sim hands over at once, which
// are fewer than gVisor works off (maxSegmentsPerWake).
func (p *processors) deliverTo(ep *tcp.Endpoint, row []segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns.Add(1)
	defer p.turns.Add(1)
	if p.closed {
		return
	}
	if p.owed.Load() {
		p.work()
	}
	for i := range row {
		p.queue(ep, &row[i])
	}
	if stands(ep) { // still, after what was owed
		handleConnected(ep)
	}
	if !stands(ep) {
		p.work() // its processor still has it in its queue
		p.owe()
	}
}

func (p *processors) queue(ep *tcp.Endpoint, s *segment) {
	pkt := s.packet()
	defer pkt.DecRef()
	p.tcp.QueuePacket(ep, s.id, pkt)
}

// handleConnected is gVisor's: what a processor does with an endpoint that has segments and is connected
// (transport/tcp/dispatcher.go). No exported function does.
//
//go:linkname handleConnected gvisor.dev/gvisor/pkg/tcpip/transport/tcp.handleConnected
func handleConnected(ep *tcp.Endpoint)

// drain lets the processors work until they have nothing left to do.
func (p *processors) drain() {
	if !p.owed.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns.Add(1)
	defer p.turns.Add(1)
	p.owed.Store(false)
	p.work()
}

func (p *processors) work() {
	if p.closed || !p.used {
		return
	}
	for range rounds {
		p.tcp.Resume()
		p.tcp.Pause()
	}
}

// close lets the processors run, so that they can end.
func (p *processors) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.tcp.Resume()
	}
}
