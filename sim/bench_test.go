package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// BenchmarkPing is a ping between two of many pods, with as many links in the way of every lookup.
func BenchmarkPing(b *testing.B) {
	for _, pods := range []int{2, 1000} {
		b.Run(fmt.Sprintf("%d pods", pods), func(b *testing.B) {
			l := newLab(b)
			l.bridge("cni0", "10.1.0.1/16")
			var first kernel.NetNS
			for i := range pods {
				ns := l.pod(fmt.Sprint("p", i), "cni0", fmt.Sprintf("10.1.%d.%d/16", i/250+1, i%250+1), "10.1.0.1")
				if i == 0 {
					first = ns
				}
			}
			l.must(l.host.Sleep(background, 3*time.Second))
			for _, to := range []string{"10.1.1.2", "10.1.0.1"} {
				b.Run(to, func(b *testing.B) {
					for range b.N {
						if _, err := first.Ping(background, kernel.Ping{To: addr(to), Size: 56}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

// BenchmarkMegabyte is a megabyte there and back by TCP through a router.
func BenchmarkMegabyte(b *testing.B) {
	l, from, to := twoBridges(b)
	l.forward()
	l.serve(to, kernel.TCP, "0.0.0.0:80")
	call := kernel.Call{Transport: kernel.TCP, To: addrPort("10.2.0.2:80"), Payload: payload(1_000_000)}
	for range b.N {
		if _, err := from.Call(background, call); err != nil {
			b.Fatal(err)
		}
	}
}
