package sim_test

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

const arpType = 0x0806

// twoPods is a bridge with a gateway and two pods.
func twoPods(t testing.TB) (l *lab, a, b kernel.NetNS) {
	l = newLab(t)
	l.bridge("cni0", "10.1.0.1/24")
	return l, l.pod("a", "cni0", "10.1.0.2/24", "10.1.0.1"), l.pod("b", "cni0", "10.1.0.3/24", "10.1.0.1")
}

// twoBridges is a router with a pod at each of two bridges.
func twoBridges(t testing.TB) (l *lab, a, b kernel.NetNS) {
	l = newLab(t)
	l.bridge("cni0", "10.1.0.1/24")
	l.bridge("cni1", "10.2.0.1/24")
	return l, l.pod("a", "cni0", "10.1.0.2/24", "10.1.0.1"), l.pod("b", "cni1", "10.2.0.2/24", "10.2.0.1")
}

func TestPingOverBridge(t *testing.T) {
	l, a, b := twoPods(t)
	for _, size := range []int{0, 56, 1472, 1473, 4000, 65000} {
		for name, ping := range map[string]struct {
			from kernel.NetNS
			to   string
		}{
			"pod to pod":     {a, "10.1.0.3"},
			"pod to gateway": {a, "10.1.0.1"},
			"host to pod":    {l.node, "10.1.0.3"},
			"to itself":      {b, "10.1.0.3"},
			"to loopback":    {b, "127.0.0.1"},
			"to 127.0.0.5":   {b, "127.0.0.5"},
		} {
			answer, err := ping.from.Ping(background, kernel.Ping{To: addr(ping.to), Size: size})
			if err != nil || answer.From.Addr() != addr(ping.to) || answer.TTL != 64 {
				t.Errorf("%s, %d bytes: got %+v, %v", name, size, answer, err)
			}
		}
	}
}

func TestCall(t *testing.T) {
	l, a, b := twoPods(t)
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		l.serve(b, transport, "0.0.0.0:80")
		for _, size := range []int{0, 10, 5000, 60000} {
			want := payload(size)
			answer, err := a.Call(background, kernel.Call{Transport: transport, To: addrPort("10.1.0.3:80"), Payload: want})
			if err != nil || !bytes.Equal(answer.Payload, want) || answer.Seen.Addr() != addr("10.1.0.2") {
				t.Errorf("%s, %d bytes: got %d, seen %v, %v", transport, size, len(answer.Payload), answer.Seen, err)
			}
		}
	}
}

func TestMegabyte(t *testing.T) {
	l, a, b := twoBridges(t)
	l.forward()
	l.serve(b, kernel.TCP, "10.2.0.2:80")
	want := payload(1_000_000)
	answer, err := a.Call(background, kernel.Call{Transport: kernel.TCP, To: addrPort("10.2.0.2:80"), Payload: want})
	if err != nil || !bytes.Equal(answer.Payload, want) {
		t.Errorf("got %d bytes, %v", len(answer.Payload), err)
	}
	t.Logf("%v of the world's time", answer.RTT)
}

func TestRouted(t *testing.T) {
	l, a, b := twoBridges(t)
	for name, err := range probeAll(a, "10.2.0.2", time.Second) {
		if kernel.ErrnoOf(err) != kernel.ETIMEDOUT {
			t.Errorf("%s without forwarding: %v", name, err)
		}
	}
	l.forward()
	answer, err := a.Ping(background, kernel.Ping{To: addr("10.2.0.2"), Size: 3000})
	if err != nil || answer.TTL != 63 {
		t.Errorf("got %+v, %v", answer, err)
	}
	for name, err := range probeAll(b, "10.1.0.2", time.Second) {
		if name != "ping" {
			wantErrno(t, err, kernel.ECONNREFUSED)
		} else {
			wantErrno(t, err, 0)
		}
	}
}

// TestWeakHost: a router answers for any of its addresses on any link, to ARP too.
func TestWeakHost(t *testing.T) {
	l, a, _ := twoBridges(t)
	l.route(a, kernel.Route{Dst: prefix("10.2.0.1/32"), Link: l.index(a, "eth0"), Scope: kernel.ScopeLink})
	if _, err := a.Ping(background, kernel.Ping{To: addr("10.2.0.1")}); err != nil {
		t.Error(err)
	}
}

