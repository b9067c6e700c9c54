package intercept

import "sync/atomic"

// A Count counts calls. The zero Count is ready for use.
type Count struct {
	calls, effects atomic.Int64
}

// Hook is to be given to Wrap.
func (n *Count) Hook(c Call, next func() error) error {
	n.calls.Add(1)
	if c.Mutates() {
		n.effects.Add(1)
	}
	return next()
}

// Calls returns the number of calls so far.
func (n *Count) Calls() int { return int(n.calls.Load()) }

// Effects returns the number of calls so far that may have changed something.
func (n *Count) Effects() int { return int(n.effects.Load()) }
