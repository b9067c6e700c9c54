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
	release := func() {
		// Closing is not enough: a process about to execute a program may hold a copy of the descriptor.
		_ = unix.Flock(fd, unix.LOCK_UN)
		unix.Close(fd)
	}
	err = ctx.Err()
	if err == nil {
		err = flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	}
	switch {
	case err == unix.EWOULDBLOCK && wait > 0:
		err = awaitLock(ctx, fd, wait, release)
	case err != nil:
		unix.Close(fd)
	}
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(release), nil
}

// awaitLock waits until the lock is taken, wait is over (EAGAIN), or ctx ends. A flock(2) that waits is given the lock in its
// turn and at once, where many who try again and again keep the processors busy and leave the lock free between two attempts;
// but it cannot be given up. Who does so therefore leaves it, with its thread, to a goroutine that gives the lock back when it
// comes.
func awaitLock(ctx context.Context, fd int, wait time.Duration, release func()) error {
	taken := make(chan error, 1)
	go func() { taken <- flock(fd, unix.LOCK_EX) }()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var err error
	select {
	case err = <-taken:
		if err != nil {
			unix.Close(fd)
		}
		return err
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = kernel.EAGAIN
	}
	go func() {
		<-taken
		release()
	}()
	return err
}

func flock(fd, how int) error {
	for {
		if err := unix.Flock(fd, how); err != unix.EINTR {
			return err
		}
	}
}
