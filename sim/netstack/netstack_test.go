package netstack_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

var background = context.Background()

func addr(s string) netip.Addr         { return netip.MustParseAddr(s) }
func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func payload(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i * 7)
	}
	return p
}

func serve(t *testing.T, e *end, transport kernel.Transport, at string) (stop func()) {
	t.Helper()
	stop, err := e.Serve(kernel.Service{Transport: transport, At: addrPort(at)})
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

// wantErrno fails unless err is a kernel.Error with the errno.
func wantErrno(t *testing.T, err error, want kernel.Errno) {
	t.Helper()
	var k *kernel.Error
	if !errors.As(err, &k) || k.Errno != want {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestPing(t *testing.T) {
	w := newWire(t)
	a := w.join("10.0.0.1", "127.0.0.1", "fd00::1")
	w.join("10.0.0.2", "fd00::2")
	for _, to := range []string{"10.0.0.2", "10.0.0.1", "127.0.0.1", "127.0.0.5", "fd00::2"} {
		answer, err := a.Ping(background, kernel.Ping{To: addr(to), Size: 56})
		if err != nil {
			t.Errorf("ping %s: %v", to, err)
			continue
		}
		if answer.From != netip.AddrPortFrom(addr(to), 0) || answer.TTL != 64 || answer.RTT <= 0 {
			t.Errorf("ping %s: got %+v", to, answer)
		}
	}
}

func TestCall(t *testing.T) {
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		for _, at := range []string{"0.0.0.0:80", "10.0.0.2:80", "[::]:80"} {
			for _, size := range []int{0, 1, 1000, 60000} {
				w := newWire(t)
				a, b := w.join("10.0.0.1"), w.join("10.0.0.2")
				stop := serve(t, b, transport, at)
				want := payload(size)
				call := kernel.Call{Transport: transport, To: addrPort("10.0.0.2:80"), Payload: want}
				answer, err := a.Call(background, call)
				if err != nil {
					t.Errorf("%s %s %d bytes: %v", transport, at, size, err)
					continue
				}
				if !bytes.Equal(answer.Payload, want) || answer.Seen.Addr() != addr("10.0.0.1") ||
					answer.From != call.To || answer.RTT <= 0 {
					t.Errorf("%s %s %d bytes: got %d bytes, seen %v, from %v, in %v", transport, at, size,
						len(answer.Payload), answer.Seen, answer.From, answer.RTT)
				}
				stop()
				_, err = a.Call(background, call)
				wantErrno(t, err, kernel.ECONNREFUSED)
			}
		}
	}
}

func TestCallIPv6(t *testing.T) {
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		w := newWire(t)
		a, b := w.join("fd00::1"), w.join("fd00::2")
		serve(t, b, transport, "[fd00::2]:80")
		call := kernel.Call{Transport: transport, To: addrPort("[fd00::2]:80"), Payload: payload(99)}
		answer, err := a.Call(background, call)
		if err != nil || answer.Seen.Addr() != addr("fd00::1") {
			t.Errorf("%s: got %v, %v", transport, answer.Seen, err)
		}
	}
}

func TestFrom(t *testing.T) {
	w := newWire(t)
	a, b := w.join("10.0.0.1", "10.0.0.9"), w.join("10.0.0.2")
	serve(t, b, kernel.TCP, "0.0.0.0:80")
	serve(t, b, kernel.UDP, "0.0.0.0:80")
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		call := kernel.Call{Transport: transport, To: addrPort("10.0.0.2:80"), From: addr("10.0.0.9")}
		answer, err := a.Call(background, call)
		if err != nil || answer.Seen.Addr() != call.From {
			t.Errorf("%s: got %v, %v", transport, answer.Seen, err)
		}
		call.From = addr("10.0.0.77")
		_, err = a.Call(background, call)
		wantErrno(t, err, kernel.EADDRNOTAVAIL)
	}
	if _, err := a.Ping(background, kernel.Ping{To: addr("10.0.0.2"), From: addr("10.0.0.9")}); err != nil {
		t.Error(err)
	}
	_, err := a.Ping(background, kernel.Ping{To: addr("10.0.0.2"), From: addr("10.0.0.77")})
	wantErrno(t, err, kernel.EADDRNOTAVAIL)
}

func TestServeRefused(t *testing.T) {
	w := newWire(t)
	a := w.join("10.0.0.1")
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		stop := serve(t, a, transport, "0.0.0.0:80")
		_, err := a.Serve(kernel.Service{Transport: transport, At: addrPort("10.0.0.1:80")})
		wantErrno(t, err, kernel.EADDRINUSE)
		_, err = a.Serve(kernel.Service{Transport: transport, At: addrPort("10.0.0.77:81")})
		wantErrno(t, err, kernel.EADDRNOTAVAIL)
		stop()
		stop()
		serve(t, a, transport, "10.0.0.1:80")()
	}
	_, err := a.Serve(kernel.Service{Transport: "sctp", At: addrPort("10.0.0.1:80")})
	wantErrno(t, err, kernel.EPROTONOSUPPORT)
}

func TestUnreachable(t *testing.T) {
	w := newWire(t)
	a := w.join("10.0.0.1")
	a.refuse = map[netip.Addr]kernel.Errno{
		addr("10.9.0.1"): kernel.ENETUNREACH,
		addr("10.9.0.2"): kernel.EHOSTUNREACH,
		addr("10.9.0.3"): kernel.EACCES,
		addr("10.9.0.4"): kernel.EINVAL,
	}
	for to, errno := range a.refuse {
		for name, err := range probeAll(a, to, time.Second) {
			t.Run(name+" "+to.String(), func(t *testing.T) { wantErrno(t, err, errno) })
		}
	}
}

func TestTimeout(t *testing.T) {
	w := newWire(t)
	a := w.join("10.0.0.1")
	w.join("10.0.0.2").deaf = true
	start := w.elapsed()
	for name, err := range probeAll(a, addr("10.0.0.2"), 3*time.Second) {
		t.Run(name, func(t *testing.T) { wantErrno(t, err, kernel.ETIMEDOUT) })
	}
	if took := w.elapsed() - start; took != 9*time.Second {
		t.Errorf("three probes took %v", took)
	}
}

func TestCancel(t *testing.T) {
	w := newWire(t)
	a := w.join("10.0.0.1")
	ctx, cancel := context.WithCancel(background)
	cancel()
	_, err := a.Ping(ctx, kernel.Ping{To: addr("10.0.0.2")})
	wantErrno(t, err, kernel.ECANCELED)
}

// probeAll tries to reach an address in every way.
func probeAll(e *end, to netip.Addr, timeout time.Duration) map[string]error {
	_, ping := e.Ping(background, kernel.Ping{To: to, Timeout: timeout})
	to80 := netip.AddrPortFrom(to, 80)
	_, tcp := e.Call(background, kernel.Call{Transport: kernel.TCP, To: to80, Timeout: timeout})
	_, udp := e.Call(background, kernel.Call{Transport: kernel.UDP, To: to80, Timeout: timeout})
	return map[string]error{"ping": ping, "tcp": tcp, "udp": udp}
}
