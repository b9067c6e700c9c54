//go:build linux

package linux

import (
	"bytes"
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// newCable returns two namespaces, each with a loopback device that is up, joined by a cable: 10.1.0.1 and fd00::1 at
// the first, 10.1.0.2 and fd00::2 at the second end.
//
// Tests with a cable mostly wait for Linux, and therefore do so at the same time.
func newCable(t *testing.T) (near, far kernel.NetNS) {
	t.Parallel()
	h, near := newMachine(t)
	far = newPod(t, h, t.Name())
	// An end whose index is its peer's would get its carrier up to a second later (linkwatch_urgent_event).
	must(t, far.AddLink(kernel.LinkSpec{Name: "spare", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "spare2"}}))
	a, b := join(t, near, "a", far, "b")
	waitUntilUp(t, near, "a")
	waitUntilUp(t, far, "b")
	for _, end := range []struct {
		ns   kernel.NetNS
		link int
		four string
		six  string
	}{
		{near, a.Index, "10.1.0.1/24", "fd00::1/64"},
		{far, b.Index, "10.1.0.2/24", "fd00::2/64"},
	} {
		must(t, end.ns.ChangeLink(1, kernel.LinkChange{Up: new(true)}))
		must(t, end.ns.AddAddress(kernel.Address{Link: end.link, Prefix: prefix(end.four)}))
		addNow(t, end.ns, end.link, end.six)
	}
	return near, far
}

// waitUntilUp waits for a link to send: before, what is sent on it is lost.
func waitUntilUp(t *testing.T, ns kernel.NetNS, name string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); link(t, ns, name).Oper != kernel.OperUp; {
		if time.Now().After(deadline) {
			t.Fatalf("%s stays %s", name, link(t, ns, name).Oper)
		}
		time.Sleep(time.Millisecond)
	}
}

// addNow adds an IPv6 address and waits for its local route, which comes from a work queue, up to a millisecond later.
func addNow(t *testing.T, ns kernel.NetNS, link int, six string) {
	t.Helper()
	must(t, ns.AddAddress(kernel.Address{Link: link, Prefix: prefix(six), NoDAD: true}))
	own := netip.PrefixFrom(prefix(six).Addr(), 128)
	for deadline := time.Now().Add(10 * time.Second); len(routesTo(t, ns, own)) == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("no local route to %s", own)
		}
	}
}

// serve answers for the time of the test.
func serve(t *testing.T, ns kernel.NetNS, transport kernel.Transport, where string) {
	t.Helper()
	stop, err := ns.Serve(kernel.Service{Transport: transport, At: at(where)})
	must(t, err)
	t.Cleanup(stop)
}

func TestPing(t *testing.T) {
	near, _ := newCable(t)
	for _, p := range []kernel.Ping{
		{To: addr("10.1.0.2")},
		{To: addr("10.1.0.1")},
		{To: addr("127.0.0.1"), Size: 1},
		{To: addr("10.1.0.2"), From: addr("10.1.0.1"), Size: 1000, TTL: 1},
		{To: addr("10.1.0.2"), Size: 20000},
		{To: addr("fd00::2")},
		{To: addr("fd00::2"), From: addr("fd00::1"), Size: 1001, TTL: 1},
		{To: addr("::1")},
	} {
		got, err := near.Ping(context.Background(), p)
		if err != nil || got.TTL != 64 || got.From.Addr() != p.To || got.RTT <= 0 {
			t.Errorf("%+v: %+v, %v", p, got, err)
		}
	}
}

// Within a machine a reply is there when sendto(2) returns. This one comes after the first attempt to receive it.
func TestPingWaitsForItsReply(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fds[1])
	s, err := newSocket(fds[0])
	must(t, err)
	defer s.Close()
	must(t, s.SetDeadline(time.Now().Add(10*time.Second)))
	late := []byte("a reply")
	time.AfterFunc(20*time.Millisecond, func() { _, _ = unix.Write(fds[1], late) })
	got, _, err := icmpFor(netip.IPv6Loopback()).receive(s, len(late))
	if err != nil || !bytes.Equal(got, late) {
		t.Errorf("%q, %v", got, err)
	}
}

