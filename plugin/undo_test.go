package plugin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// TestFailedUndoIsTold: the error has the code of what failed first, and says what is left.
func TestFailedUndoIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		exists := &intercept.Fault{When: intercept.Every(intercept.LinkDelete), Errno: kernel.EBUSY}
		full := &intercept.Fault{When: intercept.Every(intercept.AddressAdd), Errno: kernel.ENOBUFS}
		r := request{
			verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGateway": true}),
			on: intercept.Wrap(l.Host, exists.Hook, full.Hook),
		}
		e := l.fail(r, 101, "give the bridge the gateway's address: address add", "ENOBUFS",
			"undo: delete the bridge: link delete br-test", "undo: delete the veth pair: link delete veth", "EBUSY")
		if strings.Contains(e.Msg, "\n") {
			t.Errorf("more than one line: %q", e.Msg)
		}
		if leases := l.leases("net"); len(leases) != 0 {
			t.Errorf("one undo fails, and the next is not done: leases %v", leases)
		}
		l.succeed(r.as("DEL"))
		l.wantNothingLeft("DEL")
	})
}

// TestHeldLock: somebody sits on the lock of the host's namespace.
func TestHeldLock(t *testing.T) {
	l := newLab(t, newSim(t))
	r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(nil)}
	before, began := l.snapshot(), l.Now()
	unlock, err := l.self.Lock(t.Context(), time.Second)
	l.must(err)
	l.fail(r, 11, "EAGAIN", "another plugin held the lock")
	if waited := l.Now().Sub(began); waited != time.Minute {
		t.Errorf("waited %s", waited)
	}
	l.wantState("ADD", before)
	unlock()
	l.succeed(r)
}

// TestNameFreedMeanwhile: links of a namespace that ended live on for some milliseconds, and take their names along.
func TestNameFreedMeanwhile(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		taken := &intercept.Fault{When: intercept.Every(intercept.LinkAdd), Errno: kernel.EEXIST}
		r := request{
			verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"ipam": nil}),
			on: intercept.Wrap(l.Host, taken.Hook),
		}
		l.fail(r, 11, "EEXIST", "is free now")
	})
}

// TestPortThatNeverWorks: an ADD that cannot connect the container does not say that it did.
func TestPortThatNeverWorks(t *testing.T) {
	l := newLab(t, newSim(t))
	r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(nil)}
	before := l.snapshot()
	r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
		if c.Op == intercept.LinkSet && c.NetNS == l.prefix+"a" && strings.Contains(c.Object, "up") {
			return nil // the request is lost, and the container's end stays down
		}
		return next()
	})
	l.fail(r, 999, "wait for the bridge's port: bridge port in error state", "DOWN after 2s")
	l.wantState("ADD", before)
}

// TestUndoneFailureKeepsItsCode, whatever the undoing runs into.
func TestUndoneFailureKeepsItsCode(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addBridge()
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.self.AddAddress(kernel.Address{Link: bridge.Index, Prefix: prefix("10.1.0.1/24")}))
		busy := &intercept.Fault{When: intercept.Every(intercept.LinkDelete), Errno: kernel.EBUSY}
		l.fail(request{
			verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGateway": true}),
			on: intercept.Wrap(l.Host, busy.Hook),
		}, 7, "already has an IP address", "EBUSY")
	})
}

// TestUndoOutlivesPatience: the runtime cancels the call in the middle, and nothing stays all the same.
func TestUndoOutlivesPatience(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGateway": true}), ctx: ctx}
		before := l.snapshot()
		r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Op == intercept.AddressAdd && c.NetNS == l.prefix+"a" {
				cancel()
			}
			return next()
		})
		l.fail(r, 101, "ECANCELED")
		l.wantState("ADD", before)
	})
}

