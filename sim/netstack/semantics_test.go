package netstack_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// newPods makes two namespaces with a cable between them, 10.0.0.1 and 10.0.0.2, in a world that ends with the test.
func newPods(t *testing.T) (w *sim.World, a, b sim.Sockets) {
	t.Helper()
	w = sim.NewWorld(sim.Config{Transport: netstack.New})
	t.Cleanup(w.Close)
	pods, err := twoPods(w.AddHost("node"))
	if err != nil {
		t.Fatal(err)
	}
	return w, pods[0], pods[1]
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestAnyAddress: who listens to everybody is told so in the words of his family.
func TestAnyAddress(t *testing.T) {
	_, a, _ := newPods(t)
	for network, want := range map[string]string{
		"tcp": "[::]:80", "tcp4": "0.0.0.0:81", "tcp6": "[::]:82", "udp": "[::]:80", "udp4": "0.0.0.0:81", "udp6": "[::]:82",
	} {
		at := want[len(want)-3:]
		var got net.Addr
		if network[:3] == "tcp" {
			got = must(a.Listen(network, at))(t).Addr()
		} else {
			got = must(a.ListenPacket(network, at))(t).LocalAddr()
		}
		if got.String() != want || got.Network() != network[:3] {
			t.Errorf("%s %s is %v, want %s", network, at, got, want)
		}
	}
}

// TestDialAfterTheEnd: a context that has ended lets nobody dial, and nothing is sent.
func TestDialAfterTheEnd(t *testing.T) {
	w, a, b := newPods(t)
	must(b.Listen("tcp", ":80"))(t)
	defer w.Watch(func(s sim.Sight) { t.Error("somebody asks for something:", s.Place, s.Event) })()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, network := range []string{"tcp", "udp"} {
		if _, err := a.DialContext(ctx, network, "10.0.0.2:80"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", network, err)
		}
	}
}

// TestAcceptDeadline: as *net.TCPListener, and what came meanwhile can be accepted afterwards.
func TestAcceptDeadline(t *testing.T) {
	w, a, b := newPods(t)
	l := must(b.Listen("tcp", ":80"))(t)
	deadlines := l.(interface{ SetDeadline(at time.Time) error })
	began := w.Now()
	if err := deadlines.SetDeadline(began.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	_, err := l.Accept()
	if took := w.Now().Sub(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != time.Minute {
		t.Errorf("after %v: %v", took, err)
	}
	must(a.Dial("tcp", "10.0.0.2:80"))(t)
	if err := deadlines.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	must(l.Accept())(t)
}

// TestReadNothing: into no room a stream gives nothing at once, unless it is closed, and ReadFrom gives a datagram's sender.
func TestReadNothing(t *testing.T) {
	_, a, b := newPods(t)
	must(b.Listen("tcp", ":80"))(t)
	server := must(b.ListenPacket("udp", "10.0.0.2:80"))(t)
	for _, network := range []string{"tcp", "udp"} {
		c := must(a.Dial(network, "10.0.0.2:80"))(t)
		if n, err := c.Read(nil); n != 0 || err != nil {
			t.Errorf("%s: %d, %v", network, n, err)
		}
		if network == "udp" {
			must(c.Write([]byte("hello")))(t)
			if n, from, err := server.ReadFrom(nil); n != 0 || err != nil || from.String() != c.LocalAddr().String() {
				t.Errorf("ReadFrom: %d from %v, %v", n, from, err)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Read(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s closed: %v", network, err)
		}
	}
}

// TestErrorsNameBothEnds: in the fields that package net has them in.
func TestErrorsNameBothEnds(t *testing.T) {
	_, a, b := newPods(t)
	l := must(b.Listen("tcp", "10.0.0.2:80"))(t)
	u := must(a.ListenPacket("udp", "10.0.0.1:53"))(t)
	c := must(sim.Sockets{NetNS: a.NetNS, From: addrPort("10.0.0.1:1234")}.Dial("tcp", "10.0.0.2:80"))(t)
	nowhere := net.UDPAddrFromAddrPort(addrPort("192.0.2.1:9"))
	for _, closer := range []io.Closer{l, u, c} {
		defer closer.Close()
	}
	_, unreachable := u.WriteTo(nil, nowhere)
	_, noAddress := u.WriteTo(nil, nil)
	_, noUDPAddress := u.WriteTo(nil, (*net.UDPAddr)(nil))
	for _, closer := range []io.Closer{l, u, c} {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	_, accept := l.Accept()
	_, _, readFrom := u.ReadFrom(make([]byte, 1))
	_, read := c.Read(make([]byte, 1))
	for want, err := range map[string]error{
		"write udp 10.0.0.1:53->192.0.2.1:9": unreachable, "write udp 10.0.0.1:53: missing address": noAddress,
		"write udp 10.0.0.1:53-><nil>": noUDPAddress,
		"accept tcp 10.0.0.2:80:":      accept, "read udp 10.0.0.1:53:": readFrom,
		"set tcp 10.0.0.1:1234:":               c.SetDeadline(time.Time{}),
		"read tcp 10.0.0.1:1234->10.0.0.2:80:": read, "close tcp 10.0.0.2:80:": l.Close(),
	} {
		var op *net.OpError
		if !errors.As(err, &op) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
			continue
		}
		if alone := strings.HasPrefix(want, "accept") || strings.HasPrefix(want, "set"); (op.Source == nil) != alone &&
			op.Op != "close" {
			t.Errorf("%v: from %v to %v", err, op.Source, op.Addr)
		}
	}
}

// TestCloseEndsDeadlines: what is closed is not waited for, nor kept.
func TestCloseEndsDeadlines(t *testing.T) {
	w, a, _ := newPods(t)
	c := must(a.ListenPacket("udp", ":53"))(t)
	if err := c.SetDeadline(w.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(w.Now().Add(time.Hour))
	began := w.Now()
	var wait func() error
	wait = w.Go(func() { _ = wait() })
	if err := wait(); err != nil { // once the actor is told that it waits for ever
		t.Error(err)
	}
	if passed := w.Now().Sub(began); passed >= time.Hour {
		t.Errorf("%v have passed", passed)
	}
}

// TestClosedBeforeTheWorld: a socket that was closed is closed, and one that was not has no network any more.
func TestClosedBeforeTheWorld(t *testing.T) {
	w, a, _ := newPods(t)
	closed, open := must(a.Listen("tcp", ":80"))(t), must(a.Listen("tcp", ":81"))(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := closed.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := open.Accept(); !errors.Is(err, kernel.ENETDOWN) {
		t.Errorf("open: %v", err)
	}
}

// TestListenTwice: one who listens at all addresses is in the way of one who listens at a certain one, and after him.
func TestListenTwice(t *testing.T) {
	for _, c := range []struct {
		network, at           string
		otherNetwork, otherAt string
		meet                  bool
	}{
		{"tcp", "10.0.0.1:80", "tcp", "10.0.0.1:80", true},
		{"tcp", "10.0.0.1:80", "tcp", ":80", true},
		{"tcp", "10.0.0.1:80", "tcp4", ":80", true},
		{"tcp", "10.0.0.1:80", "tcp6", ":80", false},
		{"tcp", "10.0.0.1:80", "tcp", ":81", false},
		{"tcp4", "10.0.0.1:80", "tcp6", ":80", false},
		{"tcp4", ":80", "tcp6", ":80", false},
		{"tcp4", ":80", "tcp", ":80", true},
		{"tcp6", ":80", "tcp", ":80", true},
	} {
		for range 2 {
			_, a, _ := newPods(t)
			l := must(a.Listen(c.network, c.at))(t)
			_, err := a.Listen(c.otherNetwork, c.otherAt)
			if errors.Is(err, kernel.EADDRINUSE) != c.meet || (err != nil) != c.meet {
				t.Errorf("%s %s, then %s %s: %v", c.network, c.at, c.otherNetwork, c.otherAt, err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if c.meet {
				must(a.Listen(c.otherNetwork, c.otherAt))(t)
			}
			c.network, c.at, c.otherNetwork, c.otherAt = c.otherNetwork, c.otherAt, c.network, c.at
		}
	}
}
