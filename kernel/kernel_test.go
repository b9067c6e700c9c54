package kernel_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

func TestErrorCarriesErrno(t *testing.T) {
	var err error = &kernel.Error{Op: "link add", NetNS: "pod-a", Object: "cni0", Errno: kernel.EEXIST, Detail: "name is taken"}
	if !errors.Is(err, kernel.EEXIST) || !errors.Is(err, fs.ErrExist) || errors.Is(err, kernel.ENODEV) {
		t.Errorf("errors.Is does not find the errno in %v", err)
	}
	const want = "link add cni0 in netns pod-a: file exists (EEXIST): name is taken"
	if err.Error() != want {
		t.Errorf("got  %q\nwant %q", err, want)
	}
	if got := kernel.ErrnoOf(err); got != kernel.EEXIST {
		t.Errorf("ErrnoOf = %v", got)
	}
}

func TestErrnoNamed(t *testing.T) {
	for _, e := range []kernel.Errno{kernel.EPERM, kernel.EXFULL, kernel.EOPNOTSUPP, kernel.ECANCELED} {
		if got, ok := kernel.ErrnoNamed(e.Name()); !ok || got != e {
			t.Errorf("ErrnoNamed(%q) = %v, %v", e.Name(), got, ok)
		}
	}
	if _, ok := kernel.ErrnoNamed("ENONSENSE"); ok {
		t.Error("ErrnoNamed knows ENONSENSE")
	}
}

// TestNamesInErrors has what both backends name in their errors in the same words.
func TestNamesInErrors(t *testing.T) {
	for got, want := range map[string]string{
		kernel.VLANRange{First: 7}.IDs():                                       "7",
		kernel.VLANRange{First: 100, Last: 199}.IDs():                          "100-199",
		kernel.VLANRange{First: -1, Last: -3}.IDs():                            "-1--3",
		kernel.Rule{Family: kernel.IPv4}.Label():                               "IPv4 priority 0",
		kernel.Rule{Family: kernel.IPv6, Priority: 5}.Label():                  "IPv6 priority 5",
		kernel.Rule{Family: kernel.IPv6, Priority: kernel.AnyPriority}.Label(): "IPv6",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestRefuseName leaves to Linux what Linux refuses.
func TestRefuseName(t *testing.T) {
	for name, refused := range map[string]bool{
		"": true, "a\x00b": true, "\x00": true, "eth0": false, "a/b": false, "..": false, "much too long a name": false,
	} {
		if why := kernel.RefuseName(name); (why != "") != refused {
			t.Errorf("%q: %q", name, why)
		}
	}
}
