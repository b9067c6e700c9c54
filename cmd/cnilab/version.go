package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/cnilab/cnilab/cmd/bridge/version"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "cnilab %s %s %s/%s\n",
				version.String(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}
