//go:build linux

package linux

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

func TestBootID(t *testing.T) {
	h, _ := newMachine(t)
	id, err := h.BootID()
	if err != nil || !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(id) {
		t.Errorf("%q, %v", id, err)
	}
}

func TestSleep(t *testing.T) {
	h, _ := newMachine(t)
	start := h.Now()
	must(t, h.Sleep(context.Background(), 10*time.Millisecond))
	if slept := h.Now().Sub(start); slept < 10*time.Millisecond {
		t.Errorf("slept %v", slept)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	wantErrno(t, "sleep", h.Sleep(ctx, time.Hour), kernel.ECANCELED)
	wantErrno(t, "sleep again", h.Sleep(ctx, 0), kernel.ECANCELED)
}

func TestFiles(t *testing.T) {
	h, _ := newMachine(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, h.MkdirAll(in("a/b"), 0o755))
	must(t, h.MkdirAll(in("a/b"), 0o755))
	must(t, h.WriteFile(in("a/one"), []byte("a long first content"), 0o600))
	must(t, h.WriteFile(in("a/one"), []byte("1"), 0o600))
	must(t, h.Link(in("a/one"), in("a/two")))
	must(t, h.Rename(in("a/one"), in("a/three")))
	data, err := h.ReadFile(in("a/two"))
	must(t, err)
	info, err := h.Stat(in("a/three"))
	must(t, err)
	entries, err := h.ReadDir(in("a"))
	must(t, err)
	if got := fmt.Sprintf("%q, %d byte, %v", data, info.Size(), entries); got != `"1", 1 byte, [d b/ - three - two]` {
		t.Error(got)
	}
	must(t, h.Remove(in("a/two")))
	must(t, h.Remove(in("a/b")))
}

func TestFileErrors(t *testing.T) {
	h, _ := newMachine(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, h.MkdirAll(in("full/below"), 0o755))
	must(t, h.WriteFile(in("file"), nil, 0o600))
	for what, tt := range map[string]struct {
		err  error
		want kernel.Errno
	}{
		"read absent":           {second(h.ReadFile(in("absent"))), kernel.ENOENT},
		"read below a file":     {second(h.ReadFile(in("file/x"))), kernel.ENOTDIR},
		"read a folder":         {second(h.ReadFile(in("full"))), kernel.EISDIR},
		"list absent":           {second(h.ReadDir(in("absent"))), kernel.ENOENT},
		"list a file":           {second(h.ReadDir(in("file"))), kernel.ENOTDIR},
		"stat absent":           {second(h.Stat(in("absent"))), kernel.ENOENT},
		"make below a file":     {h.MkdirAll(in("file/x"), 0o755), kernel.ENOTDIR},
		"write a folder":        {h.WriteFile(in("full"), nil, 0o600), kernel.EISDIR},
		"write in no folder":    {h.WriteFile(in("absent/x"), nil, 0o600), kernel.ENOENT},
		"link to taken":         {h.Link(in("file"), in("full")), kernel.EEXIST},
		"link absent":           {h.Link(in("absent"), in("x")), kernel.ENOENT},
		"link across devices":   {h.Link(in("file"), "/run/x"), kernel.EXDEV},
		"rename absent":         {h.Rename(in("absent"), in("x")), kernel.ENOENT},
		"rename over a folder":  {h.Rename(in("file"), in("full/below")), kernel.EISDIR},
		"rename folder to file": {h.Rename(in("full"), in("file")), kernel.ENOTDIR},
		"remove absent":         {h.Remove(in("absent")), kernel.ENOENT},
		"remove a full folder":  {h.Remove(in("full")), kernel.ENOTEMPTY},
	} {
		wantErrno(t, what, tt.err, tt.want)
	}
}

func second[T any](_ T, err error) error { return err }

// The rules of a lock, for the lock of a file and the lock of a namespace.
func TestLocks(t *testing.T) {
	h, _ := newMachine(t)
	pod := newPod(t, h, "pod")
	again, err := h.OpenNetNS("/run/netns/pod")
	must(t, err)
	defer again.Close()
	file := filepath.Join(t.TempDir(), "lock")
	type lock func(ctx context.Context, wait time.Duration) (func(), error)
	onFile := func(ctx context.Context, wait time.Duration) (func(), error) { return h.LockFile(ctx, file, wait) }
	for name, locks := range map[string][2]lock{
		"file":          {onFile, onFile},
		"one handle":    {pod.Lock, pod.Lock},
		"other handles": {pod.Lock, again.Lock},
	} {
		t.Run(name, func(t *testing.T) { testLock(t, locks[0], locks[1]) })
	}
	_, err = h.LockFile(context.Background(), "/no/such/folder/lock", 0)
	wantErrno(t, "lock in no folder", err, kernel.ENOENT)
	if info, err := os.Stat(file); err != nil || info.Size() != 0 {
		t.Errorf("the lock's file: %v, %v", info, err)
	}
}

func testLock(t *testing.T, lock, other func(context.Context, time.Duration) (func(), error)) {
	ctx, cancel := context.WithCancel(context.Background())
	unlock, err := lock(ctx, 0)
	must(t, err)
	_, err = other(ctx, 0)
	wantErrno(t, "at once", err, kernel.EAGAIN)
	start := time.Now()
	_, err = other(ctx, 20*time.Millisecond)
	wantErrno(t, "for 20 ms", err, kernel.EAGAIN)
	if waited := time.Since(start); waited < 20*time.Millisecond {
		t.Errorf("waited %v", waited)
	}
	time.AfterFunc(10*time.Millisecond, unlock)
	theirs, err := other(ctx, time.Minute)
	must(t, err)
	unlock() // a second time: not theirs
	_, err = lock(ctx, 0)
	wantErrno(t, "when the other has it", err, kernel.EAGAIN)
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = lock(ctx, time.Minute)
	wantErrno(t, "until ctx ends", err, kernel.ECANCELED)
	theirs()
	unlock, err = lock(context.Background(), time.Minute) // those who gave up do not have it
	must(t, err)
	unlock()
}

// Of many who want a lock, one at a time has it, and all get it.
func TestLockExcludes(t *testing.T) {
	h, _ := newMachine(t)
	file := filepath.Join(t.TempDir(), "lock")
	var holders, turns atomic.Int32
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			unlock, err := h.LockFile(context.Background(), file, time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if n := holders.Add(1); n != 1 {
				t.Errorf("%d holders", n)
			}
			turns.Add(1)
			holders.Add(-1)
		})
	}
	wg.Wait()
	if n := turns.Load(); n != 30 {
		t.Errorf("%d turns", n)
	}
}

// A lock of a namespace is that of its file: another program sees it, and it outlives the handle.
func TestNamespaceLockIsOfItsFile(t *testing.T) {
	h, _ := newMachine(t)
	pod := newPod(t, h, "pod")
	unlock, err := pod.Lock(context.Background(), 0)
	must(t, err)
	pod.Close()
	fd, err := unix.Open("/run/netns/pod", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != unix.EWOULDBLOCK {
		t.Errorf("while it is held: %v", err)
	}
	unlock()
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("when it is free: %v", err)
	}
}