func TestTTL(t *testing.T) {
	l, a, _ := twoBridges(t)
	l.forward()
	_, err := a.Ping(background, kernel.Ping{To: addr("10.2.0.2"), TTL: 1})
	wantErrno(t, err, kernel.EHOSTUNREACH)
	_, err = a.Ping(background, kernel.Ping{To: addr("10.1.0.1"), TTL: 1})
	wantErrno(t, err, 0)
	_, err = a.Ping(background, kernel.Ping{To: addr("10.2.0.2"), TTL: 2})
	wantErrno(t, err, 0)
}

func TestUnreachableHere(t *testing.T) {
	l, a, _ := twoPods(t)
	l.must(a.DeleteRoute(kernel.Route{Dst: prefix("0.0.0.0/0")}))
	for i, r := range []kernel.RouteType{kernel.Unreachable, kernel.Prohibit, kernel.Blackhole} {
		l.route(a, kernel.Route{Dst: prefix([]string{"10.9.0.0/24", "10.9.1.0/24", "10.9.2.0/24"}[i]), Type: r})
	}
	for to, errno := range map[string]kernel.Errno{
		"10.8.0.1": kernel.ENETUNREACH,
		"10.9.0.1": kernel.EHOSTUNREACH,
		"10.9.1.1": kernel.EACCES,
		"10.9.2.1": kernel.EINVAL,
	} {
		start := l.world.Now()
		for name, err := range probeAll(a, to, time.Second) {
			t.Run(name+" "+to, func(t *testing.T) { wantErrno(t, err, errno) })
		}
		if took := l.world.Now().Sub(start); took != 0 {
			t.Errorf("%s: local errors took %v", to, took)
		}
	}
}

func TestUnreachableOnTheWay(t *testing.T) {
	l, a, _ := twoBridges(t)
	l.forward()
	for i, r := range []kernel.RouteType{kernel.Unreachable, kernel.Prohibit, kernel.Blackhole} {
		l.route(l.node, kernel.Route{Dst: prefix([]string{"10.9.0.0/24", "10.9.1.0/24", "10.9.2.0/24"}[i]), Type: r})
	}
	for to, errno := range map[string]kernel.Errno{
		"10.8.0.1": kernel.ENETUNREACH,
		"10.9.0.1": kernel.EHOSTUNREACH,
		"10.9.1.1": kernel.EHOSTUNREACH, // administratively prohibited
		"10.9.2.1": kernel.ETIMEDOUT,
		"10.2.0.9": kernel.EHOSTUNREACH, // after the router's ARP has failed
	} {
		for name, probe := range probes(a, to, 5*time.Second) {
			l.must(l.host.Sleep(background, 5*time.Second)) // a router tells it only twice in a row
			t.Run(name+" "+to, func(t *testing.T) { wantErrno(t, probe(), errno) })
		}
	}
}

// TestBlackholeCostsNothing: a router is as ready to tell of no way after packets that it says nothing about. (ip_error: EINVAL.)
func TestBlackholeCostsNothing(t *testing.T) {
	l, a, _ := twoBridges(t)
	l.forward()
	l.route(l.node, kernel.Route{Dst: prefix("10.9.2.0/24"), Type: kernel.Blackhole})
	for range 9 {
		_, err := a.Ping(background, kernel.Ping{To: addr("10.9.2.1"), Timeout: time.Millisecond})
		wantErrno(t, err, kernel.ETIMEDOUT)
	}
	for range 2 {
		_, err := a.Ping(background, kernel.Ping{To: addr("10.8.0.1"), Timeout: time.Millisecond})
		wantErrno(t, err, kernel.ENETUNREACH)
	}
}

func TestNobodyOnTheLink(t *testing.T) {
	l, a, _ := twoPods(t)
	start := l.world.Now()
	asked := l.framesAt("va", arpType)
	_, err := a.Ping(background, kernel.Ping{To: addr("10.1.0.9"), Timeout: 10 * time.Second})
	wantErrno(t, err, kernel.EHOSTUNREACH)
	if took := l.world.Now().Sub(start).Truncate(time.Millisecond); took != 3*time.Second || asked() != 3 {
		t.Errorf("%d requests in %v", asked(), took)
	}
	list := must(a.Neighbours(l.index(a, "eth0")))(t)
	if len(list) != 1 || list[0].State != kernel.Failed || list[0].MAC != nil {
		t.Errorf("got %+v", list)
	}
	_, err = a.Ping(background, kernel.Ping{To: addr("10.1.0.9"), Timeout: time.Second})
	wantErrno(t, err, kernel.ETIMEDOUT)
}

