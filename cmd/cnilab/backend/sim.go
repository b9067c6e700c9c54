package backend

import (
	"context"
	"hash/fnv"
	"path"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/harness/flannel"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/plugin"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

func simulation() Backend {
	return Backend{
		Name:      "sim",
		About:     "Linux networking simulated in this process",
		Available: func() error { return nil },
		Run: func(ctx context.Context, s scenario.Scenario, o scenario.Options) scenario.Result {
			o.Backend = "sim"
			return scenario.Run(ctx, s, func() (*scenario.Machine, error) { return simulated(s.Name) }, o)
		},
	}
}

// simulated makes the one machine of a world of its own. The same name makes the same machine.
func simulated(name string) (*scenario.Machine, error) {
	world := sim.NewWorld(sim.Config{Seed: seed(name), Transport: netstack.New})
	host := world.AddHost("node")
	faults := new(harness.Faults)
	if err := install(host, faults); err != nil {
		world.Close()
		return nil, err
	}
	return &scenario.Machine{
		Host: host, Faults: faults, OwnDisk: true, Close: func() error { world.Close(); return nil },
	}, nil
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
