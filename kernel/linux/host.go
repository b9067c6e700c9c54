//go:build linux

package linux

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// A Host is the machine the process runs on. It implements kernel.Host.
type Host struct {
	clock
	files
	home nsFile // the process's own namespace, to which its threads go back
	self nsFile // what Self opens
}

var _ kernel.Host = (*Host)(nil)

// New returns the machine as the process sees it: Self is the process's own network namespace. The caller closes it
// after the last NetNS that it gave out.
func New() (*Host, error) {
	return newHost(nsFile.dup)
}

// NewIn returns the machine as a process in the network namespace bound at path would see it: Self is that namespace,
// and Exec runs programs in it. The errors are those of OpenNetNS.
func NewIn(path string) (*Host, error) {
	return newHost(func(nsFile) (nsFile, error) { return openNSFile(path) })
}

// NewIsolated returns the machine with a new network namespace for Self, in which there is nothing but a loopback
// device that is down. The namespace ends with the Host, and with what was opened through it. EPERM where the caller
// may not make namespaces.
func NewIsolated() (*Host, error) {
	return newHost(newNamespace)
}

// NewApart returns a second machine on the same kernel. Self is a new network namespace, as that of NewIsolated, and
// paths are looked up in a new mount namespace: by the methods of the Host, and by the programs that Exec and the NetNS
// run. That begins as a copy of the process's, and furnish is called in it, to mount what the machine is to have for itself.
// Nothing that is mounted there is seen elsewhere, and all of it ends with the Host, namespaces that are bound there
// included. What the copy has of bindings made before does not keep their namespaces alive when these are deleted: with
// the file of a mount go its copies (vfs_unlink, fs/namei.c: detach_mounts).
//
// EPERM where the caller may not make namespaces; or the error of furnish.
func NewApart(furnish func() error) (*Host, error) {
	h, err := NewIsolated()
	if err != nil {
		return nil, err
	}
	made, err := newMounts(furnish)
	if err != nil {
		h.Close()
		return nil, fail("mount namespace add", "", hostName, err)
	}
	h.home.enterable, h.home.mounts = false, made
	h.mounts = made
	return h, nil
}

// newHost makes a Host whose Self is what open returns, given the process's own namespace.
func newHost(open func(home nsFile) (nsFile, error)) (*Host, error) {
	home, err := openNSFile(threadNetNS)
	if err != nil {
		return nil, fail("netns open", "", threadNetNS, err)
	}
	home.enterable = home.enter() == nil
	self, err := open(home)
	if err != nil {
		home.close()
		return nil, fail("netns open", "", hostName, err)
	}
	return &Host{home: home, self: self}, nil
}

// newNamespace makes a network namespace that only the returned descriptor holds.
func newNamespace(home nsFile) (made nsFile, err error) {
	err = onOwnThread(home, func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		made, err = openNSFile(threadNetNS)
		return err
	})
	return made, err
}

// Close gives the Host's descriptors back. What it opened has to be closed before.
func (h *Host) Close() {
	h.self.close()
	h.home.close()
	h.mounts.close()
}

// BootID implements kernel.Host.
func (h *Host) BootID() (string, error) {
	const path = "/proc/sys/kernel/random/boot_id"
	id, err := readFile(path)
	if err != nil {
		return "", fail("boot id", "", path, err)
	}
	return strings.TrimSpace(string(id)), nil
}
