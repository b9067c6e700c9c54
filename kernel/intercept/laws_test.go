package intercept_test

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/kerneltest"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// A wrapped host cannot be told from its backend: each law answers the same, word for word.
func TestWrappedHostIsLikeItsBackend(t *testing.T) {
	verdict := func(law kerneltest.Law, wrap func(h kernel.Host) kernel.Host) string {
		w := sim.NewWorld(sim.Config{Seed: 1, Transport: netstack.New})
		defer w.Close()
		if err := law.Check(wrap(w.AddHost("node"))); err != nil {
			return err.Error()
		}
		return "holds"
	}
	bare := func(h kernel.Host) kernel.Host { return h }
	wrapped := func(h kernel.Host) kernel.Host {
		return intercept.Wrap(intercept.Wrap(h, new(intercept.Trace).Hook), new(intercept.Count).Hook)
	}
	for _, law := range kerneltest.Laws() {
		if got, want := verdict(law, wrapped), verdict(law, bare); got != want {
			t.Errorf("%s\nwrapped: %s\n   bare: %s", law.Name, got, want)
		}
	}
}
