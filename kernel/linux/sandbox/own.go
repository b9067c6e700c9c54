//go:build linux

package sandbox

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Own gives the mount namespace of the calling thread, a sandbox's or that of another machine in it, an empty folder of
// its own, whether the machine outside has one of the name or not. The folder above has to be there; all else in it stays,
// but may be seen by way of symbolic links.
func Own(folder string) error {
	if !Inside() {
		return fmt.Errorf("sandbox: %s would be hidden from the machine itself", folder)
	}
	if info, err := os.Lstat(folder); err == nil && info.IsDir() {
		return mountEmpty(folder)
	}
	if err := rebuild(filepath.Dir(folder), filepath.Base(folder)); err != nil {
		return fmt.Errorf("sandbox: making %s: %w", folder, err)
	}
	return nil
}

// rebuild makes a folder one in memory, which has all that it had, and an empty folder named name.
func rebuild(folder, name string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, folder, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	aside := ".outside" // where the folder has what it had, and may have had before
	for exists(filepath.Join(folder, aside)) {
		aside += "-again"
	}
	if err := mountEmpty(folder); err != nil {
		return err
	}
	if err := share(tree, filepath.Join(folder, aside)); err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == name {
			continue // it is no folder
		}
		if err := os.Symlink(filepath.Join(aside, entry.Name()), filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return os.Mkdir(filepath.Join(folder, name), 0o755)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
