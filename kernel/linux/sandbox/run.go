//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// self is the program that is running, even when its file has been replaced or removed.
const self = "/proc/self/exe"

// stragglers is how long Run waits, once the program has ended, for what it started and left with its streams.
const stragglers = time.Second

// A Program is one run of this program in a sandbox. Nil streams are the null device.
type Program struct {
	Args   []string // without the program's name
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Run runs this program in a new sandbox and returns its exit status; 128 + signal for one that a signal ended. An
// error means that there is no status: the sandbox could not be made (see Available for the reasons), or ctx ended
// and the program was killed. It is also killed when the caller dies.
func Run(ctx context.Context, p Program) (exit int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The kernel takes the end of the thread that made a child for the death of its parent (PR_SET_PDEATHSIG).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		exit, err = run(ctx, p)
	}()
	<-done
	return exit, err
}

func run(ctx context.Context, p Program) (int, error) {
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{os.Args[0]}, p.Args...)
	cmd.Env = append(os.Environ(), marker+"="+fresh)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.Stdin, p.Stdout, p.Stderr
	cmd.WaitDelay = stragglers
	cmd.SysProcAttr = namespaces()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("sandbox: %w", reason(err))
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		return 0, fmt.Errorf("sandbox: %w", context.Cause(ctx))
	}
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) && !errors.Is(err, exec.ErrWaitDelay) {
		return 0, fmt.Errorf("sandbox: %w", err)
	}
	return exitStatus(cmd.ProcessState), nil
}

func exitStatus(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

// namespaces asks for a network and a mount namespace, and where this process may not make them, for a user namespace
// in which it may.
func namespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS}
	if mayAdministrate() {
		return attr
	}
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	return attr
}

// mayAdministrate reports whether the process has CAP_SYS_ADMIN, which root in a container often lacks.
func mayAdministrate() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	err := unix.Capget(&header, &sets[0])
	return err == nil && sets[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}
