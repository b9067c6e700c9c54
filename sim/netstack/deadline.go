package netstack

import (
	"os"
	"sync"
	"time"
)

// A deadline belongs to the clock that its time was read from. What time.Now gave, as net/http and contexts use it, has
// a monotonic reading and is the process's; any other time is the world's.
type deadline struct {
	mu     sync.Mutex
	passed bool
	stop   func() bool
	sets   uint64 // counts them, so that a timer knows whether it is the latest
	ended  bool   // its conn is closed: there is none any more
}

// set changes the deadline; the zero time means none. Who waits looks at it at once.
func (d *deadline) set(t *Transport, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer t.poke()
	if d.stop != nil {
		d.stop()
	}
	d.passed, d.stop = false, nil
	d.sets++
	if at.IsZero() || d.ended {
		return
	}
	left, after := clockOf(t, at)
	if left <= 0 {
		d.passed = true
		return
	}
	set := d.sets
	d.stop = after(left, func() { d.pass(t, set) })
}

// clockOf returns the time that is left until at, and the timer of the clock it belongs to.
func clockOf(t *Transport, at time.Time) (left time.Duration, after func(time.Duration, func()) (stop func() bool)) {
	if hasMonotonic(at) {
		return time.Until(at), func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	return at.Sub(t.l3.Now()), t.l3.AfterFunc
}

// hasMonotonic compares the values, not the instants: Round(0) strips the monotonic reading, and nothing else.
func hasMonotonic(at time.Time) bool { return at != at.Round(0) }

func (d *deadline) pass(t *Transport, set uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sets == set {
		d.passed = true
		t.poke()
	}
}

// end takes the deadline back for good, so that no clock keeps what nobody uses any more.
func (d *deadline) end(t *Transport) {
	d.mu.Lock()
	d.ended = true
	d.mu.Unlock()
	d.set(t, time.Time{})
}

// over returns os.ErrDeadlineExceeded once the deadline has passed.
func (d *deadline) over() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.passed {
		return os.ErrDeadlineExceeded
	}
	return nil
}
