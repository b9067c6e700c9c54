package intercept

import (
	"sync/atomic"

	"github.com/cnilab/cnilab/kernel"
)

// A Fault fails the calls it matches.
type Fault struct {
	When  Match
	Errno kernel.Errno
	// TakesEffect lets the call reach the backend first, as when the answer of a request that was carried out is
	// lost. A call that the backend refuses keeps the backend's answer.
	TakesEffect bool

	hits atomic.Int64
}

// Hook is to be given to Wrap.
func (f *Fault) Hook(c Call, next func() error) error {
	if !f.When(c) {
		return next()
	}
	f.hits.Add(1)
	if f.TakesEffect {
		if err := next(); err != nil {
			return err
		}
	}
	return c.Faulted(f.Errno)
}

// Hits returns how many calls it has failed. A sweep over the n-th calls ends where nothing is hit any more.
func (f *Fault) Hits() int { return int(f.hits.Load()) }
