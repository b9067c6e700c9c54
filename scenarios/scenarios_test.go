package scenarios_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/scenarios"
)

func TestMain(m *testing.M) {
	backend.Enter()
	os.Exit(m.Run())
}

func TestSimulation(t *testing.T) { test(t, "sim") }

// TestLinux leaves out what no plugin takes part in, which waits for the kernel most of the time: "cnilab test
// --backend=linux" runs all.
func TestLinux(t *testing.T) { test(t, "linux", "connectivity/") }

// requireLinux is the environment variable that, set to "1", makes a failure of the want of a kernel, and has our plugin be
// a process of its own there, however long it takes.
const requireLinux = "CNILAB_REQUIRE_LINUX"

func test(t *testing.T, name string, but ...string) {
	kernel, err := backend.Named(name, backend.Config{CallOwn: os.Getenv(requireLinux) != "1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := kernel.Available(); err != nil {
		if os.Getenv(requireLinux) == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	options := scenario.Options{Verbose: testing.Verbose(), Update: *update}
	scenario.Test(t, runningOn(t, name, but...), func(s scenario.Scenario) scenario.Result {
		r := kernel.Run(t.Context(), s, options)
		s.File = strings.TrimPrefix(s.File, scenarios.Folder+"/") // from here
		if err := r.WriteUpdated([]scenario.Scenario{s}); err != nil {
			t.Error(err)
		}
		return r
	})
}

// runningOn returns the scenarios that are not bound to another backend, but those below some folders. The command line
// counts those that are bound.
func runningOn(t *testing.T, backend string, but ...string) []scenario.Scenario {
	return slices.DeleteFunc(all(t), func(s scenario.Scenario) bool {
		if slices.ContainsFunc(but, func(folder string) bool { return strings.HasPrefix(s.Name, folder) }) {
			return true
		}
		binding, err := s.Binding()
		if err != nil {
			t.Fatal(err)
		}
		return binding.Backend != "" && binding.Backend != backend
	})
}