// TestUndoLeavesWhatIsNotOurs: somebody takes the host end's name, and a place on the new bridge, and the ADD that made
// the bridge fails.
func TestUndoLeavesWhatIsNotOurs(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		layer2 := l.conf(map[string]any{"ipam": nil})
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: layer2}
		l.succeed(r)
		name := l.veths(l.self)[0]
		l.succeed(r.as("DEL"))
		l.forgetShared(situation{})

		r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Op != intercept.LinkAdd {
				return next()
			}
			l.must(l.self.AddLink(kernel.LinkSpec{Name: name, Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "theirs"}}))
			return refusal(c, kernel.EIO)
		})
		l.fail(r, 101, "create the veth pair", "EIO")
		theirs, err := l.self.LinkByName(name)
		if err != nil {
			t.Fatalf("a failed ADD took another's link: %v", err)
		}
		l.must(l.self.DeleteLink(theirs.Index))

		r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Op != intercept.LinkSet || c.NetNS != l.prefix+"a" {
				return next()
			}
			bridge, err := l.self.LinkByName("br-test")
			l.must(err)
			l.must(l.self.AddLink(kernel.LinkSpec{
				Name: "guest", Kind: kernel.KindVeth, Master: bridge.Index, Peer: kernel.PeerSpec{Name: "guest1"},
			}))
			return refusal(c, kernel.EIO)
		})
		l.fail(r, 101, "configure the container's interface", "EIO")
		if guest, err := l.self.LinkByName("guest"); err != nil || guest.Master == 0 {
			t.Errorf("a failed ADD took the bridge from under another's port: %+v, %v", guest, err)
		}
	})
}

// TestSharedPartsAreLocked from the first that is made to the last: nobody else can come to rely on what may be undone.
func TestSharedPartsAreLocked(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		shared := 0
		lock := func() error {
			unlock, err := l.self.Lock(t.Context(), 0)
			if err == nil {
				unlock()
			}
			return err
		}
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGateway": true})}
		r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			isPair := strings.HasPrefix(c.Object, "veth") && !strings.Contains(c.Object, "master")
			if c.Mutates() && c.NetNS == l.self.Name() && !isPair {
				shared++
				if err := lock(); !errors.Is(err, kernel.EAGAIN) {
					t.Errorf("%s: the lock is free (%v)", c, err)
				}
			}
			return next()
		})
		l.succeed(r)
		if shared < 4 {
			t.Errorf("%d changes to the host seen, want bridge, address, port and forwarding at least", shared)
		}
		l.must(lock())
	})
}

// failing is the machine on which a container's interface cannot be set up, when all that is shared has been made.
func (l *lab) failing() kernel.Host {
	return intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
		if c.Op == intercept.LinkSet && c.NetNS != "host" {
			return refusal(c, kernel.EIO)
		}
		return next()
	})
}

// TestForwardingOfSingleLinksIsUndone: turning it on for the host turns it on for each link, and the host's belief in ICMP
// redirects off. A node that was hardened, or forwards on one link alone, is as it was after an ADD that failed.
func TestForwardingOfSingleLinksIsUndone(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.must(l.self.AddLink(kernel.LinkSpec{Name: "up0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "up1"}}))
		settings := []string{
			"net/ipv4/conf/up0/forwarding=1", "net/ipv4/conf/up1/forwarding=0", "net/ipv4/conf/default/forwarding=1",
			"net/ipv6/conf/up0/forwarding=1", "net/ipv6/conf/default/forwarding=1", "net/ipv4/conf/all/accept_redirects=0",
		}
		for _, setting := range settings {
			key, value, _ := strings.Cut(setting, "=")
			l.must(l.self.SetSysctl(key, value))
		}
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.dual(nil), on: l.failing()}
		before := l.snapshot()
		l.fail(r, 101, "configure the container's interface", "EIO")
		l.wantState("ADD", before)
		for _, setting := range settings {
			key, want, _ := strings.Cut(setting, "=")
			if value, err := l.self.Sysctl(key); err != nil || value != want {
				t.Errorf("%s is %q after a failed ADD, %v", setting, value, err)
			}
		}
	})
}

