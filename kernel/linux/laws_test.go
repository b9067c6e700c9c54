//go:build linux

package linux

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/kerneltest"
)

// Linux is the judge of the laws: one that fails here is wrong, or this backend is.
func TestLaws(t *testing.T) {
	kerneltest.Run(t, func(t testing.TB) kernel.Host {
		h, _ := newMachine(t)
		return h
	})
}

// Tracing changes nothing that a caller could notice.
func TestLawsTraced(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the laws: every wait for Linux once more")
	}
	kerneltest.Run(t, func(t testing.TB) kernel.Host {
		h, _ := newMachine(t)
		return intercept.Wrap(h, new(intercept.Trace).Hook)
	})
}
