//go:build linux

// Command umlrun runs a program on a kernel of its own, User Mode Linux, and ends as it does:
//
//	go test -exec umlrun ./...
//	umlrun ip link
//
// Environment, working directory and files are those of outside, the files read only but for the folders that
// $UMLRUN_WRITABLE lists, as $PATH does; see package uml.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/cnilab/cnilab/kernel/linux/uml"
)

// cannot is the exit status where there is none of a program.
const cannot = 125

func main() {
	uml.Init()
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: umlrun PROGRAM [ARGUMENT...]")
		os.Exit(cannot)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	exit, err := run(ctx, os.Args[1], os.Args[2:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "umlrun:", err)
		os.Exit(cannot)
	}
	os.Exit(exit)
}

func run(ctx context.Context, program string, args []string) (exit int, err error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return 0, err
	}
	return uml.Run(ctx, uml.Program{
		Path: path, Args: args, Stdout: os.Stdout, Stderr: os.Stderr,
		Writable: filepath.SplitList(os.Getenv("UMLRUN_WRITABLE")),
	})
}