func TestNeighbourStates(t *testing.T) {
	l, a, b := twoPods(t)
	state := func(ns kernel.NetNS, ip string) kernel.NeighbourState {
		for _, n := range must(ns.Neighbours(l.index(ns, "eth0")))(t) {
			if n.IP == addr(ip) {
				return n.State
			}
		}
		return ""
	}
	want := func(ns kernel.NetNS, ip string, s kernel.NeighbourState) {
		t.Helper()
		if got := state(ns, ip); got != s {
			t.Errorf("at %v: %s is %s, want %s", l.world.Now(), ip, got, s)
		}
	}
	ping := func() { must(a.Ping(background, kernel.Ping{To: addr("10.1.0.3")}))(t) }
	ping()
	want(a, "10.1.0.3", kernel.Reachable)
	want(b, "10.1.0.2", kernel.Delay) // learnt from the request: stale; used for the reply
	l.must(l.host.Sleep(background, 6*time.Second))
	want(b, "10.1.0.2", kernel.Reachable)
	l.must(l.host.Sleep(background, time.Minute))
	want(a, "10.1.0.3", kernel.Stale)
	ping()
	want(a, "10.1.0.3", kernel.Delay)
	l.down(b, "eth0")
	l.must(l.host.Sleep(background, 9*time.Second))
	want(a, "10.1.0.3", kernel.Failed)
}

// TestLearning: once a bridge has learnt where everybody is, a bystander hears nothing.
func TestLearning(t *testing.T) {
	l, a, b := twoPods(t)
	c := l.pod("c", "cni0", "10.1.0.4/24", "")
	atC := l.framesIn(c)
	for range 20 {
		must(a.Ping(background, kernel.Ping{To: addr("10.1.0.3")}))(t)
		must(b.Ping(background, kernel.Ping{To: addr("10.1.0.1")}))(t)
	}
	if n := atC(); n != 2 { // a asks for b, b asks for the gateway
		t.Errorf("the bystander heard %d frames", n)
	}
}

