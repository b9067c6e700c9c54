//go:build linux

package linux

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// sysctlRoot shows each thread the settings of its own network namespace.
const sysctlRoot = "/proc/sys/"

// Sysctl implements kernel.Sysctls.
func (ns *NetNS) Sysctl(key string) (string, error) {
	var value []byte
	err := ns.atSysctl(key, func(path string) (err error) {
		value, err = readShort(path)
		return err
	})
	return strings.TrimSuffix(string(value), "\n"), ns.fail("sysctl get", key, err)
}

// SetSysctl implements kernel.Sysctls.
func (ns *NetNS) SetSysctl(key, value string) error {
	err := ns.atSysctl(key, func(path string) error { return writeOnce(path, value) })
	return ns.fail("sysctl set", key+"="+value, err)
}

// atSysctl runs access inside the namespace with the path of the key.
func (ns *NetNS) atSysctl(key string, access func(path string) error) error {
	if !kernel.ValidSysctl(key) {
		return because(unix.EINVAL, "no path below "+sysctlRoot)
	}
	return ns.inside(func() error { return access(sysctlRoot + key) })
}

// readShort reads a short file of the kernel's. os.ReadFile would ask for its size, whether it can be waited for, and once more
// for what comes after the end: with more than twice the system calls. A snapshot reads hundreds of such files.
func readShort(path string) ([]byte, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, 512)
	for {
		room := text[len(text):cap(text)]
		n, err := retry(func() (int, error) { return unix.Read(fd, room) })
		if err != nil {
			return nil, err
		}
		text = text[:len(text)+n]
		if n < len(room) {
			return text, nil // a setting gives all that there is room for (fs/proc/proc_sysctl.c proc_sys_call_handler)
		}
		text = slices.Grow(text, len(text))
	}
}

// writeOnce writes to a file that must be there, in one write(2): a sysctl takes each write as a value. Linux 6.1 answers 1
// to a write of nothing to some, which os.File takes for a reason to panic.
func writeOnce(path, value string) error {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = retry(func() (int, error) { return unix.Write(fd, []byte(value)) })
	return err
}
