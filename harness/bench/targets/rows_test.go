//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/harness/bench"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

func TestMain(m *testing.M) { os.Exit(sandbox.Main(m)) }

// small is enough to see that everything can be measured.
var small = scale{containers: 3, leases: 10, parallel: 3, seconds: 1, time: once}

// TestRowsCanBeMeasured measures each row once. What is measured is built; the reference has to be there.
func TestRowsCanBeMeasured(t *testing.T) {
	sandbox.Require(t)
	if !sandbox.Thorough() {
		t.Skip("\"make real\" asks for it")
	}
	reference := os.Getenv("CNILAB_REFERENCE")
	if reference == "" {
		t.Skip("CNILAB_REFERENCE is the folder of the reference's plugins: make real")
	}
	figures, err := bench.Run(t.Context(), rows(build(t, reference), small), 1, func(f bench.Figure) { t.Log(f) })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		switch {
		case !f.Measured():
			t.Error(f)
		case f.OursSample.Median() <= 0 || f.Other.Of != nil && f.OtherSample.Median() <= 0:
			t.Errorf("nothing was measured: %v", f)
		}
	}
}

// build makes the programs as "make bench" does, in a checkout's folders.
func build(t *testing.T, reference string) programs {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	ours := filepath.Join(bin, "bench", "ours")
	execute(t, root, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", ours+"/", "./cmd/bridge")
	execute(t, root, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(bin, "bench")+"/", "./harness/bench/...")
	execute(t, root, "go", "test", "-c", "-o", filepath.Join(bin, "bench", "sim.test"), "./sim")
	execute(t, root, "ln", filepath.Join(ours, "bridge"), filepath.Join(ours, "host-local"))
	execute(t, root, "ln", "-s", reference, filepath.Join(bin, "bench", "reference"))
	return programsIn(bin, root)
}

func execute(t *testing.T, folder, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// A plugin that fails is told in one line: which call of which configuration, and its words.
func TestFailureIsOneLine(t *testing.T) {
	sandbox.Require(t)
	failing := filepath.Join(t.TempDir(), "bridge")
	script := "#!/bin/sh\necho '{ \"code\": 7 }'\necho 'no\nnetwork' >&2\nexit 1\n"
	if err := os.WriteFile(failing, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	l := life{plugin: plugin{label: "ours", path: failing}, configuration: confA}
	row := bench.Row{Name: "add/a", Ours: read("ADD", l)}
	figures, err := bench.Run(t.Context(), []bench.Row{row}, 1, func(bench.Figure) {})
	if err != nil {
		t.Fatal(err)
	}
	const want = `ours: configuration a: ADD failed with status 1: { "code": 7 } no network`
	if got := figures[0].Err; got == nil || got.Error() != want {
		t.Errorf("%v\nwant %s", got, want)
	}
	if status(figures) != 1 {
		t.Error("a failure is none in the exit status")
	}
}

// What is not there is named, and no failure.
func TestLackingIsNoFailure(t *testing.T) {
	row := bench.Row{Name: "size", Ours: read("size", size{"ours", "/no/such/bridge"})}
	figures, err := bench.Run(t.Context(), []bench.Row{row}, 1, func(bench.Figure) {})
	if err != nil || !figures[0].Lacks() || !strings.Contains(figures[0].String(), "/no/such/bridge") || status(figures) != 0 {
		t.Errorf("%v, %v", figures, err)
	}
}

// The page is written only with all of its figures.
func TestWrite(t *testing.T) {
	page := filepath.Join(t.TempDir(), "BENCH.md")
	if err := write(page, "whole", []bench.Figure{{}}); err != nil {
		t.Fatal(err)
	}
	if err := write(page, "cut", []bench.Figure{{}, {Err: bench.Lacking("root")}}); err != nil {
		t.Fatal(err)
	}
	if got := readFile(page); got != "whole" {
		t.Errorf("the page is %q", got)
	}
}
