package netstack_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// transfer is what the determinism tests repeat: TCP to a service of another namespace and to one's own, UDP and ping.
// It returns the hash of all packets.
func transfer(t *testing.T, size int) string {
	w := newWire(t)
	a, b := w.join("10.0.0.1"), w.join("10.0.0.2")
	for _, e := range []*end{a, b} {
		serve(t, e, kernel.TCP, "0.0.0.0:80")
		serve(t, e, kernel.UDP, "0.0.0.0:80")
	}
	for _, to := range []string{"10.0.0.2:80", "10.0.0.1:80"} {
		call := kernel.Call{Transport: kernel.TCP, To: addrPort(to), Payload: payload(size), Timeout: time.Minute}
		if answer, err := a.Call(background, call); err != nil || len(answer.Payload) != size {
			t.Errorf("%s: %d bytes back, %v", to, len(answer.Payload), err)
		}
		call.Transport, call.Payload = kernel.UDP, payload(1000)
		if _, err := a.Call(background, call); err != nil {
			t.Error(err)
		}
	}
	if _, err := a.Ping(background, kernel.Ping{To: addr("10.0.0.2")}); err != nil {
		t.Error(err)
	}
	return w.sum()
}

// goldenTransfer is the hash of a first run.
func goldenTransfer(t *testing.T, size int) string {
	t.Helper()
	golden := transfer(t, size)
	if t.Failed() {
		t.FailNow()
	}
	return golden
}

func withProcs(n int) (restore func()) {
	before := runtime.GOMAXPROCS(n)
	return func() { runtime.GOMAXPROCS(before) }
}

// burn keeps a goroutine busy until stop.
func burn() (stop func()) {
	var stopped atomic.Bool
	go func() {
		for n := 0; !stopped.Load(); n++ {
		}
	}()
	return func() { stopped.Store(true) }
}

func TestSameTrace(t *testing.T) {
	for size, n := range map[int]int{1000: 30, 1_000_000: 3} {
		golden := goldenTransfer(t, size)
		for _, procs := range []int{1, 2} {
			for _, busy := range []bool{false, size == 1000} {
				t.Run(fmt.Sprintf("%d bytes, GOMAXPROCS %d, busy %v", size, procs, busy), func(t *testing.T) {
					defer withProcs(procs)()
					if busy {
						defer burn()()
					}
					for range n {
						if sum := transfer(t, size); sum != golden {
							t.Fatalf("got %s, want %s", sum, golden)
						}
					}
				})
			}
		}
	}
}

func TestSameTraceInParallel(t *testing.T) {
	golden := goldenTransfer(t, 100_000)
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for range 5 {
				if sum := transfer(t, 100_000); sum != golden {
					t.Fatalf("got %s, want %s", sum, golden)
				}
			}
		})
	}
}
