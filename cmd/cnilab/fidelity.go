package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
)

func fidelityCommand() *cobra.Command {
	var f backend.Fidelity
	var save, log string
	cmd := &cobra.Command{
		Use:   "fidelity",
		Short: "Ask the simulation and a kernel the same, at random, and compare what they answer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFidelity(f); err != nil {
				return err
			}
			report, err := f.Run(cmd.Context())
			if err != nil {
				return failure{err}
			}
			if log != "" {
				if err := logFidelity(log, f, report, time.Now()); err != nil {
					return failure{err}
				}
			}
			return tellFidelity(cmd.OutOrStdout(), f, report, save)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Against, "against", "linux", "the kernel to compare with: linux (this machine's) or uml")
	flags.StringVar(&f.What, "what", backend.AskRequests,
		"requests, which send nothing, or packets: probes of small networks, which are changed meanwhile")
	flags.IntVar(&f.Ops, "ops", 20000, "end after at least so many operations: what runs at the same time comes to its end; 0: no limit")
	flags.Uint64Var(&f.Seed, "seed", 1, "what the operations are drawn from: the same seed gives the same")
	flags.DurationVar(&f.For, "for", 0, "end after at least so much time; 0: no limit")
	flags.IntVarP(&f.Jobs, "jobs", "j", 64, "how many sequences of operations run at the same time; most wait for the kernel")
	flags.StringVar(&log, "log", "", "the file to append a line about the run to")
	flags.StringVar(&save, "save", "", "the folder to write a scenario into for each difference")
	return cmd
}

// checkFidelity refuses what is no run.
func checkFidelity(f backend.Fidelity) error {
	switch kernels := backend.FidelityKernels(); {
	case !slices.Contains(kernels, f.Against):
		return fmt.Errorf("--against=%s: there are %s", f.Against, strings.Join(kernels, ", "))
	case !slices.Contains(backend.FidelityQuestions(), f.What):
		return fmt.Errorf("--what=%s: there are %s", f.What, strings.Join(backend.FidelityQuestions(), ", "))
	case f.Ops < 0:
		return fmt.Errorf("--ops=%d: less than no operation cannot be asked for", f.Ops)
	case f.For < 0:
		return fmt.Errorf("--for=%s: a run takes no less than no time", f.For)
	case f.Jobs < 1:
		return fmt.Errorf("-j %d: at least one sequence has to run at a time", f.Jobs)
	}
	return nil
}

// enoughToBeRare is how many operations a run has at least of which it is told what hardly occurred: in one of less, most
// does.
const enoughToBeRare = 100_000

// tellFidelity prints a report, and whether it is a failure.
func tellFidelity(out io.Writer, f backend.Fidelity, r backend.FidelityReport, save string) error {
	for i, finding := range r.Findings {
		fmt.Fprintf(out, "difference %d: %s\n", i+1, finding.Text)
		for _, line := range finding.Lines {
			fmt.Fprintf(out, "    %s\n", line)
		}
		if save == "" {
			continue
		}
		file := filepath.Join(save, fmt.Sprintf("difference-%d-%d.txtar", f.Seed, i+1))
		if err := os.WriteFile(file, []byte(finding.Scenario), 0o644); err != nil {
			return failure{err}
		}
		fmt.Fprintf(out, "    saved; run it again: bin/cnilab test --backend=%s %s\n", f.Against, file)
	}
	for _, finding := range r.Unsteady {
		fmt.Fprintf(out, "not again when it was carried out anew: %s\n%s", finding.Text, indent(strings.Join(finding.Lines, "\n")+"\n"))
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Difference)) {
		fmt.Fprintf(out, "%6d times %s\n", r.Difference[kind], kind)
	}
	fmt.Fprintf(out, "\nWhat Linux %s answered:\n%s", r.Release, indent(r.Coverage))
	if len(r.Rare) > 0 && r.Ops >= enoughToBeRare {
		fmt.Fprintf(out, "Answers that a law has, and this run hardly got (less than 100 times in a million operations):\n")
		for _, p := range r.Rare {
			fmt.Fprintf(out, "    %s: %s\n", p.Op, p.Errno)
		}
	}
	fmt.Fprintf(out, "%d operations in %d sequences of seed %d, %.0f%% succeeded, in %s: %.0f a second; %d unstable; %d differences\n",
		r.Ops, r.Sequences, f.Seed, 100*r.Succeeded, r.Took.Round(time.Second/10), float64(r.Ops)/r.Took.Seconds(),
		r.Unstable, len(r.Findings))
	if len(r.Findings) > 0 {
		return errTold
	}
	return nil
}
