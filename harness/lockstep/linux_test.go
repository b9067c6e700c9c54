//go:build linux

package lockstep_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cnilab/cnilab/harness/lockstep"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/kerneltest"
	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
	"github.com/cnilab/cnilab/sim"
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

// profileHere is the profile of this machine's kernel, which lacks what that was built without.
func profileHere(t testing.TB, here lockstep.Kernel) (p sim.Profile, lacks func(topic string) bool) {
	t.Helper()
	machine, done, err := here.New()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	lacking := map[string]bool{}
	lacks = func(topic string) bool {
		if _, asked := lacking[topic]; !asked {
			lacking[topic] = kerneltest.Lacks(machine, topic)
		}
		return lacking[topic]
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	p, known := sim.ProfileOf(strings.TrimSpace(string(release)))
	if !known {
		p = sim.Linux618 // what is known of the newest is the best guess for others
	}
	return p.AsBuilt(lacks), lacks
}

// inStep is a run of this machine's kernel and of its simulation, which has the profile.
func inStep(t testing.TB) (lockstep.Run, sim.Profile) {
	t.Helper()
	reference := real(t)
	profile, lacks := profileHere(t, reference)
	return lockstep.Run{
		Reference: reference, Other: simulatedAs(profile, twist{}), Shape: lockstep.ShapeWithout(lacks),
	}, profile
}

// mustBeAlike carries a run out.
func mustBeAlike(t *testing.T, run lockstep.Run) {
	t.Helper()
	report, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences {
		t.Errorf("%s%s", lockstep.Describe(d.Sequence), d)
	}
	t.Logf("%d operations, %.0f a second, %d unstable", report.Ops, report.OpsPerSecond(), report.Unstable)
}

// A few thousand operations, the same each time: "cnilab fidelity" asks for more.
func TestSimulationIsLikeLinux(t *testing.T) {
	if !thorough {
		t.Skip("takes long on Linux: make real")
	}
	run, _ := inStep(t)
	run.Seed, run.Ops, run.Jobs = 1, 2000, 16
	mustBeAlike(t, run)
}

// A few networks, the same each time.
func TestPacketsAreLikeLinux(t *testing.T) {
	if !thorough {
		t.Skip("takes long on Linux: make real")
	}
	run, profile := inStep(t)
	run.Other, run.Packets = probed(profile, twist{}), true
	run.Seed, run.Ops, run.Jobs = 5, 100, 8
	mustBeAlike(t, run)
}

// FuzzSimulationIsLikeLinux lets the fuzzer choose the operations, by what is reached in the simulation.
func FuzzSimulationIsLikeLinux(f *testing.F) {
	if !thorough && flag.Lookup("test.fuzz").Value.String() == "" {
		f.Skip("takes long on Linux: make real")
	}
	run, _ := inStep(f)
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		sequence := lockstep.Sequence(run.Shape).Draw(t, "sequence")
		d, err := run.Replay(sequence)
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			t.Fatalf("%s%s", lockstep.Describe(d.Sequence), d)
		}
	}))
}
