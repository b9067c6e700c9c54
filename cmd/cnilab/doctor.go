package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
)

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say on which kernels scenarios can run here, and what the others need",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			for _, b := range backend.All(backend.Config{}) {
				fmt.Fprint(cmd.OutOrStdout(), diagnosis(b))
			}
		},
	}
}

// diagnosis is a line on a backend, and one more on what it lacks.
func diagnosis(b backend.Backend) string {
	if err := b.Available(); err != nil {
		return fmt.Sprintf("no  %-6s %s\n           %v\n", b.Name, b.About, err)
	}
	return fmt.Sprintf("ok  %-6s %s\n", b.Name, b.About)
}
