package pluginmain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cnilab/cnilab/cmd/bridge/operator"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/plugin"
)

// Main is the plugin as this process, on this machine, and returns the exit status.
//
// VERSION, which runtimes ask before anything else, gets by without the machine, and makes nothing that would have to be undone.
//
// With arguments, which runtimes do not give, it does what package operator says.
func Main() (exit int) {
	if len(os.Args) > 1 {
		return operator.Main(about("see below"), os.Args[1:], os.Stdout, os.Stderr)
	}
	if os.Getenv("CNI_COMMAND") == "VERSION" {
		return plugin.Main(context.Background(), invocation(), nil)
	}
	return Run(plugin.Main)
}

// Run is Main for another program, such as the plugin with faults around it.
func Run(program kernel.Program) (exit int) {
	if calledByHand() {
		fmt.Fprint(os.Stderr, about("bridge --help tells how"))
		return 2
	}
	host, err := linux.New()
	if err != nil {
		return noMachine(stdout, err)
	}
	defer host.Close()
	in := invocation()
	var ctx context.Context
	ctx, in.Stdin = interruptible(in.Stdin)
	return program(ctx, in, host)
}

// invocation is the process's own.
func invocation() kernel.Invocation {
	return kernel.Invocation{
		Name:   filepath.Base(os.Args[0]),
		Env:    os.Environ(),
		Stdin:  os.Stdin,
		Stdout: stdout,
		Stderr: stderr,
	}
}

// calledByHand reports whether a person at a terminal started the plugin, and no runtime.
func calledByHand() bool {
	if os.Getenv("CNI_COMMAND") != "" {
		return false
	}
	stdin, err := os.Stdin.Stat()
	if err != nil || stdin.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(stdin, null)
}

// noMachine prints the error object for a machine that cannot be reached.
func noMachine(stdout io.Writer, err error) (exit int) {
	const ioFailure = 5
	_ = json.NewEncoder(stdout).Encode(struct { // nobody is left to tell
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}{ioFailure, "open this machine's network namespace: " + err.Error()})
	return 1
}
