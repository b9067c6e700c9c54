package sim

import (
	"context"
	"time"
)

// An advisoryLock is flock(2)'s exclusive lock of an inode.
type advisoryLock struct{ held bool }

// acquire takes the lock, and waits for at most wait while someone else holds it: EAGAIN after that, ECANCELED when ctx
// ends first, EDEADLK where nobody can give it back any more. release gives it back, once.
func (w *World) acquire(ctx context.Context, lock *advisoryLock, wait time.Duration) (release func(), err error) {
	var got bool
	try := func() bool {
		if !got && !lock.held {
			lock.held, got = true, true
		}
		return got
	}
	w.update(func() { try() })
	if !got {
		if err := w.await(try, max(wait, 0), ctx.Done()); err != nil {
			return nil, err
		}
	}
	return func() {
		w.update(func() {
			if got {
				lock.held, got = false, false
			}
		})
	}, nil
}
