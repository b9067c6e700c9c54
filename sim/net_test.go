package sim_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// httpServer serves in a namespace until the test ends.
func (l *lab) httpServer(ns kernel.NetNS, at string, h http.HandlerFunc) {
	l.t.Helper()
	listener := must(sim.Sockets{NetNS: ns}.Listen("tcp", at))(l.t)
	server := &http.Server{Handler: h}
	ended := make(chan error)
	go func() { ended <- server.Serve(listener) }()
	l.t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			l.t.Error(err)
		}
	})
}

// get fetches from within a namespace.
func (l *lab) get(ns kernel.NetNS, url string) string {
	l.t.Helper()
	client := sim.Sockets{NetNS: ns}.HTTPClient()
	defer client.CloseIdleConnections()
	return l.getBy(client, url)
}

func (l *lab) getBy(client *http.Client, url string) string {
	l.t.Helper()
	response, err := client.Get(url)
	if err != nil {
		l.t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Error(err)
	}
	return string(body)
}

func tellPeer(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) }

func peerIn(t *testing.T, body string) netip.Addr {
	t.Helper()
	return must(netip.ParseAddrPort(body))(t).Addr()
}

func TestHTTPAcrossABridge(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a, b := l.pod("a", "br0", "10.1.0.2/24", ""), l.pod("b", "br0", "10.1.0.3/24", "")
	for _, at := range []string{":80", "0.0.0.0:81", "10.1.0.3:82"} {
		l.httpServer(b, at, tellPeer)
		url := "http://10.1.0.3:" + at[len(at)-2:]
		if peer := peerIn(t, l.get(a, url)); peer != addr("10.1.0.2") {
			t.Errorf("%s saw %v", at, peer)
		}
	}
}

func TestHTTPThroughMasquerade(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	l.bridge("br1", "192.0.2.1/24")
	a, b := l.pod("a", "br0", "10.1.0.2/24", "10.1.0.1"), l.pod("b", "br1", "192.0.2.9/24", "")
	l.forward()
	l.must(l.node.ChangeRuleset(kernel.NFTables, []kernel.FilterChange{
		{Do: kernel.AddTable, Family: kernel.FilterIP, Table: "masq"},
		{
			Do: kernel.AddChain, Family: kernel.FilterIP, Table: "masq", Chain: "post",
			Base: &kernel.BaseChain{Type: "nat", Hook: "postrouting", Priority: 100, Policy: kernel.Accept},
		},
		{
			Do: kernel.AddRule, Family: kernel.FilterIP, Table: "masq", Chain: "post",
			Rule: kernel.FilterRule{Action: kernel.Masquerade},
		},
	}))
	l.httpServer(b, ":80", tellPeer)
	if peer := peerIn(t, l.get(a, "http://192.0.2.9")); peer != addr("192.0.2.1") {
		t.Errorf("the server saw %v, not the node", peer)
	}
}

func TestHTTPTenMegabytes(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a, b := l.pod("a", "br0", "10.1.0.2/24", ""), l.pod("b", "br0", "10.1.0.3/24", "")
	want := payload(10_000_000)
	l.httpServer(b, ":80", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(want) })
	if got := l.get(a, "http://10.1.0.3"); got != string(want) {
		t.Errorf("got %d bytes, not what was sent", len(got))
	}
}

func TestHTTPFiftyClientsAtOnce(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a, b := l.pod("a", "br0", "10.1.0.2/24", ""), l.pod("b", "br0", "10.1.0.3/24", "")
	l.httpServer(b, ":80", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			path := fmt.Sprintf("/%d", i)
			if got := l.get(a, "http://10.1.0.3"+path); got != path {
				t.Errorf("got %q, want %q", got, path)
			}
		})
	}
	all.Wait()
}

