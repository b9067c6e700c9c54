package simulated

import (
	"cmp"
	"context"
	"hash/fnv"
	"os"
	"path/filepath"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/capture"
	"github.com/cnilab/cnilab/sim/netstack"
	"github.com/cnilab/cnilab/sim/trace"
)

// A Config says how to make the machines of a scenario. The zero Config is a machine with cnilab's own plugins.
type Config struct {
	// Plugins are installed on each machine, in harness.PluginDir, by their names there. cnilab's own are there besides:
	// bridge, host-local, static and loopback, where none of these has the name. All meet the scenario's faults.
	Plugins map[string]kernel.Program

	// Captures is the folder that the packets of each scenario are written to, as a file NAME.pcapng; "": they are not.
	Captures string
}

// Run runs a scenario on a machine of its own, as scenario.Run does, on the backend "sim".
func Run(ctx context.Context, s scenario.Scenario, c Config, o scenario.Options) scenario.Result {
	o.Backend = "sim"
	return scenario.Run(ctx, s, func() (*scenario.Machine, error) { return Machine(s.Name, c) }, o)
}

// Machine makes the first machine of a world of its own. The same name makes the same machine, to the last byte of what is
// captured. Its Close ends the world.
func Machine(name string, c Config) (*scenario.Machine, error) {
	world := sim.NewWorld(sim.Config{Seed: seed(name), Transport: netstack.New})
	u := underlay{world: world, hosts: map[string]*sim.Host{}, faults: new(harness.Faults), plugins: c.Plugins}
	host, err := u.addHost(scenario.FirstHost)
	if err != nil {
		world.Close()
		return nil, err
	}
	endCapture, err := capturePackets(world, c.Captures, name)
	if err != nil {
		world.Close()
		return nil, err
	}
	return &scenario.Machine{
		Host: host, Faults: u.faults, OwnDisk: true,
		AddHost: u.addHost, Cable: u.cable, Cables: u.laid,
		Trace: func(see func(string)) (stop func()) { return trace.Start(world, see) },
		Close: func() error { world.Close(); return endCapture() },
	}, nil
}

// capturePackets writes the packets of a world to the folder, until end is called.
func capturePackets(w *sim.World, folder, name string) (end func() error, err error) {
	if folder == "" {
		return func() error { return nil }, nil
	}
	file := filepath.Join(folder, filepath.FromSlash(name)+".pcapng")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	to, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	c := capture.Start(w, to)
	return func() error { return cmp.Or(c.Close(), to.Close()) }, nil
}

func seed(name string) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(name)) // never fails
	return hash.Sum64()
}
