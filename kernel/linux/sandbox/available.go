//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Available says in one line why this process cannot have a sandbox, and nil where it can. It makes one, in which
// nothing runs.
func Available() error {
	attr := namespaces()
	attr.Chroot = "/" // needs a capability that a restricted user namespace does not give
	_, err := syscall.ForkExec("/proc/self/no such program", nil, &syscall.ProcAttr{Sys: attr})
	if err == unix.ENOENT {
		return nil // all but the program was there
	}
	return reason(err)
}

// reason says what to do about a sandbox that could not be made.
func reason(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("no namespaces for uid %d: %s: %w", os.Getuid(), whoForbids(), err)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return fmt.Errorf("no more namespaces: raise /proc/sys/user/max_{user,net,mnt}_namespaces: %w", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("this kernel lacks network or user namespaces (CONFIG_NET_NS, CONFIG_USER_NS): %w", err)
	}
	return err
}

// whoForbids names the setting that forbids user namespaces to ordinary users. Each is of some distributions only.
func whoForbids() string {
	for _, sysctl := range []struct{ path, forbids string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"},
	} {
		value, err := os.ReadFile(sysctl.path)
		if err == nil && strings.TrimSpace(string(value)) == sysctl.forbids {
			return fmt.Sprintf("%s is %s; be root, or change it", sysctl.path, sysctl.forbids)
		}
	}
	return "a container's seccomp filter or a security module forbids them; be root, with CAP_SYS_ADMIN"
}
