package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // a scenario failed, or could not be run
	exitUsage  = 2 // the command line does not make sense
)

// run is the command line as a function.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (exit int) {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var failed failure
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errTold):
		return exitFailed
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, "cnilab:", err)
		return exitFailed
	}
	fmt.Fprintf(stderr, "cnilab: %v (see cnilab --help)\n", err)
	return exitUsage
}

// A failure is an error of the work, not of the command line.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// errTold is a failure of which people have read already.
var errTold = errors.New("scenarios failed")

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "cnilab",
		Short:         "Run CNI plugins on a simulated Linux kernel, or on the real one",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(testCommand(), topologyCommand(), fidelityCommand(), doctorCommand(), versionCommand(), scenarioTopic())
	root.SetHelpCommand(helpCommand())
	return root
}
