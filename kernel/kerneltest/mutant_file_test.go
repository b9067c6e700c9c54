package kerneltest

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func fileMutants() []mutant {
	return []mutant{
		{"file/read/absent", "takes it for empty", swallow(intercept.FileRead, kernel.ENOENT)},
		{"file/read/folder", "says EINVAL", confuse(intercept.FileRead, kernel.EISDIR, kernel.EINVAL)},
		{"file/read/below-a-file", "says ENOENT", confuse(intercept.FileRead, kernel.ENOTDIR, kernel.ENOENT)},
		{"file/write/replaces", "writes over the beginning", twist{WriteFile: overwrite}},
		{"file/write/mode", "changes the mode of a file that is there", twist{WriteFile: rewrite}},
		{"file/write/folder-absent", "makes the folder", twist{
			WriteFile: func(h kernel.Host, name string, data []byte, perm fs.FileMode) error {
				return errors.Join(h.MkdirAll(path.Dir(name), 0o755), h.WriteFile(name, data, perm))
			},
		}},
		{"file/write/onto-folder", "says EEXIST", confuse(intercept.FileWrite, kernel.EISDIR, kernel.EEXIST)},
		{"file/write/below-a-file", "says ENOENT", confuse(intercept.FileWrite, kernel.ENOTDIR, kernel.ENOENT)},
		{"file/name-too-long", "takes any name", swallow(intercept.FileWrite, kernel.ENAMETOOLONG)},
		{"file/stat", "takes a file for a folder", twist{Stat: func(h kernel.Host, name string) (fs.FileInfo, error) {
			return h.Stat(path.Dir(name))
		}}},
		{"file/stat/folder-modified", "has folders never modified", twist{
			Stat: func(h kernel.Host, name string) (fs.FileInfo, error) {
				info, err := h.Stat(name)
				if err != nil || !info.IsDir() {
					return info, err
				}
				return unmodified{info}, nil
			},
		}},
		{"file/stat/absent", "says ENOENT below a file", confuse(intercept.FileStat, kernel.ENOTDIR, kernel.ENOENT)},
		{"file/link/whole", "makes an empty file", twist{Link: func(h kernel.Host, _, name string) error {
			return h.WriteFile(name, nil, 0o644)
		}}},
		{"file/link/same-file", "copies", twist{Link: func(h kernel.Host, old, name string) error {
			data, err := h.ReadFile(old)
			return errors.Join(err, h.WriteFile(name, data, 0o644))
		}}},
		{"file/link/taken", "replaces", twist{Link: func(h kernel.Host, old, name string) error {
			return errors.Join(ignoring(kernel.ENOENT, h.Remove(name)), h.Link(old, name))
		}}},
		{"file/link/absent", "makes the folder", twist{Link: func(h kernel.Host, old, name string) error {
			return errors.Join(h.MkdirAll(path.Dir(name), 0o755), h.Link(old, name))
		}}},
		{"file/link/folder", "says EISDIR", confuse(intercept.FileLink, kernel.EPERM, kernel.EISDIR)},
		{"file/rename/replaces", "replaces nothing", twist{Rename: func(h kernel.Host, old, name string) error {
			return errors.Join(h.Link(old, name), h.Remove(old))
		}}},
		{"file/rename/absent", "says nothing", swallow(intercept.FileRename, kernel.ENOENT)},
		{"file/rename/onto-folder", "replaces an empty folder by a file", twist{Rename: removeFirst}},
		{"file/rename/folder-onto-file", "replaces a file by a folder", twist{Rename: removeFirst}},
		{"file/rename/folder", "renames only files", twist{Rename: func(h kernel.Host, old, name string) error {
			info, err := h.Stat(old)
			if err == nil && info.IsDir() {
				return &kernel.Error{Op: "file rename", Errno: kernel.EISDIR}
			}
			return h.Rename(old, name)
		}}},
		{"file/remove", "says nothing the second time", swallow(intercept.FileRemove, kernel.ENOENT)},
		{"file/remove/below-a-file", "says ENOENT", confuse(intercept.FileRemove, kernel.ENOTDIR, kernel.ENOENT)},
	}
}

// overwrite leaves what the file held beyond the new content.
func overwrite(h kernel.Host, name string, data []byte, perm fs.FileMode) error {
	old, err := h.ReadFile(name)
	if err == nil && len(old) > len(data) {
		data = slices.Concat(data, old[len(data):])
	}
	return h.WriteFile(name, data, perm)
}

// rewrite makes a new file each time.
func rewrite(h kernel.Host, name string, data []byte, perm fs.FileMode) error {
	return errors.Join(ignoring(kernel.ENOENT, h.Remove(name)), h.WriteFile(name, data, perm))
}

// removeFirst removes what has the new name before it renames.
func removeFirst(h kernel.Host, old, name string) error {
	return errors.Join(ignoring(kernel.ENOENT, h.Remove(name)), h.Rename(old, name))
}

func folderMutants() []mutant {
	return []mutant{
		{
			"folder/list/sorted", "lists entries in no order",
			twist{ReadDir: func(h kernel.Host, name string) ([]fs.DirEntry, error) {
				entries, err := h.ReadDir(name)
				slices.Reverse(entries)
				return entries, err
			}},
		},
		{"folder/list/absent", "takes it for empty", swallow(intercept.FolderRead, kernel.ENOENT)},
		{"folder/list/plain-file", "takes it for empty", swallow(intercept.FolderRead, kernel.ENOTDIR)},
		{
			"folder/make/with-parents", "refuses a folder that is there",
			twist{MkdirAll: func(h kernel.Host, name string, perm fs.FileMode) error {
				if _, err := h.Stat(name); err == nil {
					return &kernel.Error{Op: "folder make", Errno: kernel.EEXIST}
				}
				return h.MkdirAll(name, perm)
			}},
		},
		{"folder/make/file-in-the-way", "says EEXIST", confuse(intercept.FolderMake, kernel.ENOTDIR, kernel.EEXIST)},
		{"folder/remove/empty", "removes files only", twist{Remove: func(h kernel.Host, name string) error {
			if info, err := h.Stat(name); err == nil && info.IsDir() {
				return &kernel.Error{Op: "file remove", Errno: kernel.EISDIR}
			}
			return h.Remove(name)
		}}},
		{"folder/remove/not-empty", "removes all that is in it", twist{Remove: func(h kernel.Host, name string) error {
			if entries, err := h.ReadDir(name); err == nil {
				for _, entry := range entries {
					_ = h.Remove(path.Join(name, entry.Name()))
				}
			}
			return h.Remove(name)
		}}},
		{"folder/rename/onto-not-empty", "says EEXIST", confuse(intercept.FileRename, kernel.ENOTEMPTY, kernel.EEXIST)},
	}
}

// unmodified is a file that was never modified.
type unmodified struct{ fs.FileInfo }

func (unmodified) ModTime() time.Time { return time.Time{} }