// Each way of not getting through has its errno, which takes no real time.
func TestDialFails(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a := l.pod("a", "br0", "10.1.0.2/24", "10.1.0.1")
	l.forward()
	l.route(a, kernel.Route{Dst: prefix("10.7.0.0/24"), Type: kernel.Prohibit})
	bare := l.netns("bare")
	for _, c := range []struct {
		from    kernel.NetNS
		network string
		local   string
		to      string
		errno   kernel.Errno
	}{
		{a, "tcp", "", "10.1.0.1:80", kernel.ECONNREFUSED},
		{a, "tcp", "", ":80", kernel.ECONNREFUSED},
		{a, "tcp", "", "10.1.0.9:80", kernel.EHOSTUNREACH},
		{a, "tcp", "", "198.51.100.1:80", kernel.ENETUNREACH}, // says the node
		{bare, "tcp", "", "198.51.100.1:80", kernel.ENETUNREACH},
		{bare, "udp", "", "198.51.100.1:80", kernel.ENETUNREACH},
		{a, "tcp", "", "10.7.0.1:80", kernel.EACCES},
		{a, "udp", "", "10.7.0.1:80", kernel.EACCES},
		{a, "tcp", "10.1.0.77:0", "10.1.0.1:80", kernel.EADDRNOTAVAIL},
		{a, "tcp", "", "[fe80::1]:80", kernel.EINVAL},
		{a, "udp", "", "[fe80::1]:80", kernel.EINVAL},
		{a, "udp", "", "[fe80::1%absent]:80", kernel.ENODEV},
	} {
		s := sim.Sockets{NetNS: c.from}
		if c.local != "" {
			s.From = addrPort(c.local)
		}
		_, err := s.Dial(c.network, c.to)
		var op *net.OpError
		if !errors.Is(err, c.errno) || !errors.As(err, &op) || op.Op != "dial" {
			t.Errorf("%s %s: got %v, want %v", c.network, c.to, err, c.errno)
		}
	}
}

