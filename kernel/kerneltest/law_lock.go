package kerneltest

import (
	"context"
	"path"
	"sync"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// lockWait is how long laws wait in vain for a lock that is held.
const lockWait = 50 * time.Millisecond

// lockLaws are about the advisory locks of namespaces and files.
var lockLaws = []Law{
	{"lock/netns/held", "fs/locks.c flock_lock_inode", func(e *env) {
		a := e.netns("a")
		e.lock(a)
		_, err := e.open(a.path).Lock(e.ctx, 0)
		e.refused(err, kernel.EAGAIN, "lock a namespace that is locked, by another handle, without waiting")
	}},
	{"lock/netns/held-by-same-handle", "the contract: exclusive", func(e *env) {
		a := e.netns("a")
		e.lock(a)
		_, err := a.Lock(e.ctx, 0)
		e.refused(err, kernel.EAGAIN, "lock a namespace that is locked, by the same handle")
	}},
	{"lock/netns/waits", "the contract: at most wait", func(e *env) {
		a := e.netns("a")
		e.lock(a)
		e.waits(func() error { _, err := e.open(a.path).Lock(e.ctx, lockWait); return err })
	}},
	{"lock/netns/released", "fs/locks.c flock_lock_inode", func(e *env) {
		a := e.netns("a")
		e.lock(a)()
		unlock, err := e.open(a.path).Lock(e.ctx, 0)
		e.ok(err, "lock a namespace whose lock was given back")
		unlock()
	}},
	{"lock/netns/others-are-free", "fs/locks.c: a lock is of one inode", func(e *env) {
		e.lock(e.netns("a"))
		e.lock(e.netns("b"))
	}},
	{"lock/netns/cancelled", "the contract", func(e *env) {
		a := e.netns("a")
		e.lock(a)
		_, err := a.Lock(e.cancelled(), time.Minute)
		e.refused(err, kernel.ECANCELED, "wait for a lock with a context that has ended")
	}},
	{"lock/netns/outlives-handle", "fs/locks.c: a lock is of an open file description", func(e *env) {
		a := e.netns("a")
		second := e.open(a.path)
		unlock := e.lock(a)
		a.Close()
		_, err := second.Lock(e.ctx, 0)
		e.refused(err, kernel.EAGAIN, "lock a namespace whose lock is held after the handle was closed")
		unlock()
		unlock, err = second.Lock(e.ctx, 0)
		e.ok(err, "lock it once that lock was given back")
		unlock()
	}},
	{"lock/file/made", "fs/namei.c: open with O_CREAT", func(e *env) {
		file := path.Join(e.folder(), "lock")
		unlock, err := e.LockFile(e.ctx, file, 0)
		e.ok(err, "lock a file that is not there")
		unlock()
		equal(e, e.content(file), "", "what the file holds that locking made")
	}},
	{"lock/file/content-stays", "fs/namei.c: open without O_TRUNC", func(e *env) {
		file := e.file(e.folder(), "lock", "precious")
		unlock, err := e.LockFile(e.ctx, file, 0)
		e.ok(err, "lock a file")
		unlock()
		equal(e, e.content(file), "precious", "what the file holds after it was locked")
	}},
	{"lock/file/held", "fs/locks.c flock_lock_inode", func(e *env) {
		file := e.lockedFile()
		_, err := e.LockFile(e.ctx, file, 0)
		e.refused(err, kernel.EAGAIN, "lock a file that is locked, without waiting")
	}},
	{"lock/file/waits", "the contract: at most wait", func(e *env) {
		file := e.lockedFile()
		e.waits(func() error { _, err := e.LockFile(e.ctx, file, lockWait); return err })
	}},
	{"lock/file/released", "fs/locks.c flock_lock_inode", func(e *env) {
		file := path.Join(e.folder(), "lock")
		for range 2 {
			unlock, err := e.LockFile(e.ctx, file, 0)
			e.ok(err, "lock a file that nobody holds")
			unlock()
		}
	}},
	{"lock/file/advisory", "fs/locks.c: flock(2) keeps nobody from the file", func(e *env) {
		file := e.lockedFile()
		e.ok(e.WriteFile(file, []byte("x"), 0o644), "write a file that is locked")
		e.ok(e.Remove(file), "remove a file that is locked")
	}},
	{"lock/file/is-of-the-inode", "fs/locks.c: a lock is of one inode", func(e *env) {
		file := e.lockedFile()
		e.ok(e.Remove(file), "remove a file that is locked")
		unlock, err := e.LockFile(e.ctx, file, 0)
		e.ok(err, "lock a new file of the same name")
		unlock()
	}},
	{"lock/file/cancelled", "the contract", func(e *env) {
		_, err := e.LockFile(e.cancelled(), e.lockedFile(), time.Minute)
		e.refused(err, kernel.ECANCELED, "wait for a lock with a context that has ended")
	}},
	{"lock/file/folder-absent", "fs/namei.c path_openat", func(e *env) {
		_, err := e.LockFile(e.ctx, path.Join(e.folder(), "absent", "lock"), 0)
		e.refused(err, kernel.ENOENT, "lock a file in a folder that is not there")
	}},
}

// lock locks a namespace until the law ends or the lock is given back; giving back twice does nothing.
func (e *env) lock(ns *netns) (unlock func()) {
	once, err := ns.Lock(e.ctx, 0)
	e.ok(err, "lock a namespace that nobody has locked")
	unlock = sync.OnceFunc(once)
	e.atEnd(func() error { unlock(); return nil })
	return unlock
}

// lockedFile makes a file that is locked until the law ends.
func (e *env) lockedFile() string {
	file := path.Join(e.folder(), "lock")
	unlock, err := e.LockFile(e.ctx, file, 0)
	e.ok(err, "lock a file that nobody has locked")
	e.atEnd(func() error { unlock(); return nil })
	return file
}

// waits demands that a lock that is held is waited for, and no longer than asked for.
func (e *env) waits(lock func() error) {
	start := e.Now()
	e.refused(lock(), kernel.EAGAIN, "wait for a lock that stays held")
	if took := e.Now().Sub(start); took < lockWait || took > Patience {
		e.breach("time that a lock was waited for: want about %s, got %s", lockWait, took)
	}
}

// cancelled returns a context that has ended.
func (e *env) cancelled() context.Context {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	return ctx
}
