//go:build linux

package linux

import (
	"runtime"
	"strconv"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// threadNetNS is the network namespace of the thread that opens it.
const threadNetNS = "/proc/thread-self/ns/net"

// An nsFile is a descriptor of a network namespace.
type nsFile struct {
	fd int
	id kernel.NSID

	// enterable is a home that a thread has gone to. So may others: it takes CAP_SYS_ADMIN, wherever the thread is
	// (netns_install, net/core/net_namespace.c), and nobody here gives that up.
	enterable bool

	// elsewhere is of a home whose work is done by threads that it has for this purpose, and that do not come back: see
	// Apart. Nil: there is no need for them.
	elsewhere func(work func() error) error
}

// openNSFile opens the network namespace at path. It looks before it opens: merely opening a FIFO blocks, and opening
// a device can have effects. EINVAL for whatever is no network namespace.
func openNSFile(path string) (nsFile, error) {
	looked, err := retry(func() (int, error) { return unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nsFile{}, err
	}
	defer unix.Close(looked)
	if err := requireNSFS(looked); err != nil {
		return nsFile{}, err
	}
	return reopen(looked)
}

// requireNSFS tells the files that the kernel keeps for namespaces from all others.
func requireNSFS(fd int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	if fs.Type != unix.NSFS_MAGIC {
		return unix.EINVAL
	}
	return nil
}

// reopen opens the file of a descriptor once more, as a description of its own.
func reopen(fd int) (nsFile, error) {
	again, err := retry(func() (int, error) {
		return unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nsFile{}, err
	}
	file, err := newNSFile(again)
	if err != nil {
		unix.Close(again)
	}
	return file, err
}

// newNSFile takes over a descriptor on nsfs; EINVAL for other kinds of namespaces.
func newNSFile(fd int) (nsFile, error) {
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err != nil {
		return nsFile{}, err
	}
	if kind != unix.CLONE_NEWNET {
		return nsFile{}, unix.EINVAL
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nsFile{}, err
	}
	return nsFile{fd: fd, id: kernel.NSID{Dev: uint64(st.Dev), Ino: st.Ino}}, nil
}

// dup returns a second descriptor of the same file.
func (f nsFile) dup() (nsFile, error) {
	fd, err := unix.FcntlInt(uintptr(f.fd), unix.F_DUPFD_CLOEXEC, 0)
	return nsFile{fd: fd, id: f.id}, err
}

func (f nsFile) close() { unix.Close(f.fd) }

// inside runs work in the namespace. Where that is another than home, the process's own, it does so on a thread that
// nobody else uses meanwhile.
func (f nsFile) inside(home nsFile, work func() error) error {
	switch {
	case home.elsewhere != nil:
	case f.id == home.id:
		return work()
	case home.enterable:
		return f.visit(home, work)
	}
	return onOwnThread(home, func() error {
		if err := f.enter(); err != nil {
			return err
		}
		return work()
	})
}

// visit runs work in the namespace, on the caller's thread: to hand it to another and wait takes longer than most work.
func (f nsFile) visit(home nsFile, work func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := f.enter(); err != nil {
		return err
	}
	defer func() {
		for home.enter() != nil { // for want of memory: nothing else keeps it from where it has been
			time.Sleep(time.Millisecond)
		}
	}()
	return work()
}

// enter takes the thread there.
func (f nsFile) enter() error { return netns.Set(netns.NsHandle(f.fd)) }

// onOwnThread runs work, which may leave the thread in another network namespace; a thread that cannot go home again
// ends with its goroutine (runtime.LockOSThread).
func onOwnThread(home nsFile, work func() error) error {
	if home.elsewhere != nil {
		return home.elsewhere(work)
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := work()
		if home.enter() == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
