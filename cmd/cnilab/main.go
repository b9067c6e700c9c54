// Command cnilab runs CNI plugins on a simulated Linux kernel, or on the real one, and says whether they do what a
// scenario says.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
)

func main() {
	backend.Enter()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	exit := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(exit)
}