// A link-local address is reached with the link for a zone, by name or number.
func TestPingLinkLocal(t *testing.T) {
	near, far := newCable(t)
	linkLocal(t, near)
	to := linkLocal(t, far)
	for _, zone := range []string{"a", "2"} {
		_, err := near.Ping(context.Background(), kernel.Ping{To: to.WithZone(zone)})
		must(t, err)
	}
	_, err := near.Ping(context.Background(), kernel.Ping{To: to.WithZone("absent")})
	wantErrno(t, "a zone that is not there", err, kernel.ENODEV)
}

// linkLocal waits for a link-local address that is ready for use.
func linkLocal(t *testing.T, ns kernel.NetNS) netip.Addr {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		all, err := ns.Addresses(0)
		must(t, err)
		for _, a := range all {
			if a.Prefix.Addr().IsLinkLocalUnicast() && !a.Tentative {
				return a.Prefix.Addr()
			}
		}
	}
	t.Fatal("no link-local address")
	return netip.Addr{}
}

// unreachable gives a namespace routes to nowhere of each type, and a gateway that has no route further.
func unreachable(t *testing.T, near kernel.NetNS) {
	for dst, kind := range map[string]kernel.RouteType{
		"10.91.0.0/16": kernel.Unreachable, "10.92.0.0/16": kernel.Prohibit, "10.93.0.0/16": kernel.Blackhole,
		"fd91::/64": kernel.Unreachable, "fd92::/64": kernel.Prohibit, "fd93::/64": kernel.Blackhole,
	} {
		must(t, near.AddRoute(kernel.Route{Dst: prefix(dst), Type: kind}, kernel.Exclusive))
	}
	must(t, near.AddRoute(kernel.Route{Dst: prefix("10.94.0.0/16"), Gateway: addr("10.1.0.2")}, kernel.Exclusive))
	must(t, near.AddRoute(kernel.Route{Dst: prefix("fd94::/64"), Gateway: addr("fd00::2")}, kernel.Exclusive))
}

// Each way in which a destination is not reached has its errno, and it is the same for each probe.
func TestProbeErrors(t *testing.T) {
	skipWhatDiffers(t)
	near, far := newCable(t)
	unreachable(t, near)
	must(t, far.SetSysctl("net/ipv4/ip_forward", "1"))
	must(t, far.SetSysctl("net/ipv6/conf/all/forwarding", "1"))
	must(t, far.SetSysctl("net/ipv4/icmp_ratelimit", "0")) // else of three errors at once some are not sent
	must(t, far.SetSysctl("net/ipv6/icmp/ratelimit", "0"))
	var wg sync.WaitGroup
	for to, want := range map[string]kernel.Errno{
		"192.0.2.1": kernel.ENETUNREACH,
		"10.91.0.1": kernel.EHOSTUNREACH,
		"10.92.0.1": kernel.EACCES,
		"10.93.0.1": kernel.EINVAL,
		"10.94.0.1": kernel.ENETUNREACH,  // the router says so
		"10.1.0.77": kernel.EHOSTUNREACH, // nobody answers on the link
		"fd99::1":   kernel.ENETUNREACH,
		"fd91::1":   kernel.EHOSTUNREACH,
		"fd92::1":   kernel.EACCES,
		"fd93::1":   kernel.EINVAL,
		"fd94::1":   kernel.ENETUNREACH,
		"fd00::77":  kernel.EHOSTUNREACH,
	} {
		wg.Go(func() {
			const enough = 20 * time.Second
			_, err := near.Ping(context.Background(), kernel.Ping{To: addr(to), Timeout: enough})
			wantErrno(t, "ping "+to, err, want)
		})
		for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
			wg.Go(func() {
				call := kernel.Call{Transport: transport, To: netip.AddrPortFrom(addr(to), 80), Timeout: 20 * time.Second}
				_, err := near.Call(context.Background(), call)
				wantErrno(t, string(transport)+" "+to, err, want)
			})
		}
	}
	wg.Wait()
}

