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
