package intercept

import (
	"slices"
	"sync"
)

// A Trace collects calls in the order in which they begin. The zero Trace is ready for use.
type Trace struct {
	mu    sync.Mutex
	calls []Call
}

// Hook is to be given to Wrap. As the first hook it sees what the caller tried, as the last one what the backend got.
func (t *Trace) Hook(c Call, next func() error) error {
	t.mu.Lock()
	t.calls = append(t.calls, c)
	t.mu.Unlock()
	return next()
}

// Calls returns all calls so far.
func (t *Trace) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.calls)
}

// Mutations returns the calls so far that may have changed something.
func (t *Trace) Mutations() []Call {
	return slices.DeleteFunc(t.Calls(), func(c Call) bool { return !c.Mutates() })
}
