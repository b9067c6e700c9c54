//go:build linux

package linux

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/kerneltest"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// Linux is the judge of the laws: one that fails here is wrong, or this backend is.
func TestLaws(t *testing.T) {
	kerneltest.Run(t, newMachineFor)
}

// Tracing changes nothing that a caller could notice. Package intercept tries that with every law in the simulation;
// here, where each takes its time, one law of each kind does unless all that Linux can show is asked for.
func TestLawsTraced(t *testing.T) {
	t.Parallel()
	laws := kerneltest.Laws()
	if os.Getenv(sandbox.RequireVariable) != "1" {
		laws = oneOfEachKind(laws)
	}
	for _, law := range laws {
		t.Run(law.Name, func(t *testing.T) {
			t.Parallel()
			h := newMachineFor(t)
			err := law.Check(intercept.Wrap(h, new(intercept.Trace).Hook))
			if errors.Is(err, kerneltest.ErrLeftOut) {
				t.Skip(err)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
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
