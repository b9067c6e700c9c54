//go:build linux

package linux

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// stragglers is how long Exec waits, once the program has ended, for what it started and left with its standard
// output. It is also how long the program's own last words may take to get here, which on a machine with much to do was
// more than a second.
const stragglers = 5 * time.Second

// longestBusy is the longest wait between two attempts to start a program whose file is open for writing.
const longestBusy = 64 * time.Millisecond

// Exec implements kernel.Programs. The program runs in the network namespace of Self, and does not outlive this process:
// an IPAM plugin that did would lease an address when whoever was to release it has been.
func (h *Host) Exec(ctx context.Context, path string, env []string, stdin []byte) (kernel.Output, error) {
	output, err := h.exec(ctx, path, env, stdin)
	return output, fail("exec", "", path, err)
}

func (h *Host) exec(ctx context.Context, path string, env []string, stdin []byte) (kernel.Output, error) {
	var stdout, stderr bytes.Buffer
	var cmd *exec.Cmd
	err := h.self.inside(h.home, func() (err error) { // a child starts in the namespace of the thread that makes it
		runtime.LockOSThread() // and takes the end of that thread for the death of its parent
		defer runtime.UnlockOSThread()
		cmd, err = startUnlessBusy(ctx, func() *exec.Cmd {
			cmd := command(ctx, path, env)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
			return cmd
		})
		if err != nil {
			return err
		}
		return waitFor(ctx, cmd)
	})
	if err != nil {
		return kernel.Output{}, err
	}
	return kernel.Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Exit: exitStatus(cmd.ProcessState)}, nil
}

// command is the program at this very path (exec.Command would search $PATH) with exactly this environment (a nil one
// would be the caller's).
func command(ctx context.Context, path string, env []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path)
	cmd.Path, cmd.Err = path, nil
	cmd.Env = append([]string{}, env...)
	cmd.WaitDelay = stragglers
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// startUnlessBusy starts the program. ETXTBSY passes: another thread forked while the file was being written, and its
// child has a copy of the descriptor until it executes its own program.
func startUnlessBusy(ctx context.Context, prepare func() *exec.Cmd) (*exec.Cmd, error) {
	for nap := time.Millisecond; ; nap *= 2 {
		cmd := prepare()
		err := cmd.Start()
		if !is(err, unix.ETXTBSY) || nap > longestBusy {
			return cmd, err
		}
		if err := sleep(ctx, nap); err != nil {
			return nil, err
		}
	}
}

// waitFor waits for the end of the program. How it ended is in its ProcessState and no error, unless ctx ended it.
func waitFor(ctx context.Context, cmd *exec.Cmd) error {
	err := cmd.Wait()
	var status *exec.ExitError
	switch {
	case ctx.Err() != nil && !cmd.ProcessState.Success():
		return ctx.Err()
	case errors.As(err, &status), errors.Is(err, exec.ErrWaitDelay):
		return nil
	}
	return err
}

// exitStatus is what a shell's $? would be.
func exitStatus(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

// IsSelf implements kernel.Programs.
func (h *Host) IsSelf(path string) (bool, error) {
	same, err := sameFile(path, "/proc/self/exe")
	return same, fail("program compare", "", path, err)
}

func sameFile(a, b string) (bool, error) {
	infoA, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	infoB, err := os.Stat(b)
	if err != nil {
		return false, err
	}
	return os.SameFile(infoA, infoB), nil
}
