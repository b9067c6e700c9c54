package netstack

import (
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// The processors are the goroutines of gVisor's TCP: one per GOMAXPROCS and stack, each working off a queue of
// endpoints that have segments (transport/tcp/dispatcher.go). Virtual time must not move on while one of them works,
// and two of them working at once would make the order of what they send a matter of luck.
//
// They are therefore paused all the time, and run only within drain. That this is exact, without looking at anything
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
// drains the queues after every packet, there is one segment at a time, and no two processors ever have work at once.
type processors struct {
	mu     sync.Mutex
	tcp    stack.TransportProtocol
	used   bool // there has been an endpoint of TCP: without one they have nothing to do
	closed bool
}

const rounds = 3

// newProcessors pauses the processors of a new stack.
func newProcessors(tcp stack.TransportProtocol) *processors {
	tcp.Pause()
	return &processors{tcp: tcp}
}

// use is called before there is an endpoint of TCP.
func (p *processors) use() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used = true
}

// drain lets the processors work until they have nothing left to do.
func (p *processors) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
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
