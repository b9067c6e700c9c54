package sim_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
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

// BenchmarkThroughput is a connection that carries much one way: from pod to pod on a bridge, through a router, and through
// one that masquerades.
func BenchmarkThroughput(b *testing.B) {
	for _, way := range []string{"bridged", "routed", "masqueraded"} {
		b.Run(way, func(b *testing.B) {
			l, from, to := twoBridges(b)
			dst := "10.2.0.2:80"
			switch way {
			case "bridged":
				to, dst = l.pod("c", "cni0", "10.1.0.9/24", "10.1.0.1"), "10.1.0.9:80"
			case "masqueraded":
				l.masquerade("10.1.0.0/16")
				fallthrough
			case "routed":
				l.forward()
			}
			l.must(l.host.Sleep(background, 5*time.Second))
			const chunk = 1 << 18
			b.SetBytes(chunk)
			b.ResetTimer()
			wait := l.world.Go(func() { receiveAll(b, to) })
			conn, err := sim.Sockets{NetNS: from}.Dial("tcp", dst)
			l.must(err)
			data := make([]byte, chunk)
			for range b.N {
				if _, err := conn.Write(data); err != nil {
					b.Fatal(err)
				}
			}
			conn.Close()
			l.must(wait())
		})
	}
}

// receiveAll takes one connection, and what comes by it until it ends.
func receiveAll(b *testing.B, ns kernel.NetNS) {
	listener, err := sim.Sockets{NetNS: ns}.Listen("tcp", ":80")
	if err != nil {
		b.Error(err)
		return
	}
	defer listener.Close()
	conn, err := listener.Accept()
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	if _, err := io.Copy(onlyWriter{io.Discard}, conn); err != nil {
		b.Error(err)
	}
}

// onlyWriter keeps io.Copy from reading in pieces of another's choice.
type onlyWriter struct{ io.Writer }
