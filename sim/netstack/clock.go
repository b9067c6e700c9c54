package netstack

import (
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/cnilab/cnilab/sim"
)

// A clock is the world's time as gVisor wants it: tcpip.Clock. It knows its timers, so that none outlives the stack.
type clock struct {
	l3    sim.Layer3
	epoch time.Time
	fired func() // called after every timer's function

	mu     sync.Mutex
	closed bool
	armed  map[*timer]struct{}
}

func newClock(l3 sim.Layer3) *clock {
	return &clock{l3: l3, epoch: l3.Now(), armed: make(map[*timer]struct{})}
}

func (c *clock) Now() time.Time { return c.l3.Now() }

func (c *clock) NowMonotonic() tcpip.MonotonicTime {
	// The second keeps timestamps away from zero, which gVisor's TCP reads as "none".
	return tcpip.MonotonicTime{}.Add(time.Second + c.l3.Now().Sub(c.epoch))
}

func (c *clock) AfterFunc(d time.Duration, f func()) tcpip.Timer {
	t := &timer{clock: c, f: f}
	t.Reset(d)
	return t
}

// close stops all timers and lets no other start.
func (c *clock) close() {
	c.mu.Lock()
	armed := c.armed
	c.armed, c.closed = nil, true
	c.mu.Unlock()
	for t := range armed {
		t.Stop()
	}
}

// note keeps the book of armed timers. It reports false once the clock is closed.
func (c *clock) note(t *timer, armed bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if armed && !c.closed {
		c.armed[t] = struct{}{}
	} else {
		delete(c.armed, t)
	}
	return !c.closed
}

// A timer is a tcpip.Timer.
type timer struct {
	clock *clock
	f     func()

	mu   sync.Mutex
	stop func() bool // nil while not armed
	run  uint64      // counts the times it was armed, so that an event knows whether it is the latest
}

func (t *timer) Reset(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
	if !t.clock.note(t, true) {
		return
	}
	t.run++
	run := t.run
	t.stop = t.clock.l3.AfterFunc(max(d, 0), func() { t.fire(run) })
}

func (t *timer) Stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop == nil {
		return false
	}
	stopped := t.stop()
	t.stop = nil
	t.clock.note(t, false)
	return stopped
}

func (t *timer) fire(run uint64) {
	t.mu.Lock()
	if t.stop == nil || t.run != run {
		t.mu.Unlock()
		return
	}
	t.stop = nil
	t.clock.note(t, false)
	t.mu.Unlock()
	t.f()
	t.clock.fired()
}
