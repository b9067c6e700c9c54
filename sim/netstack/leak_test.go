package netstack_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// TestMain is red when a stack leaves goroutines behind, for all of which Close waits, or lets somebody wait for ever.
func TestMain(m *testing.M) {
	code := m.Run()
	for what, call := range map[string]string{
		"of closed stacks": "tcp.(*processor).start", "waiting at their sockets": "netstack.endpoint.block",
	} {
		if n := left(call, 0); n > 0 {
			fmt.Printf("%d goroutines %s are left\n", n, what)
			code = 1
		}
	}
	os.Exit(code)
}

// left returns how many goroutines have call on their stacks, once they are no more than want or patience is at its end:
// a closed stack has waited for its goroutines to say that they are done, which the last of them says before it is gone.
func left(call string, want int) int {
	const patience = 10 * time.Second
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		n := bytes.Count(goroutines(), []byte(call))
		if n <= want || time.Now().After(deadline) {
			return n
		}
	}
}

// goroutines returns the stacks of all.
func goroutines() []byte {
	stacks := make([]byte, 1<<20)
	return stacks[:runtime.Stack(stacks, true)]
}

// TestNoGoroutines: services and connections have none of ours; gVisor has one a processor of each stack.
func TestNoGoroutines(t *testing.T) {
	w := newWire(t)
	a, b := w.join("10.0.0.1"), w.join("10.0.0.2")
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		serve(t, b, transport, "0.0.0.0:80")
		if _, err := a.Call(background, kernel.Call{Transport: transport, To: addrPort("10.0.0.2:80")}); err != nil {
			t.Fatal(err)
		}
	}
	all := goroutines()
	if n := bytes.Count(all, []byte("created by github.com/cnilab/cnilab/sim/netstack.")); n != 0 {
		t.Errorf("%d goroutines of ours", n)
	}
	want := 2 * runtime.GOMAXPROCS(0)
	if n := left("created by gvisor.dev/gvisor/pkg/tcpip/transport/tcp.(*dispatcher)", want); n != want {
		t.Errorf("%d goroutines of gVisor, want %d", n, want)
	}
}

// TestClosed: what is left of a closed transport answers, and does nothing.
func TestClosed(t *testing.T) {
	w := newWire(t)
	a, b := w.join("10.0.0.1"), w.join("10.0.0.2")
	stop := serve(t, b, kernel.TCP, "0.0.0.0:80")
	call := kernel.Call{Transport: kernel.TCP, To: addrPort("10.0.0.2:80"), Payload: payload(100_000)}
	w.after(20*1000, func() { b.Close() }) // 20 µs: in the midst of the transfer
	_, err := a.Call(background, call)
	wantErrno(t, err, kernel.ETIMEDOUT)
	stop()
	b.Close()
	b.Settle()
	_, err = b.Call(background, call)
	wantErrno(t, err, kernel.ENETDOWN)
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		_, err = b.Serve(kernel.Service{Transport: transport, At: addrPort("0.0.0.0:81")})
		wantErrno(t, err, kernel.ENETDOWN)
	}
}
