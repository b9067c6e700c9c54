package plugin_test

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin"
	"github.com/cnilab/cnilab/sim"
)

func init() { backends = append(backends, backend{"sim", newSim}) }

// newSim makes a simulated machine, as a process that was started from the bridge plugin's file sees it.
func newSim(t *testing.T) machine { return newSimOf(t, sim.Linux618) }

// newSimOf makes one with another kernel.
func newSimOf(t *testing.T, kernel sim.Profile) machine {
	w := sim.NewWorld(sim.Config{Seed: 1, Profile: kernel})
	t.Cleanup(w.Close)
	node := w.AddHost("node")
	const folder = "/opt/cni/bin"
	if err := node.Install(folder+"/bridge", plugin.Main); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"host-local", "static"} {
		if err := node.Link(folder+"/bridge", folder+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	view, exit := node.Process(folder + "/bridge")
	t.Cleanup(exit)
	return machine{
		Host: withOwnPath{view}, simulated: true, ownPath: ownPath,
		cniPath: folder, dataDir: "/var/lib/cni/networks", parallel: inWorld(w),
	}
}

// inWorld has each call made by an actor of its own.
func inWorld(w *sim.World) func(t *testing.T, calls ...func()) {
	return func(t *testing.T, calls ...func()) {
		var waits []func() error
		for _, call := range calls {
			waits = append(waits, w.Go(call))
		}
		for _, wait := range waits {
			if err := wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ownPath is where a simulated machine has its own namespace.
const ownPath = "/proc/self/ns/net"

// withOwnPath is a machine whose own namespace has a path, as on Linux.
type withOwnPath struct{ kernel.Host }

func (h withOwnPath) OpenNetNS(path string) (kernel.NetNS, error) {
	if path == ownPath {
		return h.Self()
	}
	return h.Host.OpenNetNS(path)
}
