package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
	"github.com/cnilab/cnilab/harness/scenario"
)

// testFlags are the options of "cnilab test".
type testFlags struct {
	backend   string
	pluginDir string
	jobs      int
	verbose   bool
	timeout   time.Duration
	update    bool
	captures  string
}

func testCommand() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [PATH...]",
		Short: "Run scenarios: those in PATH, a file or a folder of *.txtar files, or the ones that come with cnilab",
		RunE: func(cmd *cobra.Command, paths []string) error {
			return test(cmd.Context(), f, paths, newReport(cmd.OutOrStdout(), f.verbose))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.backend, "backend", "sim", "the kernel to run on: sim, linux or uml")
	flags.StringVar(&f.pluginDir, "plugin-dir", "", "on linux and uml, run the plugins in this folder instead of cnilab's own")
	flags.IntVarP(&f.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "how many scenarios run at the same time")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what succeeded too")
	flags.DurationVar(&f.timeout, "timeout", scenario.DefaultTimeout, "how long one scenario may take; on uml five times that")
	flags.StringVar(&f.captures, "capture", "", "on sim, write the packets of each scenario to a file *.pcapng in this folder")
	flags.BoolVar(&f.update, "update", false, "in PATH, write anew what expect, jsoncmp and cmp find different")
	return cmd
}

// test runs scenarios and reports on them.
func test(ctx context.Context, f testFlags, paths []string, r *report) error {
	b, err := f.kernel()
	if err != nil {
		return err
	}
	if f.update && len(paths) == 0 {
		return fmt.Errorf("--update: name the files or folders to write anew")
	}
	all, err := load(paths)
	if err != nil {
		return err
	}
	if err := f.capturesApart(all); err != nil {
		return err
	}
	if err := b.Available(); err != nil {
		return failure{fmt.Errorf("backend %s: %w", b.Name, err)}
	}
	options := scenario.Options{Verbose: f.verbose, Timeout: f.timeout, Update: f.update}
	for result := range runAll(all, f.jobs, b.Runner(ctx, all, f.jobs, options)) {
		r.add(result)
		if err := result.WriteUpdated(all); err != nil {
			return failure{err}
		}
	}
	return r.end()
}

// capturesApart refuses scenarios of one name, each of which would write over the other's capture.
func (f testFlags) capturesApart(all []scenario.Scenario) error {
	files := map[string]string{}
	for _, s := range all {
		if other, twice := files[s.Name]; twice && f.captures != "" {
			return fmt.Errorf("--capture: %s and %s would both be written to %s.pcapng", other, s.File, s.Name)
		}
		files[s.Name] = s.File
	}
	return nil
}

// kernel returns the backend that the flags name.
func (f testFlags) kernel() (backend.Backend, error) {
	if f.jobs < 1 {
		return backend.Backend{}, fmt.Errorf("-j %d: at least one scenario has to run at a time", f.jobs)
	}
	if f.timeout <= 0 {
		return backend.Backend{}, fmt.Errorf("--timeout=%s: a scenario takes more time than none", f.timeout)
	}
	if f.captures != "" && f.backend != "sim" {
		return backend.Backend{}, fmt.Errorf("--capture: only --backend=sim sees all packets")
	}
	if f.pluginDir == "" {
		return backend.Named(f.backend, backend.Config{Captures: f.captures})
	}
	if f.backend == "sim" {
		return backend.Backend{}, fmt.Errorf("--plugin-dir: only --backend=linux and --backend=uml can run programs")
	}
	dir, err := filepath.Abs(f.pluginDir)
	if err == nil {
		_, err = os.ReadDir(dir)
	}
	if err != nil {
		return backend.Backend{}, fmt.Errorf("--plugin-dir: %w", err)
	}
	return backend.Named(f.backend, backend.Config{PluginDir: dir})
}
