package sim

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// forever is the timeout of an await that has none: not what somebody counts down to.
const forever = time.Duration(math.MinInt64)

// A clock is the time of a world and the baton that its actors pass: one of them runs, or none does and the next event
// is carried out. The goroutine that made the world is its first actor, spawn makes more.
//
// A goroutine that is no actor and waits is taken for one meanwhile. Nothing hangs because of it, but the clock cannot
// know of the work it does between two waits, and time may pass it by. Those who linger are expected to be such: while
// there are any, time does not leap before the whole process is quiet (see awaitQuiet).
type clock struct {
	settle func() // called with no lock held before the clock looks whom it can resume

	mu      sync.Mutex
	now     time.Duration
	shown   atomic.Int64 // now, for who asks
	seq     uint64
	queue   events
	waiting []*waiter // by when they began to wait
	running int       // actors that do not wait; less than 0 while others wait too
	waits   uint64    // ever begun
	pokes   uint64    // ever
	looked  []*waiter // see ready
	driven  bool      // a goroutine is in drive
	closed  bool
	actors  sync.WaitGroup // those made by spawn
}

// A waiter is a goroutine in await.
type waiter struct {
	done    func() bool // called with no lock held
	lingers bool
	cancel  <-chan struct{}
	expired bool
	resumed bool
	err     error
	wake    chan struct{} // has an element once resumed, or when it is to drive
}

func newClock(settle func()) *clock { return &clock{settle: settle, running: 1} }

// elapsed returns the time since the start of the world.
func (c *clock) elapsed() time.Duration { return time.Duration(c.shown.Load()) }

// after asks for run to be called in d from now, with no lock held. stop takes the event back and reports whether it
// was in time.
func (c *clock) after(d time.Duration, run func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.schedule(d, run)
}

// afterIdle asks for an event of the caller's own that is not in the queue. It is for what a machine does by itself for
// ever: where no other events are left nobody waits for it, and time stands still.
func (c *clock) afterIdle(d time.Duration, e *event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.idle = true
	c.scheduleEvent(e, d)
}

// takeBack takes an event back, if it is still to come. It cannot be asked for again.
func (c *clock) takeBack(e *event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.remove(e)
}

func (c *clock) schedule(d time.Duration, run func()) (stop func() bool) {
	e := &event{run: run}
	if !c.scheduleEvent(e, d) {
		return func() bool { return false }
	}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.queue.remove(e)
	}
}

// scheduleEvent puts an event into the queue, unless there are none any more.
func (c *clock) scheduleEvent(e *event, d time.Duration) (ok bool) {
	if c.closed {
		return false
	}
	e.at, e.seq = c.now+max(d, 0), c.seq
	if e.at < c.now { // d is more than there is
		e.at = math.MaxInt64
	}
	c.seq++
	c.queue.add(e)
	c.appoint()
	return true
}

// poke has the clock look again whom it can resume, because something may have changed that no event did.
func (c *clock) poke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pokes++
	c.appoint()
}

// await returns nil once done reports true, EAGAIN after timeout, ECANCELED once cancel or the world is closed, and
// EDEADLK where no event is left (see afterIdle) and everybody waits. Time goes on meanwhile: the caller carries out the
// events itself where no one else does.
func (c *clock) await(done func() bool, timeout time.Duration, cancel <-chan struct{}) error {
	return c.wait(&waiter{done: done, cancel: cancel}, timeout)
}

// linger is await for those whom somebody outside the world may help, who has to poke then. They wait on
// where no event is left, and nobody is told EDEADLK meanwhile.
func (c *clock) linger(done func() bool) error {
	return c.wait(&waiter{done: done, lingers: true}, forever)
}

func (c *clock) wait(w *waiter, timeout time.Duration) error {
	w.wake = make(chan struct{}, 1)
	stop, err := c.enqueue(w, timeout)
	if err != nil {
		return err
	}
	defer stop()
	return c.park(w)
}

// enqueue makes the caller a waiter. stop takes its timeout back.
func (c *clock) enqueue(w *waiter, timeout time.Duration) (stop func() bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, kernel.ECANCELED
	}
	stop = func() bool { return false }
	if timeout != forever {
		stop = c.schedule(timeout, func() { w.expired = true })
	}
	c.running--
	c.waits++
	c.waiting = append(c.waiting, w)
	return stop, nil
}

// park returns when w is resumed, and drives as long as it falls to w.
func (c *clock) park(w *waiter) error {
	for {
		c.drive(w)
		<-w.wake
		c.mu.Lock()
		resumed := w.resumed
		c.mu.Unlock()
		if resumed {
			return w.err
		}
	}
}

