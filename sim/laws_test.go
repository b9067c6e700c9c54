package sim_test

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/kerneltest"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// The simulation obeys the laws that were measured on Linux.
func TestLaws(t *testing.T) {
	kerneltest.Run(t, func(t testing.TB) kernel.Host {
		w := sim.NewWorld(sim.Config{Seed: 1, Transport: netstack.New})
		t.Cleanup(w.Close)
		return w.AddHost("node")
	})
}
