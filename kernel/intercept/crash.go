package intercept

import "sync/atomic"

// A Crash is the death of the calling process at one of its effects. From then on nothing reaches the backend, neither
// reads nor what the caller does to undo its work; every call answers ECANCELED. Locks can still be given back, as the
// end of a process does.
type Crash struct {
	Effect int  // the ordinal of the call that may change something, from 1, at which the process dies
	After  bool // it dies when the effect is there, but has not learnt so; otherwise it dies right before

	dead atomic.Bool
}

// Hook is to be given to Wrap.
func (k *Crash) Hook(c Call, next func() error) error {
	switch {
	case k.dead.Load():
		return c.Crashed()
	case !c.Mutates() || c.Effect != k.Effect:
		return next()
	}
	k.dead.Store(true)
	if k.After {
		_ = next() // nobody is left to hear the answer
	}
	return c.Crashed()
}

// Dead reports whether the process has reached the effect at which it dies.
func (k *Crash) Dead() bool { return k.dead.Load() }