// Where nobody answers, TCP gives up after two minutes of the world, or at its context's end.
func TestDialTimesOut(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a := l.pod("a", "br0", "10.1.0.2/24", "")
	l.must(a.AddNeighbour(kernel.Neighbour{
		Link: l.index(a, "eth0"), IP: addr("10.1.0.9"), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9},
	}))
	start := l.world.Now()
	_, err := sim.Sockets{NetNS: a}.Dial("tcp", "10.1.0.9:80")
	if took := l.world.Now().Sub(start); !errors.Is(err, kernel.ETIMEDOUT) || !isTimeout(err) || took < time.Minute {
		t.Errorf("after %v: %v", took, err)
	}
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := (sim.Sockets{NetNS: a}).DialContext(ctx, "tcp", "10.1.0.9:80"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestWrongAddresses(t *testing.T) {
	l := newLab(t)
	s := sim.Sockets{NetNS: l.node}
	for _, c := range [][2]string{
		{"unix", "/run/x"},
		{"tcp", "10.1.0.1"},
		{"tcp", "example.org:80"},
		{"tcp", "10.1.0.1:http"},
		{"tcp4", "[fd00::1]:80"},
		{"tcp6", "10.1.0.1:80"},
		{"tcp6", "[::ffff:10.1.0.1]:80"},
		{"ip", "10.1.0.1:80"},
	} {
		for name, call := range map[string]func(string, string) error{
			"Dial":         func(n, a string) error { _, err := s.Dial(n, a); return err },
			"Listen":       func(n, a string) error { _, err := s.Listen(n, a); return err },
			"ListenPacket": func(n, a string) error { _, err := s.ListenPacket(n, a); return err },
		} {
			var op *net.OpError
			if err := call(c[0], c[1]); !errors.As(err, &op) {
				t.Errorf("%s(%q, %q) = %v", name, c[0], c[1], err)
			}
		}
	}
	if _, err := (sim.Sockets{}).Dial("tcp", "10.1.0.1:80"); !errors.Is(err, kernel.EBADF) {
		t.Errorf("in no namespace: %v", err)
	}
}

// connect returns both ends of a connection across a bridge.
func (l *lab) connect(s, server sim.Sockets, at string) (client, accepted net.Conn) {
	l.t.Helper()
	listener := must(server.Listen("tcp", at))(l.t)
	client = must(s.Dial("tcp", at))(l.t)
	return client, must(listener.Accept())(l.t)
}

// A deadline by the world's clock takes no real time, one by the process's takes what it says.
func TestDeadlines(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a := l.pod("a", "br0", "10.1.0.2/24", "")
	client, _ := l.connect(sim.Sockets{NetNS: a}, sim.Sockets{NetNS: l.node}, "10.1.0.1:80")
	read := func(at time.Time) (world, process time.Duration) {
		began, start := l.world.Now(), time.Now()
		if err := client.SetReadDeadline(at); err != nil {
			t.Error(err)
		}
		_, err := client.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || !isTimeout(err) {
			t.Error(err)
		}
		return l.world.Now().Sub(began), time.Since(start)
	}
	if world, process := read(l.world.Now().Add(time.Hour)); world != time.Hour || process > time.Minute {
		t.Errorf("an hour of the world took %v of it, and %v", world, process)
	}
	if _, process := read(time.Now().Add(20 * time.Millisecond)); process < 20*time.Millisecond {
		t.Errorf("20ms took %v", process)
	}
	if world, _ := read(time.Unix(1, 0)); world != 0 {
		t.Errorf("the past took %v of the world", world)
	}
}

// A server's answer comes before a deadline of the world, though it is computed by a goroutine the world does not know.
func TestTimeWaitsForWhoComputes(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a := l.pod("a", "br0", "10.1.0.2/24", "")
	client, accepted := l.connect(sim.Sockets{NetNS: a}, sim.Sockets{NetNS: l.node}, "10.1.0.1:80")
	go func() {
		_, _ = io.ReadFull(accepted, make([]byte, 1))
		for start := time.Now(); time.Since(start) < time.Millisecond; {
		}
		_, _ = accepted.Write([]byte("y"))
	}()
	l.must(client.SetDeadline(l.world.Now().Add(time.Second)))
	_ = must(client.Write([]byte("x")))(t)
	_ = must(client.Read(make([]byte, 1)))(t)
}

// While somebody waits at a socket, others may be helped from outside: nobody is told that he waits for ever.
func TestNobodyIsDeadlockedWhileASocketWaits(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a := l.pod("a", "br0", "10.1.0.2/24", "")
	client, accepted := l.connect(sim.Sockets{NetNS: a}, sim.Sockets{NetNS: l.node}, "10.1.0.1:80")
	wait := l.world.Go(func() { _ = must(client.Read(make([]byte, 1)))(t) })
	go func() {
		_ = accepted.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // of the process: long after all events
		_, _ = accepted.Read(make([]byte, 1))
		_, _ = accepted.Write([]byte("x"))
	}()
	l.must(wait())
}

func TestHTTPOverIPv6(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "fd00:1::1/64")
	a := l.pod("a", "br0", "fd00:1::2/64", "")
	l.must(l.world.Sleep(background, 5*time.Second)) // duplicate address detection
	l.httpServer(a, ":80", tellPeer)
	l.httpServer(a, "[fd00:1::2]:81", tellPeer)
	for _, port := range []string{"80", "81"} {
		if peer := peerIn(t, l.get(l.node, "http://[fd00:1::2]:"+port)); peer != addr("fd00:1::1") {
			t.Errorf("port %s saw %v", port, peer)
		}
	}
	if _, err := (sim.Sockets{NetNS: a}).Dial("tcp4", ":81"); !errors.Is(err, kernel.ECONNREFUSED) {
		t.Errorf("IPv4, where IPv6 is listened to: %v", err)
	}
}