// TestMove: a MAC that shows up at another port is found there at once.
func TestMove(t *testing.T) {
	l, a, b := twoPods(t)
	must(a.Ping(background, kernel.Ping{To: addr("10.1.0.3")}))(t)
	mac := must(b.LinkByName("eth0"))(t).MAC
	l.down(b, "eth0")
	c := l.pod("c", "cni0", "10.1.0.3/24", "")
	l.must(c.SetSysctl("net/ipv4/conf/eth0/arp_notify", "1"))
	l.down(c, "eth0")
	l.must(c.ChangeLink(l.index(c, "eth0"), kernel.LinkChange{MAC: mac}))
	l.up(c, "eth0")
	start := l.world.Now()
	must(a.Ping(background, kernel.Ping{To: addr("10.1.0.3")}))(t)
	if took := l.world.Now().Sub(start); took > time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// TestNewMAC: a pod that comes back with another MAC is reached at once when it announces itself, and not otherwise.
func TestNewMAC(t *testing.T) {
	for _, notify := range []string{"0", "1"} {
		l, a, b := twoPods(t)
		must(a.Ping(background, kernel.Ping{To: addr("10.1.0.3")}))(t)
		l.must(b.SetSysctl("net/ipv4/conf/eth0/arp_notify", notify))
		l.down(b, "eth0")
		l.must(b.ChangeLink(l.index(b, "eth0"), kernel.LinkChange{MAC: []byte{2, 0, 0, 0, 0, 9}}))
		l.up(b, "eth0")
		l.must(l.host.Sleep(background, time.Millisecond))
		_, err := a.Ping(background, kernel.Ping{To: addr("10.1.0.3"), Timeout: time.Second})
		want := kernel.ETIMEDOUT
		if notify == "1" {
			want = 0
		}
		wantErrno(t, err, want)
	}
}

func TestMTU(t *testing.T) {
	l, a, b := twoBridges(t)
	l.forward()
	l.must(b.ChangeLink(l.index(b, "eth0"), kernel.LinkChange{MTU: new(1400)}))
	l.must(l.node.ChangeLink(l.index(l.node, "vb"), kernel.LinkChange{MTU: new(1400)}))
	l.serve(b, kernel.TCP, "0.0.0.0:80")
	want := payload(100_000)
	for _, to := range []string{"10.2.0.2:80"} {
		call := kernel.Call{Transport: kernel.TCP, To: addrPort(to), Payload: want, Timeout: time.Minute}
		answer, err := a.Call(background, call)
		if err != nil || !bytes.Equal(answer.Payload, want) {
			t.Errorf("got %d bytes, %v", len(answer.Payload), err)
		}
	}
	if _, err := b.Ping(background, kernel.Ping{To: addr("10.1.0.2"), Size: 4000}); err != nil {
		t.Error(err)
	}
}

func TestLinkDown(t *testing.T) {
	l, a, _ := twoPods(t)
	l.down(l.node, "vb")
	_, err := a.Ping(background, kernel.Ping{To: addr("10.1.0.3"), Timeout: 5 * time.Second})
	wantErrno(t, err, kernel.EHOSTUNREACH)
	l.down(a, "eth0")
	_, err = a.Ping(background, kernel.Ping{To: addr("10.1.0.3"), Timeout: 5 * time.Second})
	wantErrno(t, err, kernel.ENETUNREACH)
}

func TestNamespaceGone(t *testing.T) {
	l, a, b := twoPods(t)
	l.serve(b, kernel.TCP, "0.0.0.0:80")
	must(a.Call(background, kernel.Call{Transport: kernel.TCP, To: addrPort("10.1.0.3:80")}))(t)
	l.must(l.host.DeleteNetNS(kernel.NetNSDir + "/b"))
	b.Close()
	l.must(l.host.Sleep(background, time.Second))
	_, err := a.Call(background, kernel.Call{
		Transport: kernel.TCP, To: addrPort("10.1.0.3:80"), Timeout: 2 * time.Minute,
	})
	wantErrno(t, err, kernel.EHOSTUNREACH)
	_, err = b.Ping(background, kernel.Ping{To: addr("10.1.0.1")})
	wantErrno(t, err, kernel.EBADF)
}

// TestIPv6 goes the ways of the tests above: over a bridge, by a router, to nobody.
func TestIPv6(t *testing.T) {
	l, a, b := twoBridges(t)
	for bridge, p := range map[string]string{"cni0": "fd01::1/64", "cni1": "fd02::1/64"} {
		l.address(l.node, bridge, p)
	}
	for i, ns := range []kernel.NetNS{a, b} {
		l.address(ns, "eth0", []string{"fd01::2/64", "fd02::2/64"}[i])
		gateway := addr([]string{"fd01::1", "fd02::1"}[i])
		l.route(ns, kernel.Route{Dst: prefix("::/0"), Gateway: gateway, Link: l.index(ns, "eth0")})
	}
	l.must(l.node.SetSysctl("net/ipv6/conf/all/forwarding", "1"))
	l.must(l.host.Sleep(background, 3*time.Second))
	for _, size := range []int{56, 4000} {
		for to, ttl := range map[string]int{"fd01::1": 64, "fd02::2": 63, "fd01::2": 64, "::1": 64} {
			answer, err := a.Ping(background, kernel.Ping{To: addr(to), Size: size})
			if err != nil || answer.TTL != ttl || answer.From.Addr() != addr(to) {
				t.Errorf("ping %s, %d bytes: got %+v, %v", to, size, answer, err)
			}
		}
	}
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		call := kernel.Call{Transport: transport, To: addrPort("[fd02::2]:80")}
		_, err := a.Call(background, call)
		wantErrno(t, err, kernel.ECONNREFUSED)
		call.Payload = payload(5000)
		l.serve(b, transport, "[::]:80")
		answer, err := a.Call(background, call)
		if err != nil || answer.Seen.Addr() != addr("fd01::2") || !bytes.Equal(answer.Payload, call.Payload) {
			t.Errorf("%s: got %d bytes, seen %v, %v", transport, len(answer.Payload), answer.Seen, err)
		}
	}
	_, err := a.Ping(background, kernel.Ping{To: addr("fd02::2"), TTL: 1})
	wantErrno(t, err, kernel.EHOSTUNREACH)
	for to, errno := range map[string]kernel.Errno{
		"fd09::1": kernel.ENETUNREACH,
		"fd02::9": kernel.EHOSTUNREACH,
		"fd01::9": kernel.EHOSTUNREACH,
	} {
		for name, err := range probeAll(a, to, 10*time.Second) {
			t.Run(name+" "+to, func(t *testing.T) { wantErrno(t, err, errno) })
		}
	}
}

// neighbour makes an entry by hand, so that no ARP is needed.
func (l *lab) neighbour(ns kernel.NetNS, ip string, mac net.HardwareAddr) {
	l.t.Helper()
	l.must(ns.AddNeighbour(kernel.Neighbour{Link: l.index(ns, "eth0"), IP: addr(ip), MAC: mac}))
}

