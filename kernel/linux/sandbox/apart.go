//go:build linux

package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Apart makes the mount namespace of the calling thread, a copy of a sandbox's, that of another machine: with folders of
// its own, empty as a sandbox's are at first, except that it shares some folders below them. It is what linux.NewApart
// takes.
func Apart(shared ...string) error {
	if !Inside() {
		return fmt.Errorf("sandbox: another machine can be made in a sandbox only")
	}
	kept := map[string]int{}
	for _, folder := range shared {
		fd, err := unix.OpenTree(unix.AT_FDCWD, folder, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("sandbox: sharing %s: %w", folder, err)
		}
		defer unix.Close(fd)
		kept[folder] = fd
	}
	if err := mountFolders(); err != nil {
		return err
	}
	for folder, fd := range kept {
		if err := share(fd, folder); err != nil {
			return fmt.Errorf("sandbox: sharing %s: %w", folder, err)
		}
	}
	return nil
}

// share mounts a tree at a folder that it makes.
func share(tree int, at string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	return unix.MoveMount(tree, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
}
