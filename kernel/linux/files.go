//go:build linux

package linux

import (
	"cmp"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"

	"golang.org/x/sys/unix"
)

// files is the file system as the process sees it.
type files struct{}

// ReadFile implements kernel.Files.
func (files) ReadFile(name string) ([]byte, error) {
	data, err := readFile(name)
	return data, fail("file read", "", name, err)
}

// readFile does without an os.File, which asks whether the file can be waited for: with four system calls more.
func readFile(name string) ([]byte, error) {
	fd, err := retry(func() (int, error) { return unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	content := make([]byte, 0, 512) // most are in /proc, and shorter; those have no size
	for {
		n, err := retry(func() (int, error) { return unix.Read(fd, content[len(content):cap(content)]) })
		if n <= 0 || err != nil {
			return content, err
		}
		content = content[:len(content)+n]
		if len(content) == cap(content) {
			content = slices.Grow(content, max(len(content), sizeOf(fd)-len(content)+512))
		}
	}
}

// sizeOf is that of a file as far as it is known; 0 where it is not.
func sizeOf(fd int) int {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return int(st.Size)
}

// ReadDir implements kernel.Files.
func (files) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := readDir(name)
	return entries, fail("folder read", "", name, err)
}

// readDir is os.ReadDir but for the way of sorting, of which that brings along one of its own.
func readDir(name string) ([]fs.DirEntry, error) {
	folder, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	entries, err := folder.ReadDir(-1)
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	return entries, err
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
	return fail("file write", "", name, writeFile(name, data, perm))
}

// writeFile does without an os.File, as readFile does.
func writeFile(name string, data []byte, perm fs.FileMode) error {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | unix.O_CLOEXEC
	fd, err := retry(func() (int, error) { return unix.Open(name, flags, uint32(perm.Perm())) })
	if err != nil {
		return err
	}
	for len(data) > 0 && err == nil {
		var n int
		n, err = retry(func() (int, error) { return unix.Write(fd, data) })
		if n == 0 && err == nil {
			err = io.ErrShortWrite
		}
		data = data[max(n, 0):]
	}
	return cmp.Or(err, unix.Close(fd))
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
	err := unix.Unlink(name)
	if err == unix.EISDIR { // may_delete, fs/namei.c
		err = unix.Rmdir(name)
	}
	return fail("file remove", "", name, err)
}
