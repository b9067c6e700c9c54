// Package trace tells in lines of text what happens to packets in a simulated world: each device that a frame comes by,
// and each decision on the way (route, neighbour, forwarding database, netfilter, address translation), up to the
// delivery or to the place where it ends, and why. See cmd/cnilab's scenario verb trace.
package trace

import (
	"fmt"
	"time"

	"github.com/cnilab/cnilab/sim"
)

// Start calls see with a line for each thing that happens from now on, until stop is called. Times are since then. What
// reaches bystanders of a flood, whose MACs are others, is left out.
func Start(w *sim.World, see func(line string)) (stop func()) {
	t := &tracer{see: see, start: w.Now()}
	unwatch := w.Watch(t.watch)
	return func() {
		unwatch()
		t.release()
	}
}

type tracer struct {
	see   func(string)
	start time.Time
	held  *sim.Sight // a frame that was received, while it is not known whether it is another's
}

func (t *tracer) watch(s sim.Sight) {
	if t.held != nil && s.Event == sim.Dropped && s.Reason == sim.DropOtherHost && s.Place == t.held.Place {
		t.held = nil
		return
	}
	t.release()
	if s.Event == sim.Received {
		t.held = &s
		return
	}
	t.tell(s)
}

func (t *tracer) release() {
	if t.held != nil {
		t.tell(*t.held)
		t.held = nil
	}
}

func (t *tracer) tell(s sim.Sight) {
	t.see(fmt.Sprintf("%9v  %-20s %s", s.At.Sub(t.start), s.Place, words(s)))
}

// words says what happened.
func words(s sim.Sight) string {
	switch s.Event {
	case sim.Received:
		return "receives  " + describe(s.Frame)
	case sim.Sent:
		return "sends     " + describe(s.Frame)
	case sim.Dropped:
		text := fmt.Sprintf("drops     %s: %s", describe(s.Frame), s.Reason)
		if s.Detail != "" {
			text += ", " + s.Detail
		}
		return text
	}
	return "          " + s.Detail
}
