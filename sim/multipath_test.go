package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// newTwoWays joins the node with a pod that has 2001:db8::1 to 2001:db8::40, by two veths, and routes to all of them by both.
func newTwoWays(t *testing.T) (l *lab, far kernel.NetNS) {
	l = newLab(t)
	far = l.netns("far")
	for i, name := range []string{"left", "right"} {
		l.must(l.node.AddLink(kernel.LinkSpec{
			Name: name, Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: name, NetNS: far},
		}))
		l.up(far, name)
		l.address(l.node, name, fmt.Sprintf("fd00:%d::1/64", i))
		l.address(far, name, fmt.Sprintf("fd00:%d::2/64", i))
		l.must(l.node.AddRoute(kernel.Route{
			Dst: prefix("2001:db8::/64"), Gateway: addr(fmt.Sprintf("fd00:%d::2", i)),
		}, kernel.Beside))
	}
	for i := range 64 {
		l.address(far, "lo", fmt.Sprintf("2001:db8::%x/128", i+1))
	}
	l.must(l.host.Sleep(background, 5*time.Second)) // duplicate address detection
	return l, far
}

// Routes of IPv6 beside each other share the traffic; what goes between the same two addresses keeps to one of them.
func TestSiblingsShareTheTraffic(t *testing.T) {
	l, _ := newTwoWays(t)
	sent := map[string]string{} // by destination: the links by which packets to it left
	l.world.Watch(func(s sim.Sight) {
		if s.Event == sim.Sent && s.Place.NetNS == kernel.HostNetNS && len(s.Frame) > 54 && s.Frame[14+6] == 58 && s.Frame[54] == 128 {
			sent[string(s.Frame[14+24:14+40])] += s.Place.Link + " "
		}
	})
	for i := range 3 * 64 {
		to := addr(fmt.Sprintf("2001:db8::%x", i%64+1))
		if _, err := l.node.Ping(background, kernel.Ping{To: to}); err != nil {
			t.Fatal(to, err)
		}
	}
	used := map[string]int{}
	for _, links := range sent {
		used[links]++
	}
	left, right := strings.Repeat("left ", 3), strings.Repeat("right ", 3)
	if used[left] < 16 || used[right] < 16 || used[left]+used[right] != 64 {
		t.Errorf("%v, want each of 64 destinations by one way, and both ways used", used)
	}
}

// What is left of the ways takes all.
func TestSiblingsStandIn(t *testing.T) {
	for name, spoil := range map[string]func(l *lab, far kernel.NetNS){
		"a link is down": func(l *lab, _ kernel.NetNS) { l.down(l.node, "left") },
		"a gateway is gone": func(l *lab, far kernel.NetNS) {
			l.must(far.DeleteAddress(kernel.Address{Link: l.index(far, "right"), Prefix: prefix("fd00:1::2/64")}))
			_ = reachable(l) // who asks for the MAC in vain finds out
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, far := newTwoWays(t)
			spoil(l, far)
			if n := reachable(l); n != 64 {
				t.Errorf("%d of 64 answer", n)
			}
		})
	}
}

// reachable returns how many of the addresses answer.
func reachable(l *lab) (n int) {
	for i := range 64 {
		to := addr(fmt.Sprintf("2001:db8::%x", i+1))
		if _, err := l.node.Ping(background, kernel.Ping{To: to, Timeout: time.Second}); err == nil {
			n++
		}
	}
	return n
}
