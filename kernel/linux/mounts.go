//go:build linux

package linux

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// threadMounts is the mount namespace of the thread that opens it.
const threadMounts = "/proc/thread-self/ns/mnt"

// mounts is a mount namespace.
type mounts struct{ fd int }

// inside runs work where paths are those of m. A thread that has been in another mount namespace than the process's has
// a root and a working directory of its own ever after (setns(2)): it is one for this purpose, and ends.
func (m mounts) inside(work func() error) error {
	return onLostThread(func() error {
		if err := m.enter(); err != nil {
			return fail("mount namespace enter", "", hostName, err)
		}
		return work()
	})
}

// enter takes the thread there. It must not share root and working directory with others (mntns_install,
// fs/namespace.c).
func (m mounts) enter() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	return unix.Setns(m.fd, unix.CLONE_NEWNS)
}

func (m mounts) close() { unix.Close(m.fd) }

// newMounts makes a mount namespace that only the returned descriptor holds: a copy of the process's, in which furnish
// is called.
func newMounts(furnish func() error) (made mounts, err error) {
	err = onLostThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return err
		}
		// Else what is mounted there would appear in the namespace that it is a copy of.
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		if err := furnish(); err != nil {
			return err
		}
		made.fd, err = unix.Open(threadMounts, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	})
	return made, err
}

// onLostThread runs work on a thread that ends with it (runtime.LockOSThread): nobody has to mend what work did to it.
// That is never the process's first one, which Go does not end but stops (mexit, runtime/proc.go): it would keep what it
// has been in alive, and /proc/self is what it sees.
func onLostThread(work func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- work()
			return
		}
		defer runtime.UnlockOSThread()
		done <- onLostThread(work) // while this goroutine has the first thread
	}()
	return <-done
}
