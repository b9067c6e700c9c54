//go:build linux

package linux

import (
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/kerneltest"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// Linux is the judge of the laws: one that fails here is wrong, or this backend is. Each takes its time here: unless all
// that Linux can show is asked for, one of each kind is tried.
func TestLaws(t *testing.T) {
	laws := kerneltest.Laws()
	if !sandbox.Thorough() {
		laws = oneOfEachKind(laws)
	}
	kerneltest.RunSome(t, laws, newMachineFor)
}

// Tracing changes nothing that a caller could notice. Package intercept tries that in the simulation.
func TestLawsTraced(t *testing.T) {
	if !sandbox.Thorough() {
		t.Skip("asks Linux all laws once more: make real")
	}
	kerneltest.Run(t, func(t testing.TB) kernel.Host {
		return intercept.Wrap(newMachineFor(t), new(intercept.Trace).Hook)
	})
}

// oneOfEachKind returns the first law of those whose names begin alike, as "link/add/..." do.
func oneOfEachKind(laws []kerneltest.Law) (sample []kerneltest.Law) {
	seen := map[string]bool{}
	for _, law := range laws {
		kind := law.Name[:strings.LastIndex(law.Name, "/")]
		if !seen[kind] {
			sample = append(sample, law)
		}
		seen[kind] = true
	}
	return sample
}
