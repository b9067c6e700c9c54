//go:build linux

package linux

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// Lock implements kernel.NetNS: flock(2) on a description of the namespace file that is opened for this one lock, so
// that two locks exclude each other through one handle, too. It outlives the handle.
func (ns *NetNS) Lock(ctx context.Context, wait time.Duration) (unlock func(), err error) {
	var file nsFile
	err = ns.lease.use(func() error {
		file, err = reopen(ns.file.fd)
		return err
	})
	if err == nil {
		unlock, err = lockDescriptor(ctx, file.fd, wait)
	}
	return unlock, ns.fail("netns lock", ns.name, err)
}

// LockFile implements kernel.FileLocks.
func (h *Host) LockFile(ctx context.Context, name string, wait time.Duration) (unlock func(), err error) {
	fd, err := retry(func() (int, error) { return unix.Open(name, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600) })
	if err == nil {
		unlock, err = lockDescriptor(ctx, fd, wait)
	}
	return unlock, fail("file lock", "", name, err)
}

// lockDescriptor takes the lock and the descriptor: unlock closes it, and so does a failure.
func lockDescriptor(ctx context.Context, fd int, wait time.Duration) (unlock func(), err error) {
	if err := flock(ctx, fd, wait); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return sync.OnceFunc(func() {
		// Closing is not enough: a process about to execute a program may hold a copy of the descriptor.
		_ = unix.Flock(fd, unix.LOCK_UN)
		unix.Close(fd)
	}), nil
}

// longestNap bounds the time between two attempts at a lock. (A flock(2) that blocks cannot be given up but by a
// signal, which would leave a thread behind until the lock is free.)
const longestNap = 10 * time.Millisecond

// flock tries until the lock is taken, wait is over (EAGAIN), or ctx ends.
func flock(ctx context.Context, fd int, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for nap := 100 * time.Microsecond; ; nap = min(2*nap, longestNap) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return kernel.EAGAIN
		}
		if err := sleep(ctx, min(nap, left)); err != nil {
			return err
		}
	}
}
