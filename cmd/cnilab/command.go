package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

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
	cmd, err := root.ExecuteContextC(ctx)
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
	fmt.Fprintf(stderr, "cnilab: %v%s\n", err, where(cmd, err))
	return exitUsage
}

// where is the help for who got the command line wrong; "" where a file is what is wrong.
func where(cmd *cobra.Command, err error) string {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return ""
	}
	return fmt.Sprintf(" (see %s --help)", cmd.CommandPath())
}

// wrongFlag says of a flag's value what it should have been, and not which function of Go did not like it.
func wrongFlag(_ *cobra.Command, err error) error {
	cause := errors.Unwrap(err)
	if cause == nil {
		return err
	}
	number, isNumber := errors.AsType[*strconv.NumError](cause)
	kind := "a time such as 90s or 2m"
	switch {
	case isNumber && number.Func == "ParseUint":
		kind = "a whole number, 0 or more"
	case isNumber:
		kind = "a whole number"
	case !strings.HasPrefix(cause.Error(), "time: "):
		return err
	}
	return fmt.Errorf("%s: it takes %s", strings.TrimSuffix(err.Error(), ": "+cause.Error()), kind)
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
	root.SetFlagErrorFunc(wrongFlag)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(testCommand(), topologyCommand(), fidelityCommand(), doctorCommand(), versionCommand(), scenarioTopic())
	root.SetHelpCommand(helpCommand())
	return root
}
