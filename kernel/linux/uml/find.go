//go:build linux

package uml

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// PathVariable is the environment variable with the path of the kernel; without it, linux.uml is looked up in PATH.
const PathVariable = "CNILAB_UML"

// A Kernel is a User Mode Linux on this machine.
type Kernel struct {
	Path    string // of the program, without symbolic links
	Release string // as uname -r says inside: "6.1.176"
}

// Find returns the kernel that Run boots, and otherwise says in one line what to do about it.
func Find() (Kernel, error) {
	path, err := exec.LookPath(kernelName())
	if err != nil {
		return Kernel{}, fmt.Errorf("no User Mode Linux: install Debian's package user-mode-linux, or set %s: %w", PathVariable, err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return Kernel{}, err
	}
	release, err := releaseOf(path)
	return Kernel{Path: path, Release: release}, err
}

func kernelName() string {
	if path := os.Getenv(PathVariable); path != "" {
		return path
	}
	return "linux.uml"
}

func releaseOf(path string) (string, error) {
	cmd := exec.Command(path, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	release := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	if release == "" || strings.ContainsAny(release, " \n") {
		return "", fmt.Errorf("%s --version does not tell a kernel's release, but %q", path, release)
	}
	return release, nil
}

// modules returns the folder of the kernel's modules; Debian has them beside the program, below lib/uml.
func (k Kernel) modules() string {
	return filepath.Join(filepath.Dir(k.Path), "../lib/uml/modules", k.Release)
}

// Available says in one line why Run cannot boot a kernel here, and nil where it probably can: it does not try.
func Available() error {
	_, err := Find()
	if err != nil {
		return err
	}
	_, err = memoryFolder()
	return err
}

// memoryFolder returns a folder for the kernel's memory, which is a file that gets mapped for execution
// (arch/um/os-Linux/mem.c check_tmpexec). One in memory is several times faster.
func memoryFolder() (string, error) {
	var why []error
	for _, folder := range []string{"/dev/shm", os.TempDir()} {
		err := holdsMemory(folder)
		if err == nil {
			return folder, nil
		}
		why = append(why, err)
	}
	return "", fmt.Errorf("no folder for the memory of a kernel: set TMPDIR to one: %w", errors.Join(why...))
}

func holdsMemory(folder string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	if err := unix.Access(folder, unix.W_OK); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	if fs.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("%s is mounted noexec", folder)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < memory<<20 {
		return fmt.Errorf("%s has %d MiB free, fewer than %d", folder, free>>20, memory)
	}
	return nil
}
