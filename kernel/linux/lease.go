//go:build linux

package linux

import (
	"sync"

	"golang.org/x/sys/unix"
)

// A lease lets descriptors be used and closed concurrently: they are freed when the last of those who use them is
// done, so that nobody is left with a number that meanwhile means another file.
type lease struct {
	mu     sync.Mutex
	users  int
	closed bool
	free   func()
}

// use runs f while the descriptors stay open; EBADF once they are closed.
func (l *lease) use(f func() error) error {
	if !l.take() {
		return unix.EBADF
	}
	defer l.give()
	return f()
}

func (l *lease) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.users++
	return true
}

func (l *lease) give() {
	l.mu.Lock()
	l.users--
	last := l.closed && l.users == 0
	l.mu.Unlock()
	if last {
		l.free()
	}
}

func (l *lease) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// close refuses new users and frees at once where there are none. Closing twice does nothing.
func (l *lease) close() {
	l.mu.Lock()
	last := !l.closed && l.users == 0
	l.closed = true
	l.mu.Unlock()
	if last {
		l.free()
	}
}
