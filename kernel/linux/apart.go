//go:build linux

package linux

import (
	"context"
	"io/fs"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// An Apart is a second machine on the same kernel. Self is a new network namespace, as that of NewIsolated, and paths are
// looked up in a new mount namespace: by the methods of the machine, and by the programs that Exec and the NetNS run.
//
// It is a type of its own, so that plugins, which have one machine, are not larger for it.
type Apart struct {
	*Host
	mounts mounts
}

var _ kernel.Host = (*Apart)(nil)

// NewApart makes a second machine. Its mount namespace begins as a copy of the process's, and furnish is called in it, to
// mount what the machine is to have for itself. Nothing that is mounted there is seen elsewhere, and all of it ends with
// the machine, namespaces that are bound there included. What the copy has of bindings made before does not keep their
// namespaces alive when these are deleted: with the file of a mount go its copies (vfs_unlink, fs/namei.c: detach_mounts).
//
// EPERM where the caller may not make namespaces; or the error of furnish.
func NewApart(furnish func() error) (*Apart, error) {
	host, err := NewIsolated()
	if err != nil {
		return nil, err
	}
	made, err := newMounts(furnish)
	if err != nil {
		host.Close()
		return nil, fail("mount namespace add", "", hostName, err)
	}
	host.home.elsewhere = made.inside
	return &Apart{host, made}, nil
}

// Close gives the machine's descriptors back. What it opened has to be closed before.
func (a *Apart) Close() {
	a.Host.Close()
	a.mounts.close()
}

// valueInside is mounts.inside for work that has a result.
func valueInside[T any](m mounts, work func() (T, error)) (value T, err error) {
	err = m.inside(func() error {
		value, err = work()
		return err
	})
	return value, err
}

// OpenNetNS implements kernel.Namespaces.
func (a *Apart) OpenNetNS(path string) (kernel.NetNS, error) {
	return valueInside(a.mounts, func() (kernel.NetNS, error) { return a.Host.OpenNetNS(path) })
}

// AddNetNS implements kernel.Namespaces.
func (a *Apart) AddNetNS(path string) error {
	return a.mounts.inside(func() error { return a.Host.AddNetNS(path) })
}

// DeleteNetNS implements kernel.Namespaces.
func (a *Apart) DeleteNetNS(path string) error {
	return a.mounts.inside(func() error { return a.Host.DeleteNetNS(path) })
}

// ReadFile implements kernel.Files.
func (a *Apart) ReadFile(name string) ([]byte, error) {
	return valueInside(a.mounts, func() ([]byte, error) { return a.Host.ReadFile(name) })
}

// ReadDir implements kernel.Files.
func (a *Apart) ReadDir(name string) ([]fs.DirEntry, error) {
	return valueInside(a.mounts, func() ([]fs.DirEntry, error) {
		entries, err := a.Host.ReadDir(name)
		return described(entries), err
	})
}

// described are the entries that are still there, each with what would else be looked up when it is asked for.
func described(entries []fs.DirEntry) (all []fs.DirEntry) {
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			all = append(all, fs.FileInfoToDirEntry(info))
		}
	}
	return all
}

// Stat implements kernel.Files.
func (a *Apart) Stat(name string) (fs.FileInfo, error) {
	return valueInside(a.mounts, func() (fs.FileInfo, error) { return a.Host.Stat(name) })
}

// MkdirAll implements kernel.Files.
func (a *Apart) MkdirAll(name string, perm fs.FileMode) error {
	return a.mounts.inside(func() error { return a.Host.MkdirAll(name, perm) })
}

// WriteFile implements kernel.Files.
func (a *Apart) WriteFile(name string, data []byte, perm fs.FileMode) error {
	return a.mounts.inside(func() error { return a.Host.WriteFile(name, data, perm) })
}

// Link implements kernel.Files.
func (a *Apart) Link(old, name string) error {
	return a.mounts.inside(func() error { return a.Host.Link(old, name) })
}

// Rename implements kernel.Files.
func (a *Apart) Rename(old, name string) error {
	return a.mounts.inside(func() error { return a.Host.Rename(old, name) })
}

// Remove implements kernel.Files.
func (a *Apart) Remove(name string) error {
	return a.mounts.inside(func() error { return a.Host.Remove(name) })
}

// LockFile implements kernel.FileLocks.
func (a *Apart) LockFile(ctx context.Context, name string, wait time.Duration) (unlock func(), err error) {
	return valueInside(a.mounts, func() (func(), error) { return a.Host.LockFile(ctx, name, wait) })
}

// IsSelf implements kernel.Programs.
func (a *Apart) IsSelf(path string) (bool, error) {
	return valueInside(a.mounts, func() (bool, error) { return a.Host.IsSelf(path) })
}
