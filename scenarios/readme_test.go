package scenarios_test

import (
	"flag"
	"fmt"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/scenarios"
)

var update = flag.Bool("update", false, "write README.md, and what scenarios find different, anew")

const readme = "README.md"

// TestREADME holds the page true that people read: it is made of the scenarios and of the tables of the language.
func TestREADME(t *testing.T) {
	want := page(all(t))
	if *update {
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is out of date; make update writes it anew (-want +got):\n%s", readme, diff)
	}
}

func page(all []scenario.Scenario) string {
	var b strings.Builder
	b.WriteString(`# Scenarios

Each file here is a story that a bridge plugin has to live up to, told as a script. The same file runs on a simulated
kernel and on a real one, and has to end the same way on both:

    cnilab test                               # all of them, in memory, as any user
    cnilab test --backend=linux               # on this machine's kernel, in namespaces of their own
    cnilab test -v scenarios/mtu.txtar        # one, with all that it says
    cnilab test scenarios/connectivity        # those about packets alone, without a plugin
    cnilab test --backend=linux --plugin-dir=/opt/cni/bin

The last one asks the plugins installed there instead of our own; scenarios with faults and crashes, which only our own
can be given, are skipped then. A scenario that needs more than a real machine can give begins with a line
"# backend: sim, because ..."; it is counted, and left out there. So is, in memory, one that shows where the simulation is
not like Linux yet: "# backend: linux, because ...".

## The tour

Chapters to be read in their order by whoever wants to learn what CNI is; "cnilab test -v scenarios/tour" runs them and
shows all that is done and said.

`)
	b.WriteString(items(all, "tour"))
	b.WriteString("\n## What plugins have to live up to\n\n")
	b.WriteString(items(all, "."))
	b.WriteString(`
## Connectivity

What becomes of a packet, without any plugin: each is about one rule of Linux, named by it, and says where Linux has it.
The probes, "ping" and "call", get the same answers on every kernel: a reply and as whom the server saw the caller,
refused, unreachable and of which kind, or nothing.

`)
	b.WriteString(items(all, "connectivity"))
	b.WriteString("\n## The language\n\n" + scenario.Vocabulary())
	return b.String()
}

// items are the scenarios of a folder.
func items(all []scenario.Scenario, folder string) string {
	var b strings.Builder
	for _, s := range all {
		if path.Dir(s.Name) == folder {
			b.WriteString(item(s))
		}
	}
	return b.String()
}

func item(s scenario.Scenario) string {
	return fmt.Sprintf("- [%s](%s%s): %s\n", s.Name, s.Name, scenario.Extension, s.Summary())
}

// TestBindings checks that no scenario is bound without a reason that can be read.
func TestBindings(t *testing.T) {
	for _, s := range all(t) {
		if b, err := s.Binding(); err != nil || b.Backend != "" && len(b.Because) < 20 {
			t.Errorf("%s: %+v, %v", s.File, b, err)
		}
	}
}

// TestFewScenariosAreBound checks that what holds in the simulation is shown on Linux too: four fifths of it at least.
func TestFewScenariosAreBound(t *testing.T) {
	scenarios := all(t)
	var bound []string
	for _, s := range scenarios {
		if b, err := s.Binding(); err == nil && b.Backend != "" {
			bound = append(bound, s.Name)
		}
	}
	if 5*len(bound) > len(scenarios) {
		t.Errorf("of %d scenarios %d are bound to one backend, more than a fifth: %s", len(scenarios), len(bound),
			strings.Join(bound, ", "))
	}
}

func all(t *testing.T) []scenario.Scenario {
	t.Helper()
	all, err := scenario.LoadAll(scenarios.Files, scenarios.Folder)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryScenarioSaysWhatItShows(t *testing.T) {
	for _, s := range all(t) {
		if len(s.Summary()) < 60 {
			t.Errorf("%s begins with %q; it has to say what it shows and why that matters", s.File, s.Summary())
		}
	}
}