// drive carries out events while nobody runs, until w itself is resumed.
func (c *clock) drive(w *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.driven {
		return
	}
	c.driven = true
	idle := false
	for c.running <= 0 && !w.resumed && !idle {
		idle = !c.advance()
	}
	c.driven = false
	if !idle {
		c.appoint()
	}
}

// appoint makes a waiter drive where nobody runs and nobody drives.
func (c *clock) appoint() {
	if c.running > 0 || c.driven || len(c.waiting) == 0 {
		return
	}
	select {
	case c.waiting[0].wake <- struct{}{}:
	default: // has been asked already
	}
}

// advance resumes the first waiter that can go on, else carries out the next event, else tells the one that began to
// wait last that it would wait for ever. It reports false where nothing can happen but from outside.
func (c *clock) advance() bool {
	pokes := c.pokes
	w, err := c.ready()
	switch {
	case w != nil:
		c.resume(w, err)
	case c.pokes != pokes: // something has changed while it looked
	case c.queue.wanted > 0:
		if c.mayLeap() {
			e := c.queue.next()
			c.now = e.at
			c.shown.Store(int64(c.now))
			c.unlocked(e.run)
		}
	case c.haveLingering() || len(c.waiting) == 0:
		return false
	default:
		c.resume(c.waiting[len(c.waiting)-1], kernel.EDEADLK)
	}
	return true
}

// leap is the time that may pass at once while goroutines compute that the clock does not know: what packets take on
// their way is less, and what sockets wait for is more.
const leap = time.Millisecond

// mayLeap reports whether the next event's time has come: at once where all who wait are known to, or time moves but
// little. Else it takes a quiet process, in which nothing has changed meanwhile.
func (c *clock) mayLeap() bool {
	if c.queue.first().at-c.now < leap || !c.haveLingering() {
		return true
	}
	seq, waits, pokes := c.seq, c.waits, c.pokes
	c.unlocked(awaitQuiet)
	return c.seq == seq && c.waits == waits && c.pokes == pokes && !c.closed && c.queue.first() != nil
}

func (c *clock) haveLingering() bool {
	return slices.ContainsFunc(c.waiting, func(w *waiter) bool { return w.lingers })
}

// ready returns the first waiter that need not wait any longer, and what its await returns.
func (c *clock) ready() (*waiter, error) {
	c.looked = append(c.looked[:0], c.waiting...) // nobody else drives, so that it is ours
	var found *waiter
	var err error
	c.unlocked(func() {
		c.settle()
		for _, w := range c.looked {
			if ok, verdict := w.look(); ok {
				found, err = w, verdict
				return
			}
		}
	})
	return found, err
}

// look reports whether the waiter can go on, and with what.
func (w *waiter) look() (bool, error) {
	if w.done() {
		return true, nil
	}
	select {
	case <-w.cancel:
		return true, kernel.ECANCELED
	default:
	}
	if w.expired {
		return true, kernel.EAGAIN
	}
	return false, nil
}

// resume lets w run again.
func (c *clock) resume(w *waiter, err error) {
	if w.resumed { // by close, while the clock looked
		return
	}
	c.waiting = slices.DeleteFunc(c.waiting, func(other *waiter) bool { return other == w })
	c.running++
	w.resumed, w.err = true, err
	select {
	case w.wake <- struct{}{}:
	default: // was asked to drive; finds out that it is resumed
	}
}

// unlocked calls f without the lock.
func (c *clock) unlocked(f func()) {
	c.mu.Unlock()
	defer c.mu.Lock()
	f()
}

// spawn makes an actor that runs f: for the first time when its turn comes, which is when its maker waits. wait
// awaits its end.
func (c *clock) spawn(f func()) (wait func() error) {
	start := &waiter{done: func() bool { return true }, wake: make(chan struct{}, 1)}
	ended := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return func() error { return kernel.ECANCELED }
	}
	c.waiting = append(c.waiting, start)
	c.actors.Go(func() {
		defer c.leave()
		defer close(ended)
		if c.park(start) == nil {
			f()
		}
	})
	return func() error { return c.await(func() bool { return isClosed(ended) }, forever, nil) }
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// leave is the end of an actor.
func (c *clock) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	c.appoint()
}

// close resumes all waiters with ECANCELED, from now on whoever waits, and returns when the last actor has ended. No
// event happens any more.
func (c *clock) close() {
	c.mu.Lock()
	c.closed = true
	for len(c.waiting) > 0 {
		c.resume(c.waiting[0], kernel.ECANCELED)
	}
	c.mu.Unlock()
	c.actors.Wait()
}