func TestUDPSockets(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	a, b := l.pod("a", "br0", "10.1.0.2/24", ""), l.pod("b", "br0", "10.1.0.3/24", "")
	server := must(sim.Sockets{NetNS: b}.ListenPacket("udp", ":53"))(t)
	client := must(sim.Sockets{NetNS: a, From: addrPort("10.1.0.2:4000")}.Dial("udp", "10.1.0.3:53"))(t)
	_ = must(client.Write([]byte("question")))(t)
	got := make([]byte, 100)
	n, from, err := server.ReadFrom(got)
	if err != nil || string(got[:n]) != "question" || from.String() != "10.1.0.2:4000" {
		t.Errorf("got %q from %v, %v", got[:n], from, err)
	}
	_ = must(server.WriteTo([]byte("answer"), from))(t)
	if n, err := client.Read(got); err != nil || string(got[:n]) != "answer" {
		t.Errorf("got %q, %v", got[:n], err)
	}
	if _, err := client.Write(payload(70_000)); !errors.Is(err, kernel.EMSGSIZE) {
		t.Errorf("70,000 bytes: %v", err)
	}
	l.must(server.Close())
	_ = must(client.Write([]byte("anybody?")))(t)
	if _, err := client.Read(got); !errors.Is(err, kernel.ECONNREFUSED) {
		t.Errorf("nobody listens: %v", err)
	}
}

// Who waits at a socket is told of its end: by Close, by the death of the namespace, by the end of the world.
func TestSocketsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(l *lab, listener net.Listener, pod kernel.NetNS)
		want error
	}{
		"close": {func(_ *lab, listener net.Listener, _ kernel.NetNS) { _ = listener.Close() }, net.ErrClosed},
		"namespace": {func(l *lab, _ net.Listener, pod kernel.NetNS) {
			l.must(l.host.DeleteNetNS(kernel.NetNSDir + "/a"))
			pod.Close()
			l.must(l.world.Sleep(background, time.Second))
		}, kernel.ENETDOWN},
		"world": {func(l *lab, _ net.Listener, _ kernel.NetNS) { l.world.Close() }, kernel.ENETDOWN},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			pod := l.netns("a")
			listener := must(sim.Sockets{NetNS: pod}.Listen("tcp", ":80"))(t)
			told := make(chan error)
			go func() { _, err := listener.Accept(); told <- err }()
			l.must(l.world.Sleep(background, time.Second))
			c.end(l, listener, pod)
			if err := <-told; !errors.Is(err, c.want) {
				t.Errorf("Accept = %v, want %v", err, c.want)
			}
		})
	}
}

// Nobody gets sockets in a world that has ended: nobody would end them.
func TestNoSocketsAfterTheEnd(t *testing.T) {
	l := newLab(t)
	pod := sim.Sockets{NetNS: l.netns("b")}
	l.world.Close()
	if _, err := pod.Listen("tcp", ":80"); !errors.Is(err, kernel.ENETDOWN) {
		t.Errorf("Listen = %v, want ENETDOWN", err)
	}
}

// Goroutines of the world that use sockets are within its promise.
func TestActorsWithSocketsAreDeterministic(t *testing.T) {
	story := func() string {
		l := newLab(t)
		l.bridge("br0", "10.1.0.1/24")
		a, b := l.pod("a", "br0", "10.1.0.2/24", ""), l.pod("b", "br0", "10.1.0.3/24", "")
		told := sha256.New()
		l.world.Watch(func(s sim.Sight) { fmt.Fprintf(told, "%v %s %s %x\n", s.At, s.Place, s.Event, s.Frame) })
		listener := must(sim.Sockets{NetNS: b}.Listen("tcp", ":80"))(t)
		wait := l.world.Go(func() {
			conn := must(listener.Accept())(t)
			_ = must(io.Copy(conn, conn))(t)
			_ = conn.Close()
		})
		conn := must(sim.Sockets{NetNS: a}.Dial("tcp", "10.1.0.3:80"))(t)
		writer := l.world.Go(func() { _ = must(conn.Write(payload(300_000)))(t) })
		_ = must(io.ReadFull(conn, make([]byte, 300_000)))(t)
		l.must(writer())
		_ = conn.Close()
		l.must(wait())
		return hex.EncodeToString(told.Sum(nil))
	}
	first := story()
	for range 3 {
		if story() != first {
			t.Fatal("the same world told another story")
		}
	}
}
