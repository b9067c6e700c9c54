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
