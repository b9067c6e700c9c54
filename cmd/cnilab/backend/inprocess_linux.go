package backend

import (
	"bytes"
	"context"
	"path/filepath"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
	kernellinux "github.com/cnilab/cnilab/kernel/linux"
)

// callingHost is a host on which our own plugins are called, where they would be executed: for kernels on which the start
// of a process takes longer than all that it does. Each call has a host of its own, as a process has.
type callingHost struct {
	kernel.Host
	faults *harness.Faults
	again  func() (own kernel.Host, end func(), err error) // opens the same machine once more
}

// openAgain opens this process's machine.
func openAgain() (own kernel.Host, end func(), err error) {
	host, err := kernellinux.New()
	if err != nil {
		return nil, nil, err
	}
	return host, host.Close, nil
}

// Exec calls what is our own, and executes all else.
func (h callingHost) Exec(ctx context.Context, path string, env []string, stdin []byte) (kernel.Output, error) {
	program := programNamed(filepath.Base(path))
	if !isOwnPluginDir(filepath.Dir(path)) || program == nil {
		return h.Host.Exec(ctx, path, env, stdin)
	}
	own, end, err := h.again()
	if err != nil {
		return kernel.Output{}, err
	}
	defer end()
	var stdout, stderr bytes.Buffer
	exit := h.faults.Program(program)(ctx, kernel.Invocation{
		Name: filepath.Base(path), Env: env, Stdin: bytes.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
	}, callingHost{own, h.faults, h.again})
	return kernel.Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Exit: exit}, nil
}
