//go:build linux

package lockstep_test

import (
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/cnilab/cnilab/harness/lockstep"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }

// real is this machine's kernel.
func real(t testing.TB) lockstep.Kernel {
	t.Helper()
	sandbox.Require(t)
	host, err := linux.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return lockstep.Kernel{Name: "linux", New: func() (kernel.Host, func(), error) { return host, func() {}, nil }}
}

// A few thousand operations, the same each time: "cnilab fidelity" asks for more.
func TestSimulationIsLikeLinux(t *testing.T) {
	if !sandbox.Thorough() {
		t.Skip("takes long on Linux: make real")
	}
	report, err := lockstep.Run{Reference: real(t), Other: simulated(twist{}), Seed: 1, Ops: 2000, Jobs: 16}.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences {
		t.Errorf("%s%s", lockstep.Describe(d.Sequence), d)
	}
	t.Logf("%d operations, %.0f a second, %d unstable", report.Ops, report.OpsPerSecond(), report.Unstable)
}

// FuzzSimulationIsLikeLinux lets the fuzzer choose the operations, by what is reached in the simulation.
func FuzzSimulationIsLikeLinux(f *testing.F) {
	run := lockstep.Run{Reference: real(f), Other: simulated(twist{})}
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		sequence := lockstep.Sequence(lockstep.DefaultShape).Draw(t, "sequence")
		d, err := run.Replay(sequence)
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			t.Fatalf("%s%s", lockstep.Describe(d.Sequence), d)
		}
	}))
}
