//go:build linux

package linux

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// A sysctl belongs to the namespace it is set in, and the caller's thread stays where it is.
func TestSysctlIsOfTheNamespace(t *testing.T) {
	h, self := newMachine(t)
	pod := newPod(t, h, "pod")
	const key = "net/ipv4/ip_forward"
	must(t, pod.SetSysctl(key, "1"))
	for ns, want := range map[kernel.NetNS]string{self: "0", pod: "1"} {
		if got, err := ns.Sysctl(key); err != nil || got != want {
			t.Errorf("%s in %s: %q, %v, want %q", key, ns.Name(), got, err, want)
		}
	}
}

func TestSysctlOfALink(t *testing.T) {
	_, self := newMachine(t)
	const key = "net/ipv6/conf/eth0.5/accept_dad"
	_, err := self.Sysctl(key)
	wantErrno(t, "before the link", err, kernel.ENOENT)
	bridge := addBridge(t, self, "eth0.5")
	must(t, self.SetSysctl(key, "0"))
	if got, err := self.Sysctl(key); err != nil || got != "0" {
		t.Errorf("%q, %v", got, err)
	}
	must(t, self.DeleteLink(bridge.Index))
	_, err = self.Sysctl(key)
	wantErrno(t, "after the link", err, kernel.ENOENT)
}

func TestSysctlErrors(t *testing.T) {
	_, self := newMachine(t)
	for key, want := range map[string]kernel.Errno{
		"":                       kernel.EINVAL,
		".":                      kernel.EINVAL,
		"..":                     kernel.EINVAL,
		"net/../../version":      kernel.EINVAL,
		"/net/ipv4/ip_forward":   kernel.EINVAL,
		"net/ipv4/no_such":       kernel.ENOENT,
		"net/ipv4/ip_forward/no": kernel.ENOTDIR,
	} {
		_, err := self.Sysctl(key)
		wantErrno(t, "get "+key, err, want)
		wantErrno(t, "set "+key, self.SetSysctl(key, "1"), want)
	}
	wantErrno(t, "set nonsense", self.SetSysctl("net/ipv4/ip_forward", "nonsense"), kernel.EINVAL)
	wantErrno(t, "set what is for reading", self.SetSysctl("net/netfilter/nf_conntrack_count", "1"), kernel.EACCES)
}
