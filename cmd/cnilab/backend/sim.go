package backend

import (
	"cmp"
	"context"
	"hash/fnv"
	"os"
	"path"
	"path/filepath"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/harness/flannel"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/plugin"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/capture"
	"github.com/cnilab/cnilab/sim/netstack"
	"github.com/cnilab/cnilab/sim/trace"
)

func simulation(c Config) Backend {
	return Backend{
		Name:      "sim",
		About:     "Linux networking simulated in this process",
		Available: func() error { return nil },
		Run: func(ctx context.Context, s scenario.Scenario, o scenario.Options) scenario.Result {
			o.Backend = "sim"
			return scenario.Run(ctx, s, func() (*scenario.Machine, error) { return simulated(s.Name, c.Captures) }, o)
		},
	}
}

// simulated makes the first machine of a world of its own. The same name makes the same machine. With a folder for captures,
// its packets are written to a file there.
func simulated(name, captures string) (*scenario.Machine, error) {
	world := sim.NewWorld(sim.Config{Seed: seed(name), Transport: netstack.New})
	u := underlay{world: world, hosts: map[string]*sim.Host{}, faults: new(harness.Faults)}
	host, err := u.addHost(scenario.FirstHost)
	if err != nil {
		world.Close()
		return nil, err
	}
	endCapture, err := capturePackets(world, captures, name)
	if err != nil {
		world.Close()
		return nil, err
	}
	return &scenario.Machine{
		Host: host, Faults: u.faults, OwnDisk: true,
		AddHost: u.addHost, Cable: u.cable,
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

// install puts the plugins where runtimes look for them: ours is one file with several names.
func install(host *sim.Host, faults *harness.Faults) error {
	if err := host.Install(path.Join(harness.PluginDir, flannelName), faults.Program(flannel.Main)); err != nil {
		return err
	}
	first := path.Join(harness.PluginDir, pluginNames[0])
	if err := host.Install(first, faults.Program(plugin.Main)); err != nil {
		return err
	}
	for _, name := range pluginNames[1:] {
		if err := host.Link(first, path.Join(harness.PluginDir, name)); err != nil {
			return err
		}
	}
	return nil
}
