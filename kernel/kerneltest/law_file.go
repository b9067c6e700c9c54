package kerneltest

import (
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// tick is longer than the time between two that file systems can tell apart: 1/HZ, before Linux 6.13.
const tick = 20 * time.Millisecond

// fileLaws are about files.
var fileLaws = []Law{
	{"file/read/absent", "fs/namei.c path_openat", func(e *env) {
		_, err := e.ReadFile(path.Join(e.folder(), "absent"))
		e.refused(err, kernel.ENOENT, "read a file that is not there")
	}},
	{"file/read/folder", "fs/read_write.c generic_read_dir", func(e *env) {
		_, err := e.ReadFile(e.folder())
		e.refused(err, kernel.EISDIR, "read a folder as a file")
	}},
	{"file/read/below-a-file", "fs/namei.c link_path_walk", func(e *env) {
		_, err := e.ReadFile(path.Join(e.file(e.folder(), "plain", ""), "x"))
		e.refused(err, kernel.ENOTDIR, "read a file below a plain file")
	}},
	{"file/write/replaces", "fs/namei.c: open with O_TRUNC", func(e *env) {
		file := e.file(e.folder(), "f", "a long content")
		e.ok(e.WriteFile(file, []byte("short"), 0o644), "write a file that is there")
		equal(e, e.content(file), "short", "what it holds")
	}},
	{"file/write/mode", "fs/namei.c: open with O_CREAT", func(e *env) {
		file := path.Join(e.folder(), "f")
		e.ok(e.WriteFile(file, nil, 0o600), "write a file with mode 600")
		e.ok(e.WriteFile(file, nil, 0o644), "write it again with mode 644")
		equal(e, e.stat(file).Mode(), fs.FileMode(0o600), "its mode: the one it was made with")
	}},
	{"file/write/folder-absent", "fs/namei.c path_openat", func(e *env) {
		e.refused(e.WriteFile(path.Join(e.folder(), "absent", "f"), nil, 0o644), kernel.ENOENT,
			"write a file in a folder that is not there")
	}},
	{"file/write/onto-folder", "fs/namei.c do_open: EISDIR", func(e *env) {
		e.refused(e.WriteFile(e.folder(), nil, 0o644), kernel.EISDIR, "write a folder as a file")
	}},
	{"file/write/below-a-file", "fs/namei.c link_path_walk", func(e *env) {
		e.refused(e.WriteFile(path.Join(e.file(e.folder(), "plain", ""), "x"), nil, 0o644), kernel.ENOTDIR,
			"write a file below a plain file")
	}},
	{"file/name-too-long", "include/linux/limits.h NAME_MAX", func(e *env) {
		folder := e.folder()
		e.ok(e.WriteFile(path.Join(folder, strings.Repeat("x", 255)), nil, 0o644),
			"write a file with a name of 255 bytes")
		e.refused(e.WriteFile(path.Join(folder, strings.Repeat("x", 256)), nil, 0o644), kernel.ENAMETOOLONG,
			"write a file with a name of 256 bytes")
	}},
	{"file/stat", "fs/stat.c vfs_getattr", func(e *env) {
		folder := e.folder()
		info := e.stat(e.file(folder, "f", "seven b"))
		equal(e, []any{info.Name(), info.Size(), info.IsDir()}, []any{"f", int64(7), false},
			"name, size and kind of a file")
		equal(e, e.stat(folder).IsDir(), true, "whether a folder is one")
	}},
	{"file/stat/folder-modified", "fs/libfs.c simple_link, simple_unlink, simple_rename_timestamp", func(e *env) {
		folder := e.folder()
		last := e.stat(folder).ModTime()
		for _, step := range []struct {
			what     string
			modifies bool
			do       func() error
		}{
			{"make a file", true, func() error { return e.WriteFile(path.Join(folder, "f"), nil, 0o644) }},
			{"write it again", false, func() error { return e.WriteFile(path.Join(folder, "f"), []byte("x"), 0o644) }},
			{"link it", true, func() error { return e.Link(path.Join(folder, "f"), path.Join(folder, "g")) }},
			{"make a second one", true, func() error { return e.WriteFile(path.Join(folder, "h"), nil, 0o644) }},
			{"put it in the place of the first", true, func() error { return e.Rename(path.Join(folder, "h"), path.Join(folder, "f")) }},
			{"remove it", true, func() error { return e.Remove(path.Join(folder, "f")) }},
			{"make a folder", true, func() error { return e.MkdirAll(path.Join(folder, "d"), 0o755) }},
			{"make a file in that", false, func() error { return e.WriteFile(path.Join(folder, "d", "f"), nil, 0o644) }},
		} {
			e.ok(e.Sleep(e.ctx, tick), "sleep")
			e.ok(step.do(), "%s", step.what)
			now := e.stat(folder).ModTime()
			equal(e, now.After(last), step.modifies, "whether the folder was modified when told to %s", step.what)
			last = now
		}
	}},
	{"file/stat/absent", "fs/namei.c filename_lookup", func(e *env) {
		folder := e.folder()
		_, err := e.Stat(path.Join(folder, "absent"))
		e.refused(err, kernel.ENOENT, "look at a file that is not there")
		_, err = e.Stat(path.Join(e.file(folder, "plain", ""), "x"))
		e.refused(err, kernel.ENOTDIR, "look at a file below a plain file")
	}},
	{"file/link/whole", "fs/namei.c vfs_link", func(e *env) {
		folder := e.folder()
		e.ok(e.Link(e.file(folder, "old", "content"), path.Join(folder, "new")), "link a file")
		equal(e, e.content(path.Join(folder, "new")), "content", "what the second name holds")
	}},
	{"file/link/same-file", "fs/namei.c vfs_link: one inode", func(e *env) {
		folder := e.folder()
		old, second := e.file(folder, "old", "content"), path.Join(folder, "new")
		e.ok(e.Link(old, second), "link a file")
		e.ok(e.WriteFile(old, []byte("changed"), 0o644), "write it by its first name")
		equal(e, e.content(second), "changed", "what the second name holds")
		e.ok(e.Remove(old), "remove the first name")
		equal(e, e.content(second), "changed", "what the second name holds without the first")
	}},
	{"file/link/taken", "fs/namei.c filename_create", func(e *env) {
		folder := e.folder()
		old, taken := e.file(folder, "old", "mine"), e.file(folder, "taken", "theirs")
		e.refused(e.Link(old, taken), kernel.EEXIST, "link a file to a name that is taken")
		equal(e, e.content(taken), "theirs", "what that name holds after it")
	}},
	{"file/link/absent", "fs/namei.c do_linkat", func(e *env) {
		folder := e.folder()
		e.refused(e.Link(path.Join(folder, "absent"), path.Join(folder, "new")), kernel.ENOENT,
			"link a file that is not there")
		e.refused(e.Link(e.file(folder, "old", ""), path.Join(folder, "absent", "new")), kernel.ENOENT,
			"link a file into a folder that is not there")
	}},
	{"file/link/folder", "fs/namei.c vfs_link: S_ISDIR", func(e *env) {
		folder := e.folder()
		e.refused(e.Link(e.subfolder(folder, "sub"), path.Join(folder, "new")), kernel.EPERM, "link a folder")
	}},
	{"file/rename/replaces", "fs/namei.c vfs_rename", func(e *env) {
		folder := e.folder()
		old, taken := e.file(folder, "old", "new content"), e.file(folder, "taken", "old content")
		e.ok(e.Rename(old, taken), "rename a file to a name that is taken")
		equal(e, e.content(taken), "new content", "what that name holds")
		_, err := e.Stat(old)
		e.refused(err, kernel.ENOENT, "look at the old name")
	}},
	{"file/rename/absent", "fs/namei.c do_renameat2", func(e *env) {
		folder := e.folder()
		e.refused(e.Rename(path.Join(folder, "absent"), path.Join(folder, "new")), kernel.ENOENT,
			"rename a file that is not there")
		e.refused(e.Rename(e.file(folder, "old", ""), path.Join(folder, "absent", "new")), kernel.ENOENT,
			"rename a file into a folder that is not there")
	}},
	{"file/rename/onto-folder", "fs/namei.c may_delete", func(e *env) {
		folder := e.folder()
		e.refused(e.Rename(e.file(folder, "old", ""), e.subfolder(folder, "sub")), kernel.EISDIR,
			"rename a file to a folder's name")
	}},
	{"file/rename/folder-onto-file", "fs/namei.c may_delete", func(e *env) {
		folder := e.folder()
		e.refused(e.Rename(e.subfolder(folder, "sub"), e.file(folder, "f", "")), kernel.ENOTDIR,
			"rename a folder to a file's name")
	}},
	{"file/rename/folder", "fs/namei.c vfs_rename", func(e *env) {
		folder := e.folder()
		e.file(e.subfolder(folder, "sub"), "f", "content")
		e.ok(e.Rename(path.Join(folder, "sub"), path.Join(folder, "new")), "rename a folder")
		equal(e, e.content(path.Join(folder, "new", "f")), "content", "what a file in it holds")
	}},
	{"file/remove", "fs/namei.c vfs_unlink", func(e *env) {
		file := e.file(e.folder(), "f", "")
		e.ok(e.Remove(file), "remove a file")
		e.refused(e.Remove(file), kernel.ENOENT, "remove it again")
	}},
	{"file/remove/below-a-file", "fs/namei.c link_path_walk", func(e *env) {
		e.refused(e.Remove(path.Join(e.file(e.folder(), "plain", ""), "x")), kernel.ENOTDIR,
			"remove a file below a plain file")
	}},
}

// folderLaws are about folders.
var folderLaws = []Law{
	{"folder/list/sorted", "the contract; os.ReadDir", func(e *env) {
		folder := e.folder()
		for _, name := range []string{"c", "a", "b"} {
			e.file(folder, name, "")
		}
		e.subfolder(folder, "ab")
		entries, err := e.ReadDir(folder)
		e.ok(err, "list a folder")
		got := []string{}
		for _, entry := range entries {
			got = append(got, fs.FormatDirEntry(entry))
		}
		equal(e, got, []string{"- a", "d ab/", "- b", "- c"}, "entries of a folder")
	}},
	{"folder/list/absent", "fs/namei.c path_openat", func(e *env) {
		_, err := e.ReadDir(path.Join(e.folder(), "absent"))
		e.refused(err, kernel.ENOENT, "list a folder that is not there")
	}},
	{"folder/list/plain-file", "fs/readdir.c iterate_dir: ENOTDIR", func(e *env) {
		_, err := e.ReadDir(e.file(e.folder(), "plain", ""))
		e.refused(err, kernel.ENOTDIR, "list a plain file")
	}},
	{"folder/make/with-parents", "the contract; os.MkdirAll", func(e *env) {
		deep := path.Join(e.folder(), "a", "b", "c")
		for range 2 {
			e.ok(e.MkdirAll(deep, 0o755), "make a folder, the ones above it too, or find them there")
		}
		equal(e, e.stat(deep).IsDir(), true, "whether a folder is there")
	}},
	{"folder/make/file-in-the-way", "fs/namei.c link_path_walk", func(e *env) {
		plain := e.file(e.folder(), "plain", "")
		e.refused(e.MkdirAll(path.Join(plain, "sub"), 0o755), kernel.ENOTDIR, "make a folder below a plain file")
		e.refused(e.MkdirAll(plain, 0o755), kernel.ENOTDIR, "make a folder where a plain file is")
	}},
	{"folder/remove/empty", "fs/namei.c vfs_rmdir", func(e *env) {
		sub := e.subfolder(e.folder(), "sub")
		e.ok(e.Remove(sub), "remove an empty folder")
		_, err := e.Stat(sub)
		e.refused(err, kernel.ENOENT, "look at it")
	}},
	{"folder/remove/not-empty", "fs/namei.c vfs_rmdir", func(e *env) {
		sub := e.subfolder(e.folder(), "sub")
		e.file(sub, "f", "")
		e.refused(e.Remove(sub), kernel.ENOTEMPTY, "remove a folder with a file in it")
	}},
	{"folder/rename/onto-not-empty", "fs/libfs.c simple_rename: ENOTEMPTY", func(e *env) {
		folder := e.folder()
		full := e.subfolder(folder, "full")
		e.file(full, "f", "")
		e.refused(e.Rename(e.subfolder(folder, "sub"), full), kernel.ENOTEMPTY,
			"rename a folder to the name of one with a file in it")
	}},
}

func (e *env) stat(name string) fs.FileInfo {
	info, err := e.Stat(name)
	e.ok(err, "look at %s", name)
	return info
}

// subfolder makes a folder in a folder and returns its name.
func (e *env) subfolder(folder, name string) string {
	sub := path.Join(folder, name)
	e.ok(e.MkdirAll(sub, 0o755), "make the folder %s", sub)
	return sub
}
