//go:build linux

package linux

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// files is the file system as the process sees it.
type files struct{}

// ReadFile implements kernel.Files.
func (files) ReadFile(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	return data, fail("file read", "", name, err)
}

// ReadDir implements kernel.Files.
func (files) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(name)
	return entries, fail("folder read", "", name, err)
}

// Stat implements kernel.Files.
func (files) Stat(name string) (fs.FileInfo, error) {
	info, err := os.Stat(name)
	return info, fail("file stat", "", name, err)
}

// MkdirAll implements kernel.Files.
func (files) MkdirAll(name string, perm fs.FileMode) error {
	return fail("folder make", "", name, os.MkdirAll(name, perm))
}

// WriteFile implements kernel.Files.
func (files) WriteFile(name string, data []byte, perm fs.FileMode) error {
	return fail("file write", "", name, os.WriteFile(name, data, perm))
}

// Link implements kernel.Files.
func (files) Link(old, name string) error {
	return fail("file link", "", old+" to "+name, os.Link(old, name))
}

// Rename implements kernel.Files. It is rename(2) itself: os.Rename looks first, and says EEXIST for EISDIR.
func (files) Rename(old, name string) error {
	return fail("file rename", "", old+" to "+name, unix.Rename(old, name))
}

// Remove implements kernel.Files.
func (files) Remove(name string) error {
	return fail("file remove", "", name, os.Remove(name))
}
