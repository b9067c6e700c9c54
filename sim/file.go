package sim

import (
	"io/fs"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// An inode is a file or a folder of a machine's file system.
type inode struct {
	folder   map[string]*inode // nil for a file
	data     []byte
	perm     fs.FileMode
	modified time.Duration // since the start of the world; of a folder, when a name in it was last made or taken away
	lock     *advisoryLock
	ns       *namespace     // the network namespace that this is the file of
	mount    bool           // it is bound here, and the name goes by DeleteNetNS only
	program  kernel.Program // what happens when it is executed
}

func (w *World) newFile(perm fs.FileMode) *inode {
	return &inode{perm: perm.Perm(), modified: w.touch(), lock: &advisoryLock{}}
}

// touch returns the time of a change to a file: now, but later than any before. (Linux has that, since 6.13, for a file at
// whose times somebody has looked since its last change: fs/inode.c inode_set_ctime_current, Documentation/filesystems/
// multigrain-ts.rst.)
func (w *World) touch() time.Duration {
	w.touched = max(w.touched+1, w.clock.elapsed())
	return w.touched
}

// newNamespaceFile makes the file of a namespace, on which its advisory lock is.
func (w *World) newNamespaceFile(ns *namespace) *inode {
	f := w.newFile(0o444)
	f.ns, f.lock = ns, &ns.lock
	return f
}

func (w *World) newFolder(perm fs.FileMode) *inode {
	f := w.newFile(perm)
	f.folder = map[string]*inode{}
	return f
}

// A fileInfo describes an inode under one of its names, as stat(2) does. It implements fs.FileInfo and fs.DirEntry.
type fileInfo struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
}

func (n *inode) info(name string) fileInfo {
	i := fileInfo{name: name, size: int64(len(n.data)), mode: n.perm, modified: Epoch.Add(n.modified)}
	if n.folder != nil {
		i.mode |= fs.ModeDir
	}
	return i
}

func (i fileInfo) Name() string               { return i.name }
func (i fileInfo) Size() int64                { return i.size }
func (i fileInfo) Mode() fs.FileMode          { return i.mode }
func (i fileInfo) ModTime() time.Time         { return i.modified }
func (i fileInfo) IsDir() bool                { return i.mode.IsDir() }
func (i fileInfo) Sys() any                   { return nil }
func (i fileInfo) Type() fs.FileMode          { return i.mode.Type() }
func (i fileInfo) Info() (fs.FileInfo, error) { return i, nil }