func TestProbeFromAnAddressThatIsNotOurs(t *testing.T) {
	near, _ := newCable(t)
	for to, from := range map[string]string{"10.1.0.2": "10.1.0.99", "fd00::2": "fd00::99"} {
		_, err := near.Ping(context.Background(), kernel.Ping{To: addr(to), From: addr(from)})
		wantErrno(t, "ping "+to, err, kernel.EADDRNOTAVAIL)
		_, err = near.Call(context.Background(), kernel.Call{
			Transport: kernel.TCP, To: netip.AddrPortFrom(addr(to), 80), From: addr(from),
		})
		wantErrno(t, "call "+to, err, kernel.EADDRNOTAVAIL)
	}
}

// A MAC that nobody has: packets leave and nothing comes back.
func TestProbeTimesOut(t *testing.T) {
	near, _ := newCable(t)
	must(t, near.AddNeighbour(kernel.Neighbour{Link: 2, IP: addr("10.1.0.66"), MAC: []byte{2, 0, 0, 0, 0, 0x66}}))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	type probe func(ctx context.Context, timeout time.Duration) error
	ping := func(ctx context.Context, timeout time.Duration) error {
		return second(near.Ping(ctx, kernel.Ping{To: addr("10.1.0.66"), Timeout: timeout}))
	}
	call := func(t kernel.Transport) probe {
		return func(ctx context.Context, timeout time.Duration) error {
			return second(near.Call(ctx, kernel.Call{Transport: t, To: at("10.1.0.66:80"), Timeout: timeout}))
		}
	}
	for name, try := range map[string]probe{"ping": ping, "tcp": call(kernel.TCP), "udp": call(kernel.UDP)} {
		wantErrno(t, name, try(context.Background(), 20*time.Millisecond), kernel.ETIMEDOUT)
		wantErrno(t, name+" until ctx ends", try(ctx, time.Minute), kernel.ECANCELED)
	}
}

func TestCall(t *testing.T) {
	near, far := newCable(t)
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		serve(t, far, transport, "10.1.0.2:80")
		serve(t, far, transport, "[fd00::2]:80")
		serve(t, far, transport, "0.0.0.0:81")
		serve(t, far, transport, "[::]:82")
		for _, to := range []string{
			"10.1.0.2:80", "[fd00::2]:80", "10.1.0.2:81", "10.1.0.2:82", "[fd00::2]:82",
		} {
			from := addr("10.1.0.1")
			if at(to).Addr().Is6() {
				from = addr("fd00::1")
			}
			call := kernel.Call{Transport: transport, To: at(to), From: from, Payload: []byte("two\nlines")}
			got, err := near.Call(context.Background(), call)
			if err != nil || got.From != call.To || got.Seen.Addr() != from || got.Seen.Port() == 0 ||
				!bytes.Equal(got.Payload, call.Payload) || got.RTT <= 0 {
				t.Errorf("%s %s: %+v, %v", transport, to, got, err)
			}
		}
		_, err := near.Call(context.Background(), kernel.Call{Transport: transport, To: at("10.1.0.2:9")})
		wantErrno(t, string(transport)+" where nobody listens", err, kernel.ECONNREFUSED)
		_, err = near.Call(context.Background(), kernel.Call{Transport: transport, To: at("[fd00::2]:9")})
		wantErrno(t, string(transport)+" where nobody listens, IPv6", err, kernel.ECONNREFUSED)
	}
	_, err := near.Call(context.Background(), kernel.Call{Transport: "sctp", To: at("10.1.0.2:9")})
	wantErrno(t, "another transport", err, kernel.EPROTONOSUPPORT)
}

