package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cnilab/cnilab"

// A layer is a part of the project and what it may import. Names are paths; one that ends in "/..." stands for the
// packages below, too.
type layer struct {
	packages string   // of ours
	ours     []string // what of ours it may import
	outside  []string // what of others' modules it may import
	why      string   // the reason for the ban on the rest
}

// layers is the import table. It may change when the reason is written down; it may not rot.
var layers = []layer{
	{
		packages: "kernel",
		why:      "the contract: whoever implements it or is written over it must not get anything else with it",
	},
	{
		packages: "kernel/cable",
		why:      "what joins machines is the same whoever lays it: all backends and the scenarios have it from here",
	},
	{
		packages: "kernel/operation/...",
		ours:     []string{"kernel", "kernel/operation/..."},
		why:      "requests as data: who traces, generates or reads them must not get a backend or a harness with them",
	},
	{
		packages: "kernel/intercept/...",
		ours:     []string{"kernel", "kernel/operation"},
		why:      "it wraps any host, real or simulated, and so knows neither",
	},
	{
		packages: "kernel/kerneltest/...",
		ours:     []string{"kernel", "kernel/intercept"},
		why:      "the laws hold for every backend, a third party's too; what one answers is recorded by interception",
	},
	{
		packages: "kernel/linux/...",
		ours:     []string{"kernel", "kernel/cable", "kernel/linux/..."},
		outside: []string{
			"github.com/vishvananda/netlink/...", "github.com/vishvananda/netns",
			"golang.org/x/sys/unix",
		},
		why: "it goes into the deployed plugin, which must stay small and free of the simulation",
	},
	{
		packages: "kernel/linux/uml/...",
		ours:     []string{"kernel/linux/uml"},
		outside:  []string{"golang.org/x/sys/unix"},
		why:      "it boots a kernel for any program, and so knows none of ours, not even the contract",
	},
	{
		packages: "sim",
		ours:     []string{"kernel", "kernel/cable"},
		why:      "the simulated kernel builds wherever Go does; its sockets are plugged in from outside",
	},
	{
		packages: "sim/netstack/...",
		ours:     []string{"kernel", "sim"},
		outside:  []string{"gvisor.dev/gvisor/pkg/..."},
		why:      "it implements sim.Transport, and is the only place that knows gVisor",
	},
	{
		packages: "sim/capture",
		ours:     []string{"sim"},
		outside:  []string{"github.com/gopacket/gopacket/..."},
		why:      "it writes what a world tells, in a format of others; the simulation itself knows no format",
	},
	{
		packages: "sim/trace",
		ours:     []string{"sim"},
		outside:  []string{"github.com/gopacket/gopacket/..."},
		why:      "it tells people what a world tells, and what is in a frame by a library that knows all protocols",
	},
	{
		packages: "plugin/config/...",
		outside:  []string{"github.com/containernetworking/cni/pkg/..."},
		why:      "parsing and validating are pure",
	},
	{
		packages: "plugin/ipam/...",
		ours:     []string{"kernel", "plugin/config", "plugin/ipam/..."},
		outside:  []string{"github.com/containernetworking/cni/pkg/..."},
		why:      "leases are files and delegates are programs of a kernel.Host, so that both are simulated and can fail",
	},
	{
		packages: "plugin",
		ours:     []string{"kernel", "plugin/..."},
		outside:  []string{"github.com/containernetworking/cni/pkg/..."},
		why:      "the plugin sees a kernel.Host and must not know which",
	},
	{
		packages: "harness/...",
		ours: []string{
			"kernel", "kernel/cable", "kernel/intercept", "kernel/operation/...", "plugin/...", "harness/...",
		},
		outside: []string{
			"github.com/containernetworking/cni/...", "github.com/rogpeppe/go-internal/...",
			"github.com/google/go-cmp/cmp/...",
		},
		why: "a third party runs scenarios on a host of its choice; no backend comes with the harness",
	},
	{
		packages: "harness/lockstep",
		ours:     []string{"kernel", "kernel/intercept", "kernel/operation/..."},
		outside:  []string{"pgregory.net/rapid"},
		why:      "it compares any two hosts; what it generates must not depend on how either works",
	},
	{
		packages: "harness/simulated",
		ours:     []string{"kernel", "plugin", "harness", "harness/scenario", "sim/..."},
		why:      "scenarios in the simulation, for the command line and for tests of others: who imports it chooses a backend",
	},
	{
		packages: "harness/bench",
		why:      "how is measured, compared and shown does not depend on what",
	},
	{
		packages: "harness/bench/targets",
		ours:     []string{"kernel", "kernel/linux/...", "harness/bench"},
		outside:  []string{"golang.org/x/sys/unix"},
		why:      "a program that measures built programs, in namespaces that the real backend makes; nothing imports it",
	},
	{
		packages: "harness/bench/floor",
		outside:  []string{"golang.org/x/sys/unix"},
		why:      "a program that does what no plugin can do without; what of ours it had in would be measured, too",
	},
	{
		packages: "harness/elsewhere",
		outside:  []string{"golang.org/x/tools/go/packages"},
		why:      "a program that reads the project as the compiler does; what it reads is none of its parts",
	},
	{
		packages: "scenarios",
		why:      "files and the embedding of them; what runs them is chosen by the test or the command",
	},
	{
		packages: "cmd/bridge/...",
		ours:     []string{"kernel", "kernel/linux/...", "plugin/...", "cmd/bridge/..."},
		outside:  []string{"golang.org/x/sys/unix"},
		why:      "the binary on nodes must never link the simulation or the harness",
	},
	{
		packages: "cmd/cnilab/...",
		ours:     []string{"..."},
		outside:  []string{"github.com/spf13/cobra"},
		why:      "the only program that names both backends",
	},
}

