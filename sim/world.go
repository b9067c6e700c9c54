package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// Epoch is when every world starts.
var Epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// A Config says what world to make. The zero value is a world of Linux 6.18 without a packet plane's sockets.
type Config struct {
	Seed      uint64       // of all that is random
	Transport NewTransport // makes the sockets of a namespace; nil: probes answer EOPNOTSUPP
	Profile   Profile      // which Linux; the zero value: Linux618

	// BridgePorts is how many ports a bridge may have, which no Linux lets anybody say: 0 is its own 1,023. It is for
	// measuring what more of them would cost.
	BridgePorts int
}

// A World is a set of simulated machines with their common clock. Everything in it is ordinary memory.
type World struct {
	config Config
	clock  *clock

	mu        sync.Mutex // guards the tables: all below, and all that hangs on a Host
	rand      *rand.Rand
	hosts     []*Host
	lastNSID  uint64
	touched   time.Duration    // when a file was last changed: see touch
	settings  *settingsPool    // of all folders
	outbox    fifo[func()]     // what is to be told to transports, in order, once mu is free
	sending   bool             // someone is working the outbox off
	fired     []*link          // whose carriers have come or gone: see watchLinks
	disturbed fifo[*namespace] // with transports that may have work in the background

	cables []*Cable
	cards  int // how many of them were made for cables

	lifetimes map[learned]lifetime // of what links have learned of routers
	randomIDs map[*link]uint64     // see link.randomID

	watchers   []*watcher
	closed     bool      // nobody gets sockets any more
	lastFlight *flight   // the one that was asked for last; see fly
	handover   *handover // the end of the outbox, if more segments may join it; nil: none
	taken      *frame    // what a link has taken from the wire and is at work on; nil: none
}

// NewWorld makes a world. The calling goroutine is its first actor; see Go.
func NewWorld(c Config) *World {
	if c.Profile.Release == "" {
		c.Profile = Linux618
	}
	w := &World{
		config:   c,
		rand:     rand.New(rand.NewPCG(c.Seed, 0x636e696c6162)),
		lastNSID: firstNSID - 1,
		settings: newSettingsPool(),

		randomIDs: map[*link]uint64{},
	}
	w.clock = newClock(w.settle)
	return w
}

// Go makes a goroutine that lives in the world: an actor. Actors take turns, in the order in which they can go on: one
// of them runs until it waits (for time, for a lock, for an answer), so f does not begin before the caller waits. wait
// waits for the end of f: EDEADLK where f cannot end, ECANCELED once the world is closed.
//
// An actor must not wait for another by channels, mutexes or sync.WaitGroup: time would stand still. A goroutine that
// was not made by Go may use the world all the same, but time may move on while it computes.
func (w *World) Go(f func()) (wait func() error) { return w.clock.spawn(f) }

// Now returns the world's time.
func (w *World) Now() time.Time { return Epoch.Add(w.clock.elapsed()) }

// Sleep lets the world's time go on by d, or until ctx ends (ECANCELED).
func (w *World) Sleep(ctx context.Context, d time.Duration) error {
	err := w.clock.await(func() bool { return false }, max(d, 0), ctx.Done())
	if err == kernel.EAGAIN {
		return nil
	}
	return fail("sleep", d.String(), refuse(kernel.ErrnoOf(err)))
}

// Close ends the world: who waits gets ECANCELED, sockets end, and it returns when all actors have. It must not be
// called by an actor that Go made.
func (w *World) Close() {
	w.clock.close()
	w.update(func() {
		w.closed = true
		for _, h := range w.hosts {
			h.closeSockets()
		}
	})
}

// update changes or reads the tables, and then works off what that left in the outbox. Every way into the tables goes
// through it.
func (w *World) update(f func()) {
	w.locked(func() {
		f()
		w.watchLinks()
	})
	w.send()
}

func (w *World) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// after asks for f to change the tables in d from now. It may be called with the tables locked.
func (w *World) after(d time.Duration, f func()) (stop func() bool) {
	return w.clock.after(d, func() { w.update(f) })
}

// await waits until done, which is called with the tables locked, reports true. The errors are those of clock.await.
func (w *World) await(done func() bool, timeout time.Duration, cancel <-chan struct{}) error {
	var ok bool
	look := func() { ok = done() }
	return w.clock.await(func() bool { w.update(look); return ok }, timeout, cancel)
}

// post leaves f to be called once the tables are unlocked. It is for telling transports: what is posted is called
// one by one, in order. The tables are locked.
func (w *World) post(f func()) {
	w.handover = nil
	w.outbox.push(f)
}

// send works the outbox off, unless someone else is at it (who takes the new things along).
func (w *World) send() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sending {
		return
	}
	w.sending = true
	for w.outbox.len() > 0 {
		f := w.outbox.pop()
		w.handover = nil
		w.mu.Unlock()
		f()
		w.mu.Lock()
	}
	w.sending = false
}

// disturb notes that the namespace's transport may have something to do in the background, so that the clock lets it
// settle before it goes on. The tables are locked.
func (w *World) disturb(ns *namespace) {
	if ns.transport != nil && !ns.disturbed {
		ns.disturbed = true
		w.disturbed.push(ns)
	}
}

// settle returns when no transport has anything to do in the background.
func (w *World) settle() {
	for {
		t := w.nextDisturbed()
		if t == nil {
			return
		}
		t.Settle()
	}
}

func (w *World) nextDisturbed() (t Transport) {
	w.locked(func() {
		for w.disturbed.len() > 0 && t == nil {
			ns := w.disturbed.pop()
			ns.disturbed = false
			t = ns.transport
		}
	})
	return t
}

// derive returns a number that depends on the world's seed and the words alone, not on what has happened before.
func (w *World) derive(words ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, w.config.Seed)
	fmt.Fprintln(h, words...)
	return h.Sum64()
}
