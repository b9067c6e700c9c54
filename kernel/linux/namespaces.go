//go:build linux

package linux

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// hostName is the label of the namespace that Self opens.
const hostName = "host"

// Self implements kernel.Namespaces.
func (h *Host) Self() (kernel.NetNS, error) {
	file, err := h.self.dup()
	if err != nil {
		return nil, fail("netns open", "", hostName, err)
	}
	return h.open(hostName, hostName, file)
}

// OpenNetNS implements kernel.Namespaces.
func (h *Host) OpenNetNS(path string) (kernel.NetNS, error) {
	file, err := openNSFile(path)
	if err != nil {
		return nil, fail("netns open", "", path, err)
	}
	return h.open(filepath.Base(path), path, file)
}

// open makes a handle that owns file.
func (h *Host) open(name, object string, file nsFile) (kernel.NetNS, error) {
	ns, err := newNetNS(h.home, name, file)
	if err != nil {
		file.close()
		return nil, fail("netns open", "", object, err)
	}
	return ns, nil
}

// AddNetNS implements kernel.Namespaces. Unlike ip-netns(8) it leaves the folder's own mount as it is.
func (h *Host) AddNetNS(path string) error {
	return fail("netns add", "", path, h.addNetNS(path))
}

func (h *Host) addNetNS(path string) error {
	// The mode is that of ip-netns(8): nobody is to write into the file under the mount.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	unix.Close(fd)
	if err := bindNewNamespace(h.home, path); err != nil {
		unix.Unlink(path)
		return err
	}
	return nil
}

// bindNewNamespace makes a namespace that lives as long as the mount on the file at path.
func bindNewNamespace(home nsFile, path string) error {
	return onOwnThread(home, func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		return unix.Mount(threadNetNS, path, "", unix.MS_BIND, "")
	})
}

// DeleteNetNS implements kernel.Namespaces. What is no network namespace stays untouched.
func (h *Host) DeleteNetNS(path string) error {
	return fail("netns delete", "", path, deleteNetNS(path))
}

func deleteNetNS(path string) error {
	file, err := openNSFile(path)
	if err != nil {
		return err
	}
	file.close()
	if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return err
	}
	return unix.Unlink(path)
}