// topLevel is all that stands at the top of the project, dot files besides.
var topLevel = []string{
	"Makefile", "README.md", "cmd", "go.mod", "go.sum", "harness", "kernel", "plugin", "scenarios", "sim",
}

func TestImportsPointAtKernel(t *testing.T) {
	for _, p := range listPackages(t, "./...") {
		rule, ok := layerOf(p.ImportPath)
		if !ok {
			t.Errorf("%s is in no layer: add it to the import table, with its reason", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if !rule.allows(imported) {
				t.Errorf("%s must not import %s: %s", p.ImportPath, imported, rule.why)
			}
		}
	}
}

// TestDeployedPluginIsSmall looks at everything that is linked, however far down. Any hash of crypto brings along all of
// the standard library's FIPS 140 module.
func TestDeployedPluginIsSmall(t *testing.T) {
	for _, p := range listPackages(t, "-deps", "./cmd/bridge") {
		for _, banned := range []string{
			module + "/sim", module + "/harness", module + "/kernel/linux/uml",
			"gvisor.dev", "github.com/spf13/cobra", "testing", "crypto",
		} {
			if p.ImportPath == banned || strings.HasPrefix(p.ImportPath, banned+"/") {
				t.Errorf("cmd/bridge links %s", p.ImportPath)
			}
		}
	}
}

// TestHarnessBringsNoBackend looks at all that is linked into the harness: a backend may be below its folder, and comes
// only to those who import that.
func TestHarnessBringsNoBackend(t *testing.T) {
	for _, p := range listPackages(t, "-deps", "./harness", "./harness/scenario", "./harness/lockstep") {
		for _, backend := range []string{module + "/sim", module + "/kernel/linux", module + "/harness/simulated"} {
			if matches(backend+"/...", p.ImportPath) {
				t.Errorf("the harness links %s", p.ImportPath)
			}
		}
	}
}

// TestNothingIsWrongOnPurpose looks at all that is not a test.
func TestNothingIsWrongOnPurpose(t *testing.T) {
	const twisted = module + "/kernel/kerneltest/twisted"
	for _, p := range listPackages(t, "./...") {
		if slices.Contains(p.Imports, twisted) {
			t.Errorf("%s imports %s, which is for tests alone", p.ImportPath, twisted)
		}
	}
}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, ".") && name != "bin" && !slices.Contains(topLevel, name) {
			t.Errorf("%s does not belong at the top level", name)
		}
	}
	for _, name := range topLevel {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Error(err)
		}
	}
}

var update = flag.Bool("update", false, "write the generated parts of README.md anew")

// TestReadmeShowsImportTable keeps the table in README.md equal to the one that is enforced.
func TestReadmeShowsImportTable(t *testing.T) {
	name := filepath.Join(root, "README.md")
	readme, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := replaceSection(string(readme), "imports", importTable())
	if err != nil {
		t.Fatal(err)
	}
	if want == string(readme) {
		return
	}
	if !*update {
		t.Fatalf("README.md's import table is stale: run make update. It should read\n%s", importTable())
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func importTable() string {
	var b strings.Builder
	b.WriteString("| package | may import of ours | and from outside | because |\n|---|---|---|---|\n")
	for _, l := range layers {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.packages, list(l.ours, "nothing"), list(l.outside, "nothing"), l.why)
	}
	return b.String()
}

func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	if slices.Equal(names, []string{"..."}) {
		return "all"
	}
	return strings.Join(names, ", ")
}

// replaceSection replaces what stands between the comments "NAME: generated" and "NAME: end".
func replaceSection(text, name, content string) (string, error) {
	begin, end := "<!-- "+name+": generated by make update -->\n", "<!-- "+name+": end -->"
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("README.md has no section %q", name)
	}
	return before + begin + content + end + after, nil
}

const root = "../.."

// A listedPackage is what go list tells of a package.
type listedPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T, args ...string) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux") // the deployed system: what is built elsewhere is a part of it
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var packages []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// layerOf returns the layer of one of our packages; the most specific name wins.
func layerOf(importPath string) (layer, bool) {
	name := strings.TrimPrefix(importPath, module+"/")
	var found layer
	for _, l := range layers {
		if matches(l.packages, name) && len(l.packages) > len(found.packages) {
			found = l
		}
	}
	return found, found.packages != ""
}

func (l layer) allows(imported string) bool {
	if name, ok := strings.CutPrefix(imported, module+"/"); ok {
		return slices.ContainsFunc(l.ours, func(pattern string) bool { return matches(pattern, name) })
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // standard library
	}
	return slices.ContainsFunc(l.outside, func(pattern string) bool { return matches(pattern, imported) })
}

func matches(pattern, name string) bool {
	prefix, ok := strings.CutSuffix(pattern, "...")
	if !ok {
		return pattern == name
	}
	return strings.HasPrefix(name+"/", path.Clean("/" + prefix)[1:]+"/") || prefix == ""
}

func TestLayerMatching(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"kernel", "kernel", true},
		{"kernel", "kernel/linux", false},
		{"kernel/linux/...", "kernel/linux", true},
		{"kernel/linux/...", "kernel/linux/sandbox", true},
		{"kernel/linux/...", "kernel/linuxish", false},
		{"...", "sim", true},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
	if (layer{ours: []string{"kernel"}}).allows(module + "/sim") {
		t.Error("a layer that may import kernel may import sim")
	}
	if !(layer{}).allows("net/netip") || (layer{}).allows("gvisor.dev/gvisor/pkg/tcpip") {
		t.Error("the standard library is free, other modules are not")
	}
}
