package plugin_test

import (
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// TestDyingNamespaceHoldsTheName: the container's earlier life has lost its name, but somebody still has it open. ADD
// of the next one waits until it is gone.
func TestDyingNamespaceHoldsTheName(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"ipam": nil})
		first := l.pod("first")
		r := request{verb: "ADD", id: "a", netns: first, conf: conf}
		l.succeed(r)
		open, err := l.OpenNetNS(first)
		l.must(err)
		defer open.Close()
		l.must(l.DeleteNetNS(first))

		r.netns = l.pod("second")
		waited := 0
		r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Op == intercept.ClockSleep {
				if waited++; waited == 3 {
					open.Close()
				}
			}
			return next()
		})
		l.succeed(r)
		if waited < 3 {
			t.Errorf("waited %d times", waited)
		}
		l.succeed(r.as("DEL"))
		l.wantNothingLeft("DEL")
	})
}

// TestLivingNamespaceHoldsTheName: ADD waits for a time, and says for what.
func TestLivingNamespaceHoldsTheName(t *testing.T) {
	l := newLab(t, newSim(t))
	r := request{verb: "ADD", id: "a", netns: l.pod("first"), conf: l.conf(nil)}
	l.succeed(r)
	r.netns = l.pod("second")
	before, began := l.snapshot(), l.Now()
	l.fail(r, 102, "the attachment exists", "call DEL first", "another namespace than /run/netns/second", "waited 5s")
	if waited := l.Now().Sub(began); waited < 5*time.Second || waited > 6*time.Second {
		t.Errorf("waited %s", waited)
	}
	l.wantState("ADD", before)
	host, err := l.self.LinkByName(l.hostEnd())
	if err != nil || host.Kind != kernel.KindVeth {
		t.Errorf("the first attachment: %+v, %v", host, err)
	}
}
