package sim

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// fail is the contract's error for a refusal of something that belongs to the host; nil for none.
func fail(op, object string, r *refusal) error {
	if r == nil {
		return nil
	}
	return &kernel.Error{Op: op, Object: object, Errno: r.errno, Detail: r.words}
}

// ReadFile is kernel.Files'.
func (h *Host) ReadFile(name string) (data []byte, err error) {
	h.world.update(func() {
		n, r := h.walk(name)
		switch {
		case r != nil:
		case n.folder != nil:
			r = refuse(kernel.EISDIR)
		case n.ns != nil:
			r = refuse(kernel.EINVAL) // nsfs has no read
		default:
			data = bytes.Clone(n.data)
		}
		err = fail("read", name, r)
	})
	return data, err
}

// ReadDir is kernel.Files'.
func (h *Host) ReadDir(name string) (entries []fs.DirEntry, err error) {
	h.world.update(func() {
		n, r := h.walk(name)
		if r == nil && n.folder == nil {
			r = refuse(kernel.ENOTDIR)
		}
		if err = fail("readdir", name, r); err != nil {
			return
		}
		for _, base := range slices.Sorted(maps.Keys(n.folder)) {
			entries = append(entries, n.folder[base].info(base))
		}
	})
	return entries, err
}

// Stat is kernel.Files'.
func (h *Host) Stat(name string) (info fs.FileInfo, err error) {
	h.world.update(func() {
		n, r := h.walk(name)
		if err = fail("stat", name, r); err == nil {
			info = n.info(path.Base(name))
		}
	})
	return info, err
}

// MkdirAll is kernel.Files'.
func (h *Host) MkdirAll(name string, perm fs.FileMode) (err error) {
	h.world.update(func() { err = fail("mkdir", name, h.mkdirAll(name, perm)) })
	return err
}

// WriteFile is kernel.Files'.
func (h *Host) WriteFile(name string, data []byte, perm fs.FileMode) (err error) {
	h.world.update(func() {
		n, r := h.create(name, perm)
		switch {
		case r != nil:
		case n.ns != nil:
			r = refuse(kernel.EPERM) // inode_permission: nsfs inodes are S_IMMUTABLE
		default:
			n.data, n.modified, n.program = bytes.Clone(data), h.world.touch(), nil
		}
		err = fail("write", name, r)
	})
	return err
}

// Link is kernel.Files'.
func (h *Host) Link(old, name string) (err error) {
	h.world.update(func() { err = fail("link", old+" to "+name, h.link(old, name)) })
	return err
}

// Rename is kernel.Files'.
func (h *Host) Rename(old, name string) (err error) {
	h.world.update(func() { err = fail("rename", old+" to "+name, h.rename(old, name)) })
	return err
}

// Remove is kernel.Files'.
func (h *Host) Remove(name string) (err error) {
	h.world.update(func() { err = fail("remove", name, h.remove(name)) })
	return err
}

// LockFile is kernel.FileLocks'.
func (h *Host) LockFile(ctx context.Context, name string, wait time.Duration) (unlock func(), err error) {
	var lock *advisoryLock
	h.world.update(func() {
		n, r := h.create(name, 0o600)
		if err = fail("lock", name, r); err == nil {
			lock = n.lock
		}
	})
	if err != nil {
		return nil, err
	}
	unlock, err = h.take(ctx, lock, wait)
	if err != nil {
		return nil, fail("lock", name, refuse(kernel.ErrnoOf(err)))
	}
	return unlock, nil
}
