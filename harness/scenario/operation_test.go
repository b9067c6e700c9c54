package scenario

import (
	"errors"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// TestDotsInASysctl hints at slashes where dots are all that is wrong.
func TestDotsInASysctl(t *testing.T) {
	missing := &kernel.Error{Op: "sysctl set", Errno: kernel.ENOENT}
	for _, o := range []operation.Operation{
		operation.SysctlSet{Key: "net.ipv4.ip_forward", Value: "1"}, operation.SysctlGet{Key: "net.ipv4.ip_forward"},
	} {
		err := hint(o, missing)
		if !errors.Is(err, kernel.ENOENT) || err.Error() != missing.Error()+"; KEY has slashes: net/ipv4/ip_forward" {
			t.Errorf("%s: %v", o, err)
		}
		if hint(o, nil) != nil {
			t.Errorf("%s: a hint where nothing is wrong", o)
		}
	}
	for _, o := range []operation.Operation{
		operation.SysctlGet{Key: "net/ipv4/conf/eth0.5/forwarding"}, operation.NetNSDelete{Name: "a.b"},
	} {
		if err := hint(o, missing); err != error(missing) {
			t.Errorf("%s: %v", o, err)
		}
	}
}
