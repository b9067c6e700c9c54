package sim_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// newOverlay joins two hosts by vxlans over their cable: 10.8.0.1 and 10.8.0.2.
func newOverlay(t *testing.T, spec sim.CableSpec) twoHosts {
	t.Helper()
	l := newTwoHosts(t, spec)
	for i, ns := range []kernel.NetNS{l.node, l.there} {
		l.must(ns.AddLink(kernel.LinkSpec{
			Name: "vx", Kind: kernel.KindVXLAN, Parent: l.index(ns, "eth0"), Up: true, VXLAN: kernel.VXLAN{ID: 1},
		}))
		l.address(ns, "vx", fmt.Sprintf("10.8.0.%d/24", i+1))
		l.must(ns.AddFDB(kernel.FDBEntry{
			Link: l.index(ns, "vx"), MAC: make([]byte, 6), Dst: addr(fmt.Sprintf("10.9.0.%d", 2-i)),
		}))
	}
	return l
}

// TestVXLANMegabyte checks that what goes through a vxlan arrives as it was, and that no packet is too long for the cable.
func TestVXLANMegabyte(t *testing.T) {
	l := newOverlay(t, sim.CableSpec{Delay: time.Millisecond})
	l.serve(l.there, kernel.TCP, "10.8.0.2:80")
	drops := l.drops()
	longest := 0
	l.world.Watch(func(s sim.Sight) {
		if s.Place.Link == "eth0" {
			longest = max(longest, len(s.Frame))
		}
	})
	answer := must(l.node.Call(background, kernel.Call{
		Transport: kernel.TCP, To: addrPort("10.8.0.2:80"), Payload: payload(1_000_000), Timeout: time.Minute,
	}))(t)
	if !slices.Equal(answer.Payload, payload(1_000_000)) || answer.Seen.Addr() != addr("10.8.0.1") {
		t.Errorf("%d bytes came back, seen as %s", len(answer.Payload), answer.Seen)
	}
	if longest < 1400 || longest > 1514 {
		t.Errorf("the longest frame on the cable has %d bytes, want 1514 at most, and not many less", longest)
	}
	if len(drops()) > 0 {
		t.Errorf("dropped: %v", drops())
	}
}

// TestVXLANOverItself checks that a frame whose way to the other host leads through the vxlan again is dropped.
func TestVXLANOverItself(t *testing.T) {
	l := newOverlay(t, sim.CableSpec{})
	l.route(l.node, kernel.Route{Dst: prefix("10.9.0.2/32"), Link: l.index(l.node, "vx"), Scope: kernel.ScopeLink})
	drops := l.drops()
	_, err := l.node.Ping(background, kernel.Ping{To: addr("10.8.0.2"), Timeout: 10 * time.Second})
	wantErrno(t, err, kernel.EHOSTUNREACH)
	if drops()["node/host/vx NOT_SPECIFIED: its own packets would go by itself"] < 3 {
		t.Errorf("got %v, want the three requests for the MAC at least", drops())
	}
}

// TestVXLANGoesWithItsNamespace checks that one that was moved goes with the namespace in which it was made.
func TestVXLANGoesWithItsNamespace(t *testing.T) {
	l := newLab(t)
	pod := l.openNetNS("pod")
	l.must(pod.AddLink(kernel.LinkSpec{Name: "vx", Kind: kernel.KindVXLAN, VXLAN: kernel.VXLAN{ID: 1}}))
	l.must(pod.ChangeLink(l.index(pod, "vx"), kernel.LinkChange{NetNS: l.node}))
	pod.Close()
	l.must(l.host.DeleteNetNS(kernel.NetNSDir + "/pod"))
	l.must(l.world.Sleep(background, time.Second))
	_, err := l.node.LinkByName("vx")
	wantErrno(t, err, kernel.ENODEV)
}
