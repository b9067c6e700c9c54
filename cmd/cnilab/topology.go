package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/harness/topology"
	"github.com/cnilab/cnilab/kernel"
)

// topologyFlags are the options of "cnilab topology".
type topologyFlags struct {
	backend string
	output  string
	line    int
}

func topologyCommand() *cobra.Command {
	var f topologyFlags
	cmd := &cobra.Command{
		Use:   "topology SCENARIO",
		Short: "Draw what a scenario connects with what: as Graphviz's DOT, or by it as SVG, PNG or PDF",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("topology: name one SCENARIO, not %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			picture, err := f.draw(cmd.Context(), args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if f.output == "" {
				_, err = cmd.OutOrStdout().Write(picture)
			} else {
				err = os.WriteFile(f.output, picture, 0o644)
			}
			if err != nil {
				return failure{err}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.backend, "backend", "sim", "the kernel to run on: sim, linux or uml")
	flags.StringVarP(&f.output, "output", "o", "", "the file to write, whose name says as what: x.dot, x.svg, x.png, x.pdf; none: DOT, to standard output")
	flags.IntVar(&f.line, "line", 0, "draw what is there behind this line of the scenario; 0: at its end")
	return cmd
}

// draw runs a scenario and returns the picture of what it leaves. A hint for people goes to stderr.
func (f topologyFlags) draw(ctx context.Context, path string, stderr io.Writer) ([]byte, error) {
	if _, known := isPicture[filepath.Ext(f.output)]; f.output != "" && !known {
		return nil, fmt.Errorf("-o %s: the name has to end with .dot, .svg, .png or .pdf", f.output)
	}
	s, err := f.scenario(path)
	if err != nil {
		return nil, err
	}
	b, err := backend.Named(f.backend, backend.Config{})
	if err != nil {
		return nil, err
	}
	if err := b.Available(); err != nil {
		return nil, failure{fmt.Errorf("backend %s: %w", b.Name, err)}
	}
	all := []scenario.Scenario{s}
	result := b.Runner(ctx, all, 1, scenario.Options{State: true})(s)
	if result.Outcome != scenario.Passed {
		return nil, failure{fmt.Errorf("%s: %s\n%s", s.File, result.Outcome, strings.TrimSpace(result.Log))}
	}
	state, err := kernel.ParseSnapshot(result.State)
	if err != nil {
		return nil, failure{err}
	}
	machines := machinesOf(s.Name, state)
	if f.line == 0 && topology.AreBare(machines) {
		fmt.Fprintln(stderr, "cnilab: nothing is attached at the end; --line N draws what is there behind line N of the scenario")
	}
	return f.render(ctx, topology.DOT(machines, cablesOf(machines, result.Cables)...))
}

// machinesOf are those of a scenario. Where there is one, the picture is named like the scenario.
func machinesOf(scenarioName string, state kernel.Snapshot) (machines []topology.Machine) {
	for _, s := range scenario.ByHost(state) {
		machines = append(machines, topology.Machine{Name: s.Host, State: s.State})
	}
	if len(machines) == 1 {
		machines[0].Name = scenarioName
	}
	return machines
}

// cablesOf are the cables between the machines.
func cablesOf(machines []topology.Machine, laid []scenario.LaidCable) (cables []topology.Cable) {
	for _, l := range laid {
		c := topology.Cable{Label: l.Says}
		for i, end := range l.Ends {
			c.Ends[i] = topology.Device{Machine: end.Host, NetNS: end.NetNS, Link: end.Device}
			if len(machines) == 1 {
				c.Ends[i].Machine = machines[0].Name
			}
		}
		cables = append(cables, c)
	}
	return cables
}

func (f topologyFlags) scenario(path string) (scenario.Scenario, error) {
	all, err := load([]string{path})
	switch {
	case err != nil:
		return scenario.Scenario{}, err
	case len(all) != 1:
		return scenario.Scenario{}, fmt.Errorf("%s has %d scenarios: name the one to draw", path, len(all))
	case f.line != 0:
		return all[0].Until(f.line)
	}
	return all[0], nil
}

// isPicture tells of each ending that a file to write may have whether Graphviz makes it.
var isPicture = map[string]bool{".dot": false, ".gv": false, ".svg": true, ".png": true, ".pdf": true}

func (f topologyFlags) render(ctx context.Context, dot string) ([]byte, error) {
	ending := filepath.Ext(f.output)
	if !isPicture[ending] {
		return []byte(dot), nil
	}
	picture, err := topology.Render(ctx, dot, ending[1:])
	if err != nil {
		return nil, failure{err}
	}
	return picture, nil
}