// TestBridgeThatWasDownKeepsItsAddresses, of which Linux deletes those of IPv6 when a failed ADD sets it down again.
func TestBridgeThatWasDownKeepsItsAddresses(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addDownBridge()
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.self.SetSysctl("net/ipv6/conf/br-test/addr_gen_mode", "1")) // no link-local address
		l.must(l.self.SetSysctl("net/ipv6/conf/br-test/disable_ipv6", "0"))
		for _, a := range []string{"10.9.0.1/24", "fd00:7::1/64"} {
			l.must(l.self.AddAddress(kernel.Address{Link: bridge.Index, Prefix: prefix(a), NoDAD: strings.Contains(a, ":")}))
		}
		l.awaitLocal("fd00:7::1/128")
		r := request{
			verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGateway": true}), on: l.failing(),
		}
		before := l.snapshot()
		l.fail(r, 101, "configure the container's interface", "EIO")
		l.awaitLocal("fd00:7::1/128")
		l.wantState("ADD", before)
	})
}

// TestRoutesByTheBridgeStay: Linux deletes them with the bridge's last IPv4 address, and those that another link has from
// one of its addresses; a failed ADD brings them back.
func TestRoutesByTheBridgeStay(t *testing.T) {
	for name, addresses := range map[string][]string{"no address": nil, "another address": {"10.7.0.1/24"}} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(t *testing.T, l *lab) {
				l.addBridge()
				bridge, err := l.self.LinkByName("br-test")
				l.must(err)
				l.must(l.self.AddLink(kernel.LinkSpec{Name: "other", Kind: kernel.KindBridge, Up: true}))
				other, err := l.self.LinkByName("other")
				l.must(err)
				routes := []kernel.Route{
					{Dst: prefix("198.51.100.0/24"), Link: bridge.Index, Scope: kernel.ScopeLink, Protocol: kernel.ProtoStatic},
				}
				for _, a := range addresses {
					p := prefix(a)
					l.must(l.self.AddAddress(kernel.Address{Link: bridge.Index, Prefix: p}))
					routes = append(routes,
						kernel.Route{Dst: prefix("203.0.113.0/24"), Link: bridge.Index, Gateway: p.Addr().Next(), Metric: 7, Table: 100},
						kernel.Route{Dst: prefix("192.0.2.0/24"), Link: other.Index, Scope: kernel.ScopeLink, Source: p.Addr()})
				}
				for _, r := range routes {
					l.must(l.self.AddRoute(r, kernel.Exclusive))
				}
				r := request{
					verb: "ADD", id: "a", netns: l.pod("a"), on: l.failing(),
					conf: l.conf(map[string]any{"isGateway": true, "forceAddress": true}),
				}
				before := l.snapshot()
				l.fail(r, 101, "configure the container's interface", "EIO")
				l.wantState("ADD", before)
			})
		})
	}
}

// TestAddedAnewMeanwhile: at each call of an ADD its attachment is deleted and added anew, which a runtime must not do, and
// may do that has lost its patience. The first ADD fails, or has come to its end, and takes nothing of the second's away.
// (Which of the two makes rules last where both do at the same moment, nobody can tell.)
func TestAddedAnewMeanwhile(t *testing.T) {
	for _, backend := range []string{"nftables", "iptables"} {
		l := newLab(t, newSim(t))
		conf := map[string]any{"isGateway": true, "ipMasq": true, "ipMasqBackend": backend, "macspoofchk": backend == "nftables"}
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(conf)}
		superseded := 0
		for n, whole := 1, false; !whole; n++ {
			whole = true
			after, when := "", ""
			r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
				if c.N == n {
					whole, when = false, c.String()
					l.must(l.Sleep(t.Context(), time.Millisecond)) // by the time ADDs are told apart
					rules := c.Op == intercept.RulesetList || c.Op == intercept.RulesetChange
					if !rules && l.call(r.as("DEL")).exit == 0 && l.call(r.as("ADD")).exit == 0 {
						after = l.snapshot()
					}
				}
				return next()
			})
			if a := l.call(r); a.exit != 0 && after != "" {
				superseded++
				l.wantState(when+": "+a.stdout, after)
			}
			l.succeed(r.as("DEL"))
		}
		if superseded < 15 {
			t.Errorf("%s: only %d ADDs were superseded", backend, superseded)
		}
	}
}
