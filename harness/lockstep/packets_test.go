package lockstep_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/harness/lockstep"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// probed is the simulation of a kernel with a twist, and with sockets.
func probed(p sim.Profile, t twist) lockstep.Kernel {
	return lockstep.Kernel{Name: "sim", Virtual: true, New: func() (kernel.Host, func(), error) {
		w := sim.NewWorld(sim.Config{Seed: 1, Profile: p, Transport: netstack.New})
		return t.Host(w.AddHost("node")), w.Close, nil
	}}
}

// packets is a run of the simulation and one with a twist.
func packets(t twist) lockstep.Run {
	return lockstep.Run{Packets: true, Reference: probed(sim.Linux618, twist{}), Other: probed(sim.Linux618, t), Jobs: 2}
}

// The packets of a kernel fare as its own: what would be found otherwise is not the kernels' doing.
func TestPacketsAreLikeThemselves(t *testing.T) {
	run := packets(twist{})
	run.Seed, run.Ops = 2, 3000
	report, err := run.Do(t.Context())
	if err != nil || len(report.Differences) > 0 || report.Unstable > 0 {
		t.Fatalf("%v: %v, %d unstable", err, report.Differences, report.Unstable)
	}
	if answered := report.Coverage[lockstep.Pair{Op: "ping", Errno: "ok"}]; answered < 50 {
		t.Errorf("%d pings were answered, want 50 or more: most of a network is to work\n%s", answered, report.Coverage)
	}
	t.Logf("%d operations, %.0f a second\n%s", report.Ops, report.OpsPerSecond(), report.Coverage)
}

// A line of a sequence is one of the scenario language, and the same seed gives the same lines.
func TestPacketsAreScenarios(t *testing.T) {
	for number := range 50 {
		sequence := lockstep.NetworkOf(lockstep.DefaultShape, 3, number)
		if again := lockstep.NetworkOf(lockstep.DefaultShape, 3, number); lockstep.Describe(again) != lockstep.Describe(sequence) {
			t.Fatalf("sequence %d is another one when it is drawn again", number)
		}
		for _, o := range sequence {
			verb, _, _ := strings.Cut(o.String(), " ")
			switch verb {
			case "ping", "call", "serve", "sleep": // package scenario reads these
				continue
			}
			if _, err := operation.Parse(o.String()); err != nil {
				t.Errorf("sequence %d: %v", number, err)
			}
		}
	}
}

// packetMutants are kernels that are wrong in what becomes of packets.
func packetMutants() []mutant {
	return []mutant{
		{"forwards nothing", 1, twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
			if key == "net/ipv4/ip_forward" {
				value = "0"
			}
			return ns.SetSysctl(key, value)
		}}},
		{"answers EHOSTUNREACH where there is no route", 1, twist{
			Ping: func(ns kernel.NetNS, ctx context.Context, p kernel.Ping) (kernel.Answer, error) {
				a, err := ns.Ping(ctx, p)
				return a, instead(err, kernel.ENETUNREACH, kernel.EHOSTUNREACH)
			},
		}},
		{"sends from whichever address it likes", 0, twist{
			Call: func(ns kernel.NetNS, ctx context.Context, c kernel.Call) (kernel.Answer, error) {
				a, err := ns.Call(ctx, c)
				if c.From.IsValid() {
					a.Seen = c.To
				}
				return a, err
			},
		}},
		{"isolates no port", 15, twist{ChangePort: func(ns kernel.NetNS, i int, c kernel.PortChange) error {
			c.Isolated = nil
			return ns.ChangePort(i, c)
		}}},
		{"knows no flows", 2, twist{ShowFlows: func(kernel.NetNS, []kernel.Flow) []kernel.Flow { return nil }}},
	}
}

// A wrong rule has to be noticed within so many sequences of a seed: where the one that is known to show it does not.
const packetMutantSequences = 300

// shown is the difference that some sequences about packets show; nil: none.
func (m mutant) shown(t *testing.T, first, ops int) (found *lockstep.Difference) {
	t.Helper()
	run := packets(m.twist)
	run.Seed, run.First, run.Ops, run.Jobs = mutantSeed, first, ops, 1
	run.Found = func(d *lockstep.Difference) { found = d }
	if _, err := run.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestPacketMutantsAreFound: what is wrong with packets is noticed, and is told in few lines.
func TestPacketMutantsAreFound(t *testing.T) {
	for _, m := range packetMutants() {
		t.Run(strings.ReplaceAll(m.wrong, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if shown := m.shown(t, m.shownBy, 1); shown != nil {
				t.Logf("a kernel that %s:\n%s%s", m.wrong, lockstep.Describe(shown.Sequence), shown)
				return
			}
			for number := 0; number < packetMutantSequences; number++ {
				if m.shown(t, number, 1) != nil {
					t.Fatalf("sequence %d does not show it, but %d does", m.shownBy, number)
				}
			}
			t.Errorf("%d sequences do not notice a kernel that %s", packetMutantSequences, m.wrong)
		})
	}
}
