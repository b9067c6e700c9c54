package backend

import (
	"context"
	"fmt"
	"strings"

	"github.com/cnilab/cnilab/harness/scenario"
)

// A Backend is a kernel to run scenarios on.
type Backend struct {
	Name  string
	About string // one line

	// Available says in one line why scenarios cannot run on it here and what to do about that; nil where they can.
	Available func() error

	// Run runs a scenario on a machine of its own.
	Run func(context.Context, scenario.Scenario, scenario.Options) scenario.Result
}

// A Config says how to make the machines.
type Config struct {
	PluginDir string // on Linux: where the plugins' files are; "": this program is the plugin
}

// All returns the backends.
func All(c Config) []Backend { return []Backend{simulation(), linux(c)} }

// Named returns one backend.
func Named(name string, c Config) (Backend, error) {
	var names []string
	for _, b := range All(c) {
		if b.Name == name {
			return b, nil
		}
		names = append(names, b.Name)
	}
	return Backend{}, fmt.Errorf("no backend %q: there are %s", name, strings.Join(names, ", "))
}

// pluginNames are the names that our plugin answers to.
var pluginNames = []string{"bridge", "host-local", "static", "loopback"}

// flannelName is the name of the plugin that stands for flannel's own.
const flannelName = "flannel"