// TestAgeing: a bridge forgets who was silent for 300 seconds, and floods once more.
func TestAgeing(t *testing.T) {
	l, a, b := twoPods(t)
	c := l.pod("c", "cni0", "10.1.0.4/24", "")
	l.fallSilent(b)
	l.must(l.host.Sleep(background, 5*time.Second)) // for what IPv6 has to say
	l.neighbour(a, "10.1.0.3", must(b.LinkByName("eth0"))(t).MAC)
	l.neighbour(b, "10.1.0.2", must(a.LinkByName("eth0"))(t).MAC)
	ping := func() { must(a.Ping(background, kernel.Ping{To: addr("10.1.0.3")}))(t) }
	heard := func(after time.Duration) int {
		l.must(l.host.Sleep(background, after))
		atC := l.framesIn(c)
		ping()
		return atC()
	}
	ping()
	for after, want := range map[time.Duration]int{299 * time.Second: 0, 301 * time.Second: 1} {
		if n := heard(after); n != want {
			t.Errorf("after %v the bystander heard %d frames, want %d", after, n, want)
		}
	}
}

// TestNoReflection: what nobody is known to want goes to all ports but the one it came from.
func TestNoReflection(t *testing.T) {
	l, a, b := twoPods(t)
	l.neighbour(a, "10.1.0.9", net.HardwareAddr{2, 0, 0, 0, 0, 9})
	atA, atB := l.framesIn(a), l.framesIn(b)
	_, err := a.Ping(background, kernel.Ping{To: addr("10.1.0.9")})
	wantErrno(t, err, kernel.ETIMEDOUT)
	if atA() != 0 || atB() != 1 {
		t.Errorf("a heard %d frames, b %d", atA(), atB())
	}
}

// TestOversize: a frame that is longer than the receiver's MTU is dropped without a word, four bytes of slack apart.
func TestOversize(t *testing.T) {
	l, a, b := twoPods(t)
	l.must(b.ChangeLink(l.index(b, "eth0"), kernel.LinkChange{MTU: new(1400)}))
	for size, want := range map[int]kernel.Errno{1376: 0, 1377: kernel.ETIMEDOUT} { // and 28 bytes of headers
		_, err := a.Ping(background, kernel.Ping{To: addr("10.1.0.3"), Size: size})
		wantErrno(t, err, want)
	}
}

// TestWithoutTransport: a world without sockets says so.
func TestWithoutTransport(t *testing.T) {
	w := sim.NewWorld(sim.Config{})
	defer w.Close()
	ns := must(w.AddHost("node").Self())(t)
	for name, err := range probeAll(ns, "10.1.0.3", time.Second) {
		t.Run(name, func(t *testing.T) { wantErrno(t, err, kernel.EOPNOTSUPP) })
	}
	_, err := ns.Serve(kernel.Service{Transport: kernel.TCP, At: addrPort("0.0.0.0:80")})
	wantErrno(t, err, kernel.EOPNOTSUPP)
}

// TestSettings: the sysctls that decide what a link takes for its own.
func TestSettings(t *testing.T) {
	l, a, _ := twoBridges(t)
	l.route(a, kernel.Route{Dst: prefix("10.2.0.1/32"), Link: l.index(a, "eth0"), Scope: kernel.ScopeLink})
	l.must(l.node.SetSysctl("net/ipv4/conf/cni0/arp_ignore", "1"))
	_, err := a.Ping(background, kernel.Ping{To: addr("10.2.0.1"), Timeout: 5 * time.Second})
	wantErrno(t, err, kernel.EHOSTUNREACH)
	l.must(l.node.SetSysctl("net/ipv4/conf/cni0/arp_ignore", "0"))
	_, err = a.Ping(background, kernel.Ping{To: addr("10.2.0.1"), Timeout: 5 * time.Second})
	wantErrno(t, err, 0)
}

// TestReversePath: a strict rp_filter drops what could not be answered the way it came.
func TestReversePath(t *testing.T) {
	for _, mode := range []string{"0", "1", "2"} {
		l, a, b := twoBridges(t)
		l.must(l.node.SetSysctl("net/ipv4/conf/cni0/rp_filter", mode))
		l.address(a, "eth0", "10.2.0.77/32")
		atB := l.framesIn(b)
		_, err := a.Ping(background, kernel.Ping{To: addr("10.1.0.1"), From: addr("10.2.0.77")})
		wantErrno(t, err, kernel.ETIMEDOUT)
		if looked := atB() > 0; looked != (mode != "1") { // the router looks for 10.2.0.77 where b is
			t.Errorf("mode %s: the router answers: %v", mode, looked)
		}
	}
}
