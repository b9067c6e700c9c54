package simulated

import (
	"maps"
	"path"
	"slices"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin"
	"github.com/cnilab/cnilab/sim"
)

// ownNames are the names that our plugin answers to.
var ownNames = []string{"bridge", "host-local", "static", "loopback"}

// install puts the plugins where runtimes look for them. Ours is one file with several names.
func install(host *sim.Host, faults *harness.Faults, plugins map[string]kernel.Program) error {
	for _, name := range slices.Sorted(maps.Keys(plugins)) {
		if err := host.Install(path.Join(harness.PluginDir, name), faults.Program(plugins[name])); err != nil {
			return err
		}
	}
	first := ""
	for _, name := range ownNames {
		file := path.Join(harness.PluginDir, name)
		var err error
		switch {
		case plugins[name] != nil:
		case first == "":
			first = file
			err = host.Install(file, faults.Program(plugin.Main))
		default:
			err = host.Link(first, file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
