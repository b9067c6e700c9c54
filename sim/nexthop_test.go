package sim_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// manyPlaces is how many addresses are asked.
const manyPlaces = 64

func place(i int) netip.Addr { return addr(fmt.Sprintf("192.0.2.%d", i+1)) }

// twoHops is a lab whose node has two ways to a pod with many addresses, by the veths left and right, and counts how many
// packets of a protocol leave by each.
type twoHops struct {
	*lab
	far  kernel.NetNS
	sent map[string]int
}

func newTwoHops(t *testing.T, profile sim.Profile, protocol byte, weights ...int) *twoHops {
	l := &twoHops{lab: newLabOf(t, sim.Config{Seed: 1, Transport: netstack.New, Profile: profile}), sent: map[string]int{}}
	l.far = l.netns("far")
	l.address(l.node, "lo", "198.51.100.1/32")
	var hops []kernel.NextHop
	for i, name := range []string{"left", "right"} {
		l.must(l.node.AddLink(kernel.LinkSpec{
			Name: name, Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: name, NetNS: l.far},
		}))
		l.up(l.far, name)
		l.address(l.node, name, fmt.Sprintf("10.%d.0.1/24", i))
		l.address(l.far, name, fmt.Sprintf("10.%d.0.2/24", i))
		hops = append(hops, kernel.NextHop{Gateway: addr(fmt.Sprintf("10.%d.0.2", i)), Weight: weights[i]})
	}
	for i := range manyPlaces {
		l.address(l.far, "lo", place(i).String()+"/32")
	}
	l.route(l.node, kernel.Route{Dst: prefix("192.0.2.0/24"), NextHops: hops})
	l.route(l.far, kernel.Route{Dst: prefix("198.51.100.1/32"), Gateway: addr("10.0.0.1")})
	l.world.Watch(func(s sim.Sight) {
		if s.Event == sim.Sent && s.Place.NetNS == kernel.HostNetNS && len(s.Frame) > 34 && s.Frame[12] == 8 && s.Frame[13] == 0 && s.Frame[14+9] == protocol {
			l.sent[s.Place.Link]++
		}
	})
	return l
}

const (
	icmp = 1
	udp  = 17
)

// pings asks all places, and returns how many answer.
func (l *twoHops) pings(from netip.Addr) (answered int) {
	for i := range manyPlaces {
		if _, err := l.node.Ping(background, kernel.Ping{To: place(i), From: from, Timeout: time.Second}); err == nil {
			answered++
		}
	}
	return answered
}

// Next hops get the share of the destinations that their weights say.
func TestNextHopsShareByWeight(t *testing.T) {
	l := newTwoHops(t, sim.Linux618, icmp, 1, 3)
	if n := l.pings(addr("198.51.100.1")); n != manyPlaces {
		t.Errorf("%d of %d answer", n, manyPlaces)
	}
	if right := l.sent["right"]; l.sent["left"]+right != manyPlaces || right < manyPlaces*5/8 || right > manyPlaces*7/8 {
		t.Errorf("%v, want three of four to the right", l.sent)
	}
}

// What has a source already goes by the next hop that would have given it that, on 6.18; on 6.1 by any.
func TestNextHopOfTheSource(t *testing.T) {
	for _, tt := range []struct {
		profile sim.Profile
		both    bool
	}{{sim.Linux618, false}, {sim.Linux61, true}} {
		t.Run(tt.profile.Release, func(t *testing.T) {
			l := newTwoHops(t, tt.profile, icmp, 1, 1)
			if n := l.pings(addr("10.1.0.1")); n != manyPlaces {
				t.Errorf("%d of %d answer", n, manyPlaces)
			}
			if both := l.sent["left"] > 0; both != tt.both || l.sent["right"] == 0 {
				t.Errorf("%v of what comes from the right one's address", l.sent)
			}
		})
	}
}

// Two addresses keep to one way, unless fib_multipath_hash_policy says that ports count, too.
func TestNextHopsByPorts(t *testing.T) {
	for policy, both := range map[string]bool{"0": false, "1": true, "2": false, "3": false} {
		t.Run(policy, func(t *testing.T) {
			l := newTwoHops(t, sim.Linux618, udp, 1, 1)
			l.must(l.node.SetSysctl("net/ipv4/fib_multipath_hash_policy", policy))
			stop := must(l.far.Serve(kernel.Service{Transport: kernel.UDP, At: addrPort("0.0.0.0:53")}))(t)
			defer stop()
			for range manyPlaces {
				_, err := l.node.Call(background, kernel.Call{
					Transport: kernel.UDP, To: netip.AddrPortFrom(place(0), 53), From: addr("198.51.100.1"), Payload: []byte("x"),
				})
				l.must(err)
			}
			if l.sent["left"]+l.sent["right"] != manyPlaces || (l.sent["left"] > 0 && l.sent["right"] > 0) != both {
				t.Errorf("%v of the calls of one address, want both: %v", l.sent, both)
			}
		})
	}
}

// A next hop whose gateway does not answer is used all the same, unless fib_multipath_use_neigh says otherwise.
func TestNextHopsThatDoNotAnswer(t *testing.T) {
	for use, all := range map[string]bool{"0": false, "1": true} {
		t.Run(use, func(t *testing.T) {
			l := newTwoHops(t, sim.Linux618, icmp, 1, 1)
			l.must(l.node.SetSysctl("net/ipv4/fib_multipath_use_neigh", use))
			l.must(l.far.DeleteAddress(kernel.Address{Link: l.index(l.far, "right"), Prefix: prefix("10.1.0.2/24")}))
			from := addr("198.51.100.1")
			l.pings(from) // who asks for the MAC in vain finds out
			if n := l.pings(from); n == 0 || (n == manyPlaces) != all {
				t.Errorf("%d of %d answer, want all: %v", n, manyPlaces, all)
			}
		})
	}
}

// The settings have the values that Linux has.
func TestMultipathSettings(t *testing.T) {
	l := newLab(t)
	for key, greatest := range map[string]string{"hash_policy": "3", "use_neigh": "1"} {
		key = "net/ipv4/fib_multipath_" + key
		l.must(l.node.SetSysctl(key, greatest))
		for _, wrong := range []string{"-1", "4"} {
			if err := l.node.SetSysctl(key, wrong); kernel.ErrnoOf(err) != kernel.EINVAL {
				t.Errorf("%s = %s: %v, want EINVAL", key, wrong, err)
			}
		}
		if got := must(l.node.Sysctl(key))(t); got != greatest {
			t.Errorf("%s is %s", key, got)
		}
	}
}
