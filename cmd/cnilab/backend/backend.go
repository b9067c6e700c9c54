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

	// Together, where it is not nil, is a faster Run for several scenarios: it begins to run them, as many at a time as
	// said, and returns a function that waits for the result of one.
	Together func(ctx context.Context, all []scenario.Scenario, jobs int, o scenario.Options) func(scenario.Scenario) scenario.Result
}

// Runner returns what runs each of these scenarios, of which so many may run at the same time.
func (b Backend) Runner(
	ctx context.Context, all []scenario.Scenario, jobs int, o scenario.Options,
) func(scenario.Scenario) scenario.Result {
	if b.Together != nil {
		return b.Together(ctx, all, jobs, o)
	}
	return func(s scenario.Scenario) scenario.Result { return b.Run(ctx, s, o) }
}

// A Config says how to make the machines.
type Config struct {
	PluginDir string // on a real kernel: where the plugins' files are; "": this program is the plugin
	Captures  string // in the simulation: the folder that captures are written to; "": none are
	CallOwn   bool   // on a real kernel: a plugin that is this program is called, not executed
}

// All returns the backends.
func All(c Config) []Backend { return []Backend{simulation(c), linux(c), uml(c)} }

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
