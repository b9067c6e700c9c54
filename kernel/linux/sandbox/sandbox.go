//go:build linux

package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// marker is the environment variable that tells the program it was started in fresh namespaces: [fresh] until Init has
// furnished them, [furnished] afterwards.
const marker = "CNILAB_SANDBOX"

const (
	fresh     = "fresh"
	furnished = "furnished"
)

// Inside reports whether this process runs in a sandbox that Init has furnished.
func Inside() bool { return os.Getenv(marker) == furnished }

// Init furnishes the sandbox that Run started the process in; in any other process it does nothing. Call it before
// anything else: what was opened before stays as it was outside.
func Init() error {
	if os.Getenv(marker) != fresh {
		return nil
	}
	if err := furnish(); err != nil {
		return err
	}
	return os.Setenv(marker, furnished)
}

// furnish gives the mount namespace folders of its own.
func furnish() error {
	// Else what is mounted here would appear in the mount namespace this one is a copy of.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("sandbox: making the mounts private: %w", err)
	}
	return mountFolders()
}

// ownFolders are those that a sandbox has for itself.
var ownFolders = []string{"/run", "/var/lib"}

// mountFolders makes them, empty but for /run/netns.
func mountFolders() error {
	for _, folder := range ownFolders {
		if err := mountEmpty(folder); err != nil {
			return err
		}
	}
	if err := os.Mkdir("/run/netns", 0o755); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}

// mountEmpty makes what a folder has invisible, by an empty one in memory.
func mountEmpty(folder string) error {
	if err := unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("sandbox: mounting a tmpfs on %s: %w", folder, err)
	}
	return nil
}
