//go:build linux

package uml

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// fresh are the mounts that every machine makes when it boots, in this order. They cover what the machine outside has
// there.
var fresh = []struct{ kind, at, options string }{
	{"proc", "/proc", ""},
	{"sysfs", "/sys", ""},
	{"devtmpfs", "/dev", "mode=755"},
	{"devpts", "/dev/pts", "ptmxmode=666"},
	{"tmpfs", "/dev/shm", "mode=1777"},
	{"tmpfs", "/tmp", "mode=1777"},
	{"tmpfs", "/run", "mode=755"},
}

// furnish makes the mounts, and returns the folder that the two sides share.
func furnish(outer string) (folder, error) {
	for _, m := range fresh {
		if err := mountFresh(m.kind, m.at, m.options); err != nil {
			return "", err
		}
	}
	return takeFolder(outer)
}

func mountFresh(kind, at, options string) error {
	// Those of the root are there on every machine; others are in a mount of ours.
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(kind, at, kind, unix.MS_NOSUID, options); err != nil {
		return fmt.Errorf("mount %s on %s: %w", kind, at, err)
	}
	return nil
}

// takeFolder opens a folder of the machine outside for this process alone: no path leads to it.
func takeFolder(outer string) (folder, error) {
	const at = "/run/uml"
	if err := mountHost(outer, at, 0); err != nil {
		return "", err
	}
	fd, err := unix.Open(at, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", at, err)
	}
	if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
		return "", fmt.Errorf("unmount %s: %w", at, err)
	}
	return folder(fmt.Sprintf("/proc/self/fd/%d", fd)), os.Remove(at)
}

// mountHost mounts a folder of the machine outside.
func mountHost(outer, at string, flags uintptr) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("none", at, "hostfs", flags, outer); err != nil {
		return fmt.Errorf("mount %s of the machine outside on %s: %w", outer, at, err)
	}
	return nil
}

// show makes a folder of the machine outside visible where it is covered.
func show(folder string) error {
	for _, m := range fresh {
		if strings.HasPrefix(folder, m.at+"/") {
			return mountHost(folder, folder, unix.MS_RDONLY)
		}
	}
	return nil
}