// A datagram is answered from the address it was sent to, not from the one the routes would choose.
func TestAnswerComesFromWhereItWasAsked(t *testing.T) {
	near, far := newCable(t)
	must(t, far.AddAddress(kernel.Address{Link: link(t, far, "b").Index, Prefix: prefix("10.1.0.3/24")}))
	addNow(t, far, link(t, far, "b").Index, "fd00::3/64")
	serve(t, far, kernel.UDP, "[::]:80")
	serve(t, far, kernel.UDP, "0.0.0.0:81")
	for _, to := range []string{"10.1.0.3:80", "[fd00::3]:80", "10.1.0.3:81"} {
		_, err := near.Call(context.Background(), kernel.Call{Transport: kernel.UDP, To: at(to)})
		must(t, err)
	}
}

func TestCallWithALargePayload(t *testing.T) {
	near, far := newCable(t)
	for transport, size := range map[kernel.Transport]int{kernel.TCP: 3 << 20, kernel.UDP: 60000} {
		serve(t, far, transport, "10.1.0.2:80")
		payload := bytes.Repeat([]byte{7}, size)
		call := kernel.Call{Transport: transport, To: at("10.1.0.2:80"), Payload: payload, Timeout: 20 * time.Second}
		got, err := near.Call(context.Background(), call)
		if err != nil || !bytes.Equal(got.Payload, payload) {
			t.Errorf("%s: %d of %d bytes, %v", transport, len(got.Payload), size, err)
		}
	}
	tooMuch := kernel.Call{Transport: kernel.UDP, To: at("10.1.0.2:80"), Payload: make([]byte, 1<<16)}
	_, err := near.Call(context.Background(), tooMuch)
	wantErrno(t, "more than a datagram holds", err, kernel.EMSGSIZE)
}

func TestServeErrors(t *testing.T) {
	near, _ := newCable(t)
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		stop, err := near.Serve(kernel.Service{Transport: transport, At: at("10.1.0.1:80")})
		must(t, err)
		_, err = near.Serve(kernel.Service{Transport: transport, At: at("10.1.0.1:80")})
		wantErrno(t, "a port that is taken", err, kernel.EADDRINUSE)
		for range 3 {
			got, err := near.Call(context.Background(), kernel.Call{Transport: transport, To: at("10.1.0.1:80")})
			if err != nil || len(got.Payload) != 0 {
				t.Errorf("%+v, %v", got, err)
			}
		}
		stop()
		stop()
		_, err = near.Call(context.Background(), kernel.Call{Transport: transport, To: at("10.1.0.1:80")})
		wantErrno(t, "after stop", err, kernel.ECONNREFUSED)
		serve(t, near, transport, "10.1.0.1:80")
		for _, elsewhere := range []string{"10.1.0.2:80", "[fd00::2]:80"} {
			_, err = near.Serve(kernel.Service{Transport: transport, At: at(elsewhere)})
			wantErrno(t, "serve at "+elsewhere, err, kernel.EADDRNOTAVAIL)
		}
	}
}

// A service that has callers waiting stops all the same.
func TestServeStopsWithCallsUnderWay(t *testing.T) {
	near, far := newCable(t)
	stop, err := far.Serve(kernel.Service{Transport: kernel.TCP, At: at("10.1.0.2:80")})
	must(t, err)
	s, err := near.(*NetNS).transportSocket(kernel.TCP, addr("10.1.0.2"))
	must(t, err)
	defer s.Close()
	must(t, near.(*NetNS).aim(s, at("10.1.0.2:80"), netip.Addr{}))
	stop()
	if _, err := s.datagram(); err == nil {
		t.Error("the connection was answered")
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	near, far := newCable(t)
	var wg sync.WaitGroup
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		serve(t, far, transport, "10.1.0.2:80")
		for i := range 50 {
			wg.Go(func() {
				payload := []byte{byte(i)}
				call := kernel.Call{Transport: transport, To: at("10.1.0.2:80"), Payload: payload, Timeout: 20 * time.Second}
				got, err := near.Call(context.Background(), call)
				if err != nil || !bytes.Equal(got.Payload, payload) {
					t.Errorf("%s %d: %v, %v", transport, i, got, err)
				}
			})
		}
	}
	wg.Wait()
}
