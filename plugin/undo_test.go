package plugin_test

import (
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
	if waited := l.Now().Sub(began); waited != 10*time.Second {
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
		if c.Op == intercept.LinkSet && c.NetNS == "a" && strings.Contains(c.Object, "up") {
			return nil // the request is lost, and the container's end stays down
		}
		return next()
	})
	l.fail(r, 999, "wait for the bridge's port: bridge port in error state", "DOWN after 2s")
	l.wantState("ADD", before)
}
