//go:build linux

package lockstep_test

import (
	"bytes"
	"context"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/harness/flannel"
	"github.com/cnilab/cnilab/harness/lockstep"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/operation"
	"github.com/cnilab/cnilab/plugin"
	"github.com/cnilab/cnilab/scenarios"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
	"github.com/cnilab/cnilab/sim/trace"
)

// A request is one that a plugin made of the simulation, and what it was answered.
type request struct {
	operation operation.Operation
	answer    string
}

// A tape keeps the requests of a scenario, in order.
type tape struct {
	mu       sync.Mutex
	requests []request
}

func (k *tape) hook(c intercept.Call, next func() error) error {
	err := next()
	if c.Operation == nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests = append(k.requests, request{c.Operation, lockstep.AnswerOf(err)})
	return err
}

// program is a plugin whose requests are kept.
func (k *tape) program(p kernel.Program) kernel.Program {
	return func(ctx context.Context, in kernel.Invocation, h kernel.Host) int {
		return p(ctx, in, intercept.Wrap(h, k.hook))
	}
}

// machine is a simulated one, on which all requests are kept: those of the scenario itself, too.
func (k *tape) machine(p sim.Profile) (*scenario.Machine, error) {
	w := sim.NewWorld(sim.Config{Seed: 1, Transport: netstack.New, Profile: p})
	node := w.AddHost("node")
	if err := node.Install(path.Join(harness.PluginDir, "flannel"), k.program(flannel.Main)); err != nil {
		return nil, err
	}
	if err := node.Install(path.Join(harness.PluginDir, "bridge"), k.program(plugin.Main)); err != nil {
		return nil, err
	}
	for _, name := range []string{"host-local", "static", "loopback"} {
		if err := node.Link(path.Join(harness.PluginDir, "bridge"), path.Join(harness.PluginDir, name)); err != nil {
			return nil, err
		}
	}
	return &scenario.Machine{
		Host: intercept.Wrap(node, k.hook), OwnDisk: true,
		Trace: func(see func(string)) (stop func()) { return trace.Start(w, see) },
		Close: func() error { w.Close(); return nil },
	}, nil
}

// TestPluginsRequestsOnBothKernels runs the scenarios on the simulation of this machine's kernel, and then asks both what the
// plugin and the scenario have asked there, one request after the other.
func TestPluginsRequestsOnBothKernels(t *testing.T) {
	if !thorough {
		t.Skip("takes long on Linux: make real")
	}
	run, profile := inStep(t)
	kernels := []lockstep.Kernel{run.Other, run.Reference}
	all, err := scenario.LoadAll(scenarios.Files, "scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if strings.HasPrefix(s.Name, "connectivity/") {
			continue // no plugin asks there, and what probes leave behind, such as neighbours, requests alone do not
		}
		if bytes.Contains(s.Text, []byte("\nhost ")) {
			continue // the kernels are asked by one machine
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			k := new(tape)
			machine := func() (*scenario.Machine, error) { return k.machine(profile) }
			r := scenario.Run(t.Context(), s, machine, scenario.Options{Backend: "sim"})
			if r.Outcome == scenario.Failed && !profile.Features.NFTablesBridgeOnly { // without nftables' inet some cannot hold
				t.Fatal(r.Log)
			}
			var sequence []operation.Operation
			var want []string
			for _, r := range k.requests {
				sequence, want = append(sequence, r.operation), append(want, r.answer)
			}
			for _, on := range kernels {
				got, err := lockstep.Answers(on, sequence)
				if err != nil {
					t.Fatal(err)
				}
				if i := firstOther(sequence, got, want); i < len(want) {
					t.Errorf("request %d of %d: %s\n%s answers %s, and %s when the plugin asked",
						i+1, len(want), sequence[i], on.Name, got[i], want[i])
				}
			}
			t.Logf("%d requests", len(sequence))
		})
	}
}

// firstOther returns the first request that was answered otherwise; their number where none was. A veth may be gone with
// the namespace of its other end before the plugin deletes it, or a little later; one of its name is then made at once, or
// when it is tried again.
func firstOther(sequence []operation.Operation, got, want []string) int {
	died, early := false, map[string]bool{}
	for i, o := range sequence {
		switch o.(type) {
		case operation.LinkAdd:
			if died && got[i] == "ok" && want[i] == "EEXIST" {
				early[o.String()] = true
				continue
			}
			if early[o.String()] && got[i] == "EEXIST" && want[i] == "ok" {
				continue
			}
		case operation.NetNSDelete:
			died = true
		case operation.LinkDelete:
			if died && got[i] == "ENODEV" && want[i] == "ok" {
				continue
			}
		}
		if got[i] != want[i] {
			return i
		}
	}
	return len(want)
}
