package plugin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// TestDuplicateDetection: an ADD with enabledad waits until the address is known to be nobody's.
func TestDuplicateDetection(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf, netns := l.dual(map[string]any{"enabledad": true, "hairpinMode": true}), l.pod("a")
		began := l.Now()
		result := l.add("a", netns, conf)
		if took := l.Now().Sub(began); took < time.Second {
			t.Errorf("ADD took %s, and detection takes a second at least", took)
		}
		state := l.snapshot()
		for _, want := range []string{
			"address fd00:9::2/64 dev eth0 scope global\n",
			"address fd00:9::1/64 dev br-test scope global nodad yes\n",
		} {
			if !strings.Contains(state, want) {
				t.Errorf("no %q in\n%s", want, state)
			}
		}
		for _, key := range []string{"accept_dad", "enhanced_dad"} {
			if value, err := l.open(netns).Sysctl("net/ipv6/conf/eth0/" + key); err != nil || value != "1" {
				t.Errorf("%s is %q, %v", key, value, err)
			}
		}
		l.succeed(request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, result)})
		l.succeed(request{verb: "DEL", id: "a", conf: conf})
		l.wantNothingLeft("DEL")
	})
}

// TestDuplicateIsNotUsed: somebody on the bridge has the address. ADD says so and leaves nothing; without enabledad
// nobody looks.
func TestDuplicateIsNotUsed(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.occupy("fd00:9::2/64")
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.dual(map[string]any{"enabledad": true})}
		before := l.snapshot()
		l.fail(r, 101, "link eth0 has address fd00:9::2 in DADFAILED state", "another machine")
		l.wantState("ADD", before)
		r.conf = l.dual(nil)
		l.succeed(r)
		l.succeed(r.as("DEL"))
	})
}

// occupy makes a bridge, and somebody on it with an address.
func (l *lab) occupy(address string) {
	l.t.Helper()
	l.addBridge()
	bridge, err := l.self.LinkByName("br-test")
	l.must(err)
	other := l.open(l.pod("other"))
	l.must(l.self.AddLink(kernel.LinkSpec{
		Name: "guest", Kind: kernel.KindVeth, Up: true, Master: bridge.Index, Peer: kernel.PeerSpec{Name: "eth0", NetNS: other},
	}))
	eth0, err := other.LinkByName("eth0")
	l.must(err)
	l.must(other.SetSysctl("net/ipv6/conf/eth0/disable_ipv6", "0"))
	l.must(other.SetSysctl("net/ipv6/conf/eth0/addr_gen_mode", "1"))
	l.must(other.AddAddress(kernel.Address{Link: eth0.Index, Prefix: prefix(address), NoDAD: true}))
	l.must(other.ChangeLink(eth0.Index, kernel.LinkChange{Up: new(true)}))
	for range 1000 { // the routes come some time after
		routes, err := other.Routes(kernel.IPv6)
		l.must(err)
		if len(routes) == 3 {
			return
		}
		l.must(l.Sleep(l.t.Context(), 5*time.Millisecond))
	}
	l.t.Fatal("the address never works")
}

// TestOthersGoOnDuringDetection, which is done without the lock; what they have come to rely on stays when it fails.
func TestOthersGoOnDuringDetection(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.dual(map[string]any{"enabledad": true})
		netns, neighbour := l.pod("a"), l.pod("b")
		joined := false
		r := request{verb: "ADD", id: "a", netns: netns, conf: conf}
		r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Op != intercept.AddressList || c.NetNS != l.prefix+"a" {
				return next()
			}
			if !joined {
				joined = true
				l.add("b", neighbour, l.conf(map[string]any{"ipam": nil}))
			}
			return refusal(c, kernel.EIO)
		})
		l.fail(r, 101, "wait for duplicate address detection", "EIO")
		if _, err := l.self.LinkByName("br-test"); err != nil || !joined {
			t.Errorf("a failed ADD took the bridge from under another container: %v", err)
		}
		l.succeed(r.as("DEL"))
		l.succeed(request{verb: "DEL", id: "b", conf: l.conf(map[string]any{"ipam": nil})})
	})
}

// TestForwardingStaysDuringDetection: it is the whole host's, and a container on another bridge relies on it as well. The
// bridge, which nobody else uses, goes.
func TestForwardingStaysDuringDetection(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns, neighbour := l.pod("a"), l.pod("b")
		other := l.conf(map[string]any{"name": "other", "bridge": "br-other", "isGateway": true})
		joined := false
		r := request{verb: "ADD", id: "a", netns: netns, conf: l.dual(map[string]any{"enabledad": true})}
		r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Op != intercept.AddressList || c.NetNS != l.prefix+"a" {
				return next()
			}
			if !joined {
				joined = true
				l.add("b", neighbour, other)
			}
			return refusal(c, kernel.EIO)
		})
		l.fail(r, 101, "wait for duplicate address detection", "EIO")
		if value, err := l.self.Sysctl("net/ipv4/ip_forward"); err != nil || value != "1" || !joined {
			t.Errorf("a failed ADD turned forwarding off for a container on another bridge: %q, %v", value, err)
		}
		if _, err := l.self.LinkByName("br-test"); !errors.Is(err, kernel.ENODEV) {
			t.Errorf("a failed ADD left its bridge: %v", err)
		}
		l.succeed(request{verb: "DEL", id: "b", conf: other})
	})
}
