//go:build linux

package linux

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/kerneltest"
)

// A difference is what another Linux answers where the laws, which were measured on 6.18, say something else.
type difference struct {
	release string // the beginning of what uname -r prints
	test    string // a law, or a test of this package
	answer  string // what comes there; part of the breach of the law
	source  string // the reason
}

// differences are all that are known. Each is tried where the kernel is of that release: one that is none is a failure.
var differences = []difference{
	{
		"6.1.", "link/rename/while-up", "device or resource busy (EBUSY)",
		"net/core/dev.c dev_change_name: a link that is up has no other name before 6.2 (IFF_LIVE_RENAME_OK)",
	},
	{
		"6.1.", "move/stays", "invalid argument (EINVAL)",
		"measured on 6.1.176, net/core/dev.c __dev_change_net_namespace: NETIF_F_NETNS_LOCAL is looked at first",
	},
	{
		"6.1.", "sysctl/switch-invalid", "want EINVAL, got success",
		"measured on 6.1.176, net/ipv6/addrconf.c addrconf_sysctl_forward, addrconf_sysctl_disable: the error is lost",
	},
	{
		"6.1.", "fdb/delete/vlan-not-member", "invalid argument (EINVAL)",
		"measured on 6.1.176, net/bridge/br_fdb.c br_fdb_delete: it wants the port to be a member, as br_fdb_add does",
	},
	{
		"6.1.", "policy/link-appears", "device or resource busy (EBUSY)",
		"it gives another name to a loopback device that is up: link/rename/while-up",
	},
	{
		"6.1.", "state/veth/made-as-port", "want DOWN within 10s, got LOWERLAYERDOWN",
		"measured on 6.1.176, as in all runs: a veth that was made as a port, its peer down, is LOWERLAYERDOWN and stays so",
	},
	{
		"6.1.", "packetfilter/bridge/forward", "want ETIMEDOUT, got success",
		"measured on 6.1.176, net/bridge/br_netfilter_hooks.c br_nf_ops: NF_BR_PRI_BRNF - 1, and what is at 0 is passed over then",
	},
	{
		"6.1.", "TestOneRequestPerMethod", "device or resource busy (EBUSY)",
		"it gives another name to a bridge that is up: link/rename/while-up",
	},
	{
		"6.1.", "TestProbeErrors", "call udp 10.94.0.1:80: ETIMEDOUT, not ENETUNREACH",
		"measured on 6.1.176: even with icmp_ratelimit 0 a router does not send all of three errors at once",
	},
}

// differing returns what this kernel answers else in a law or a test.
func differing(test string) (difference, bool) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		panic(err) // never: the memory is there
	}
	release := unix.ByteSliceToString(u.Release[:])
	for _, d := range differences {
		if d.test == test && strings.HasPrefix(release, d.release) {
			return d, true
		}
	}
	return difference{}, false
}

// skipWhatDiffers skips a test, or that of a law, in which this kernel answers something else.
func skipWhatDiffers(t testing.TB) {
	t.Helper()
	name := t.Name()
	if _, law, ok := strings.Cut(name, "/"); ok {
		name = law
	}
	if d, ok := differing(name); ok {
		t.Skipf("differs on %s: %s (%s)", strings.TrimSuffix(d.release, "."), d.answer, d.source)
	}
}

// TestDifferences checks that the laws that are said to differ do.
func TestDifferences(t *testing.T) {
	for _, law := range kerneltest.Laws() {
		d, ok := differing(law.Name)
		if !ok {
			continue
		}
		h, _ := newMachine(t)
		err := law.Check(h)
		if err == nil || errors.Is(err, kerneltest.ErrLeftOut) || !strings.Contains(err.Error(), d.answer) {
			t.Errorf("%s: %v, and should answer %s", law.Name, err, d.answer)
		}
	}
}

// TestDifferencesAreOfWhatThereIs finds those whose law has another name by now.
func TestDifferencesAreOfWhatThereIs(t *testing.T) {
	known := map[string]bool{"TestOneRequestPerMethod": true, "TestProbeErrors": true}
	for _, law := range kerneltest.Laws() {
		known[law.Name] = true
	}
	for _, d := range differences {
		if !known[d.test] {
			t.Errorf("there is no law %s", d.test)
		}
	}
}

// newMachineFor is newMachine for a law, which is skipped where this kernel answers something else.
func newMachineFor(t testing.TB) kernel.Host {
	t.Helper()
	skipWhatDiffers(t)
	h, _ := newMachine(t)
	return h
}
