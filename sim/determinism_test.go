package sim_test

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// traffic is what the determinism tests repeat. It returns a hash of all that happens to frames and packets.
func traffic(t *testing.T, size int) string {
	l := newLab(t)
	trace := sha256.New()
	l.world.Watch(func(s sim.Sight) {
		fmt.Fprintf(trace, "%v %v %v %v %v %x\n", s.At, s.Place, s.Event, s.Reason, s.Detail, s.Frame)
	})
	l.bridge("cni0", "10.1.0.1/24")
	l.bridge("cni1", "10.2.0.1/24")
	l.forward()
	a := l.pod("a", "cni0", "10.1.0.2/24", "10.1.0.1")
	b := l.pod("b", "cni1", "10.2.0.2/24", "10.2.0.1")
	c := l.pod("c", "cni0", "10.1.0.3/24", "10.1.0.1")
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		l.serve(b, transport, "0.0.0.0:80")
	}
	call := func(ns kernel.NetNS, transport kernel.Transport, size int) {
		_, err := ns.Call(background, kernel.Call{
			Transport: transport, To: addrPort("10.2.0.2:80"), Payload: payload(size), Timeout: time.Minute,
		})
		if err != nil {
			t.Error(err)
		}
	}
	wait := l.world.Go(func() { call(c, kernel.TCP, size) })
	call(a, kernel.TCP, size)
	call(a, kernel.UDP, 3000)
	l.must(wait())
	must(c.Ping(background, kernel.Ping{To: addr("10.2.0.2")}))(t)
	return fmt.Sprintf("%x", trace.Sum(nil))
}

func TestSameFrames(t *testing.T) {
	for _, size := range []int{1000, 300_000} {
		golden := traffic(t, size)
		for _, procs := range []int{1, 2} {
			t.Run(fmt.Sprintf("%d bytes, GOMAXPROCS %d", size, procs), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				for range 3 {
					if sum := traffic(t, size); sum != golden {
						t.Fatalf("got %s, want %s", sum, golden)
					}
				}
			})
		}
	}
}

func TestSameFramesInParallel(t *testing.T) {
	golden := traffic(t, 100_000)
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			for range 5 {
				if sum := traffic(t, 100_000); sum != golden {
					t.Fatalf("got %s, want %s", sum, golden)
				}
			}
		})
	}
}
