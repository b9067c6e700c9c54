//go:build linux

package linux

import (
	"os"
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
		value, err = os.ReadFile(path)
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

// writeOnce writes to a file that must be there, in one write(2): a sysctl takes each write as a value.
func writeOnce(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(value)
	return err
}
