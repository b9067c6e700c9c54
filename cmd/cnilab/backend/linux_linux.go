package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cnilab/cnilab/harness/flannel"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/kernel"
	kernellinux "github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
	kerneluml "github.com/cnilab/cnilab/kernel/linux/uml"
	"github.com/cnilab/cnilab/plugin"
)

func linux(c Config) Backend {
	return Backend{
		Name:      "linux",
		About:     "the Linux kernel of this machine, in namespaces of their own",
		Available: sandbox.Available,
		Run: func(ctx context.Context, s scenario.Scenario, o scenario.Options) scenario.Result {
			o.Backend = "linux"
			result, err := runInSandbox(ctx, job{Scenario: s, Options: o, Config: c})
			if err != nil {
				return scenario.Result{Name: s.Name, Outcome: scenario.Failed, Log: err.Error() + "\n"}
			}
			return result
		},
	}
}

// runInSandbox runs a scenario in a process and namespaces of its own: a process has one network namespace that is the
// machine's own, and the scenario is to have it for itself.
func runInSandbox(ctx context.Context, j job) (result scenario.Result, err error) {
	stdin, err := json.Marshal(j)
	if err != nil {
		return result, err
	}
	var stdout, stderr bytes.Buffer
	exit, err := sandbox.Run(ctx, sandbox.Program{
		Args: []string{jobWord}, Stdin: bytes.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
	})
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil || exit != 0 {
		return result, fmt.Errorf("the process of the scenario ended with status %d: %s%s", exit, &stdout, &stderr)
	}
	return result, nil
}

// Enter is to be called first in main. This program is also the plugin, when it is called by the plugin's name, the
// process of one scenario, when it called itself for that, and those that User Mode Linux needs; then Enter does the work
// and exits.
func Enter() {
	kerneluml.Init()
	program := programNamed(filepath.Base(os.Args[0]))
	switch {
	case program != nil:
		os.Exit(bePlugin(program))
	case len(os.Args) == 2 && os.Args[1] == jobWord:
		os.Exit(doJob())
	case len(os.Args) == 2 && os.Args[1] == batchWord:
		os.Exit(doBatch())
	case len(os.Args) == 2 && os.Args[1] == stepWord:
		os.Exit(doSteps())
	case len(os.Args) == 2 && os.Args[1] == bootWord:
		os.Exit(doBoot())
	}
}

// programNamed is the plugin that this program is by that name; nil where it is none.
func programNamed(name string) kernel.Program {
	switch {
	case name == flannelName:
		return flannel.Main
	case slices.Contains(pluginNames, name):
		return plugin.Main
	}
	return nil
}

func doJob() (exit int) {
	if err := sandbox.Init(); err != nil {
		return complain(err)
	}
	if !sandbox.Inside() {
		return complain(fmt.Errorf("%s works in a sandbox only", jobWord))
	}
	j, err := readJob(os.Stdin)
	if err != nil {
		return complain(err)
	}
	result := scenario.Run(context.Background(), j.Scenario, func() (*scenario.Machine, error) {
		return realMachine(j.Config)
	}, j.Options)
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		return complain(err)
	}
	return 0
}

func complain(err error) (exit int) {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// realMachine is this process's own, inside a sandbox.
func realMachine(c Config) (*scenario.Machine, error) {
	host, err := kernellinux.New()
	if err != nil {
		return nil, err
	}
	m := &scenario.Machine{Host: host, PluginDirs: []string{c.PluginDir}}
	all := &hosts{config: c, first: m, real: map[string]kernel.Host{scenario.FirstHost: host}}
	m.AddHost, m.Cable, m.Cables = all.add, all.cable, all.laid
	m.Close = func() error { all.close(); host.Close(); return nil }
	if c.PluginDir == "" {
		err = furnish(m)
	}
	if err == nil {
		err = furnishAsNode(m)
	}
	if err == nil && c.CallOwn {
		m.Host = callingHost{host, m.Faults, openAgain}
	}
	m.Host = all.watch(m.Host)
	return m, err
}

// ownFolder is where this program has what plugins need of it, on all machines of a scenario.
const ownFolder = "/run/cnilab"

// ownPluginDir is where this program has the names of the plugins that it is.
const ownPluginDir = ownFolder + "/bin"

// furnish gives a machine our own plugins, and the faults that they meet.
func furnish(m *scenario.Machine) (err error) {
	m.PluginDirs = []string{ownPluginDir}
	if err := installSelf(m.PluginDirs[0]); err != nil {
		return err
	}
	m.Faults, err = serveFaults()
	return err
}

// installSelf makes a folder in which this program has the plugin's names.
func installSelf(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range append([]string{flannelName}, pluginNames...) {
		// Whoever follows the link is this program: it is started by nobody else.
		if err := os.Symlink("/proc/self/exe", filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
