package sim

import (
	"io/fs"
	"path"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// maxFileName is NAME_MAX.
const maxFileName = 255

// newTree makes the folders that every machine has. /var/run is /run under another name.
func (m *machine) newTree() {
	m.root = m.world.newFolder(0o755)
	for _, dir := range []string{kernel.NetNSDir, "/etc", "/opt", "/tmp", "/var/lib", "/var/log"} {
		m.mkdirAll(dir, 0o755)
	}
	m.root.folder["var"].folder["run"] = m.root.folder["run"]
}

// newProc makes the files below /proc that name the machine's first namespace: every process that is simulated runs in
// it.
func (m *machine) newProc() {
	for _, dir := range []string{"/proc/1/ns", "/proc/self/ns", "/proc/thread-self/ns"} {
		m.mkdirAll(dir, 0o555)
		folder, _ := m.walk(dir)
		folder.folder["net"] = m.world.newNamespaceFile(m.self)
	}
}

// walk finds the inode of a name. (fs/namei.c: path_lookupat; root is never refused permission.)
func (m *machine) walk(name string) (*inode, *refusal) {
	if !path.IsAbs(name) {
		return nil, refuse(kernel.ENOENT) // the host has no working folder
	}
	n := m.root
	for _, part := range elements(name) {
		if n.folder == nil {
			return nil, refuse(kernel.ENOTDIR)
		}
		if len(part) > maxFileName {
			return nil, refuse(kernel.ENAMETOOLONG)
		}
		if n = n.folder[part]; n == nil {
			return nil, refuse(kernel.ENOENT)
		}
	}
	if n.folder == nil && strings.HasSuffix(name, "/") {
		return nil, refuse(kernel.ENOTDIR)
	}
	return n, nil
}

func elements(name string) []string {
	return strings.FieldsFunc(path.Clean(name), func(r rune) bool { return r == '/' })
}

// An entry is a name in a folder, whether it is taken or not.
type entry struct {
	folder *inode
	name   string
	inode  *inode // nil: the name is free
	world  *World
}

// entry finds the folder and the last element of a name. The root is no entry: EBUSY.
func (m *machine) entry(name string) (entry, *refusal) {
	dir, base := path.Split(path.Clean(name))
	if base == "" {
		return entry{}, refuse(kernel.EBUSY)
	}
	folder, r := m.walk(dir)
	switch {
	case r != nil:
		return entry{}, r
	case folder.folder == nil:
		return entry{}, refuse(kernel.ENOTDIR)
	case len(base) > maxFileName:
		return entry{}, refuse(kernel.ENAMETOOLONG)
	}
	return entry{folder: folder, name: base, inode: folder.folder[base], world: m.world}, nil
}

// set makes the entry's name that of n.
func (e entry) set(n *inode) {
	e.folder.folder[e.name] = n
	e.folder.modified = e.world.touch()
}

// clear frees the entry's name.
func (e entry) clear() {
	delete(e.folder.folder, e.name)
	e.folder.modified = e.world.touch()
}

// mkdirAll is mkdir -p.
func (m *machine) mkdirAll(name string, perm fs.FileMode) *refusal {
	if !path.IsAbs(name) {
		return refuse(kernel.ENOENT)
	}
	n := m.root
	for _, part := range elements(name) {
		if len(part) > maxFileName {
			return refuse(kernel.ENAMETOOLONG)
		}
		next := n.folder[part]
		if next == nil {
			next = m.world.newFolder(perm)
			n.folder[part], n.modified = next, m.world.touch()
		}
		if next.folder == nil {
			return refuse(kernel.ENOTDIR)
		}
		n = next
	}
	return nil
}

// create opens a file for writing, making it where it is not there. (open(2) with O_CREAT.)
func (m *machine) create(name string, perm fs.FileMode) (*inode, *refusal) {
	e, r := m.entry(name)
	if r != nil {
		if r.errno == kernel.EBUSY {
			return nil, refuse(kernel.EISDIR)
		}
		return nil, r
	}
	if e.inode == nil {
		e.inode = m.world.newFile(perm)
		e.set(e.inode)
	}
	if e.inode.folder != nil {
		return nil, refuse(kernel.EISDIR)
	}
	return e.inode, nil
}

// link is link(2).
func (m *machine) link(old, name string) *refusal {
	n, r := m.walk(old)
	if r != nil {
		return r
	}
	e, r := m.entry(name)
	switch {
	case r != nil && r.errno == kernel.EBUSY, r == nil && e.inode != nil:
		return refuse(kernel.EEXIST) // filename_create comes before the look at the old name's kind
	case r != nil:
		return r
	case n.ns != nil:
		return refuse(kernel.EXDEV) // do_linkat: nsfs is another mount
	case n.folder != nil:
		return refuse(kernel.EPERM) // vfs_link: S_ISDIR
	}
	e.set(n)
	return nil
}

// rename is rename(2).
func (m *machine) rename(old, name string) *refusal {
	from, r := m.entry(old)
	if r != nil {
		return r
	}
	to, r := m.entry(name)
	if r != nil {
		return r
	}
	if r := from.checkRename(to); r != nil {
		return r
	}
	if from.inode != to.inode {
		from.clear()
		to.set(from.inode)
	}
	return nil
}

// checkRename is what do_renameat2, vfs_rename and may_delete look at.
func (e entry) checkRename(to entry) *refusal {
	switch {
	case e.inode == nil:
		return refuse(kernel.ENOENT)
	case e.inode.folder != nil && e.inode.contains(to.folder):
		return refuse(kernel.EINVAL) // a folder into itself
	case e.inode.mount || to.inode != nil && to.inode.mount:
		return refuse(kernel.EBUSY) // is_local_mountpoint
	case e.inode.ns != nil || to.inode != nil && to.inode.ns != nil:
		return refuse(kernel.EPERM) // procfs has no rename
	case to.inode == nil || to.inode == e.inode:
		return nil
	case e.inode.folder != nil && to.inode.folder == nil:
		return refuse(kernel.ENOTDIR)
	case e.inode.folder == nil && to.inode.folder != nil:
		return refuse(kernel.EISDIR)
	case len(to.inode.folder) > 0:
		return refuse(kernel.ENOTEMPTY)
	}
	return nil
}

// contains reports whether other is n or below it.
func (n *inode) contains(other *inode) bool {
	if n == other {
		return true
	}
	for _, child := range n.folder {
		if child.contains(other) {
			return true
		}
	}
	return false
}

// remove is unlink(2) and rmdir(2).
func (m *machine) remove(name string) *refusal {
	e, r := m.entry(name)
	switch {
	case r != nil:
		return r
	case e.inode == nil:
		return refuse(kernel.ENOENT)
	case e.inode.mount:
		return refuse(kernel.EBUSY) // is_local_mountpoint
	case e.inode.ns != nil:
		return refuse(kernel.EPERM) // procfs has no unlink
	case len(e.inode.folder) > 0:
		return refuse(kernel.ENOTEMPTY)
	}
	e.clear()
	return nil
}
