package netstack_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// A wire is the smallest world a transport can live in: namespaces with one address each on one segment, and a queue of
// events. The test's goroutine carries them out while it waits.
type wire struct {
	t     *testing.T
	ends  []*end
	trace hash.Hash // of every packet and when it was delivered
	count int

	mu    sync.Mutex
	now   time.Duration
	seq   int
	queue []event
}

type event struct {
	at  time.Duration
	seq int
	run func()
}

func newWire(t *testing.T) *wire { return &wire{t: t, trace: sha256.New()} }

// join adds a namespace with these addresses.
func (w *wire) join(addrs ...string) *end {
	w.t.Helper()
	e := &end{wire: w, mtu: 1500, seed: uint64(len(w.ends) + 1)}
	for _, a := range addrs {
		e.addrs = append(e.addrs, netip.MustParseAddr(a))
	}
	transport, err := netstack.New(e)
	if err != nil {
		w.t.Fatal(err)
	}
	e.Transport = transport
	e.SetAddresses(e.addrs)
	w.ends = append(w.ends, e)
	w.t.Cleanup(e.Close)
	return e
}

func (w *wire) sum() string { return hex.EncodeToString(w.trace.Sum(nil)) }

func (w *wire) after(d time.Duration, run func()) (stop func() bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	seq := w.seq
	w.queue = append(w.queue, event{w.now + d, seq, run})
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		before := len(w.queue)
		w.queue = slices.DeleteFunc(w.queue, func(e event) bool { return e.seq == seq })
		return len(w.queue) < before
	}
}

// step lets everyone settle and carries out the next event. It reports false when there is none.
func (w *wire) step() bool {
	for _, e := range w.ends {
		e.Settle()
	}
	w.mu.Lock()
	if len(w.queue) == 0 {
		w.mu.Unlock()
		return false
	}
	next := slices.MinFunc(w.queue, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq))
	})
	w.queue = slices.DeleteFunc(w.queue, func(e event) bool { return e.seq == next.seq })
	w.now = next.at
	w.mu.Unlock()
	next.run()
	return true
}

func (w *wire) elapsed() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// owner returns the namespace that has the address; a loopback address belongs to who asks.
func (w *wire) owner(from *end, dst netip.Addr) *end {
	if dst.IsLoopback() {
		return from
	}
	for _, e := range w.ends {
		if slices.Contains(e.addrs, dst) {
			return e
		}
	}
	return nil
}

// An end is a namespace: a sim.Layer3 and the transport that was made on it.
type end struct {
	sim.Transport
	wire   *wire
	addrs  []netip.Addr
	mtu    int
	seed   uint64
	deaf   bool                           // drops what comes
	refuse map[netip.Addr]kernel.Errno    // by route lookups
	report func(p sim.Packet) *sim.Packet // makes an ICMP error of what the end sends
}

func (e *end) Send(p sim.Packet) error {
	if e.report != nil {
		if icmp := e.report(p); icmp != nil {
			e.wire.after(sim.HopDelay, func() { e.Deliver(*icmp) })
			return nil
		}
	}
	to := e.wire.owner(e, destination(p.Data))
	e.wire.after(sim.HopDelay, func() {
		if to == nil || to.deaf {
			return
		}
		fmt.Fprintf(e.wire.trace, "%d %x\n", e.wire.elapsed(), p.Bytes())
		e.wire.count++
		to.Deliver(p)
	})
	return nil
}

func (e *end) Leads(_, dst netip.Addr) error {
	_, err := e.Source(dst)
	return err
}

func (e *end) Source(dst netip.Addr) (netip.Addr, error) {
	if errno, ok := e.refuse[dst]; ok {
		return netip.Addr{}, errno
	}
	if dst.IsLoopback() {
		return netip.MustParseAddr("127.0.0.1"), nil
	}
	for _, a := range e.addrs {
		if a.Is4() == dst.Is4() && !a.IsLoopback() {
			return a, nil
		}
	}
	return netip.Addr{}, kernel.ENETUNREACH
}

func (e *end) MTU(netip.Addr) int { return e.mtu }
func (e *end) Now() time.Time     { return sim.Epoch.Add(e.wire.elapsed()) }
func (e *end) Seed() uint64       { return e.seed }

func (e *end) AfterFunc(d time.Duration, f func()) (stop func() bool) { return e.wire.after(d, f) }

func (e *end) Await(done func() bool, timeout time.Duration, cancel <-chan struct{}) error {
	expired := false
	defer e.wire.after(timeout, func() { expired = true })()
	for {
		for _, other := range e.wire.ends {
			other.Settle()
		}
		if done() {
			return nil
		}
		select {
		case <-cancel:
			return kernel.ECANCELED
		default:
		}
		if expired {
			return kernel.EAGAIN
		}
		if !e.wire.step() {
			return kernel.EDEADLK
		}
	}
}

func (e *end) Poke() { e.wire.after(0, func() {}) }

// Linger is for goroutines that others help; who lives on a wire is alone.
func (e *end) Linger(done func() bool) error { return e.Await(done, time.Hour, nil) }

func destination(ip []byte) netip.Addr {
	if ip[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(ip[16:20]))
	}
	return netip.AddrFrom16([16]byte(ip[24:40]))
}
