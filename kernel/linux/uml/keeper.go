//go:build linux

package uml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// keeperMarker is the environment variable that tells this program to be a keeper, with its folder.
const keeperMarker = "CNILAB_UML_KEEPER"

// A keeper is the process that ends a kernel. It lives until its input ends, as it does when the caller dies, too.
type keeper struct {
	cmd    *exec.Cmd
	input  io.Closer
	ended  <-chan struct{} // closed when the kernel has ended
	errors bytes.Buffer
}

func startKeeper(k Kernel, f folder) (*keeper, error) {
	keeper := &keeper{cmd: exec.Command("/proc/self/exe", append([]string{k.Path}, commandLine(f)...)...)}
	keeper.cmd.Env = []string{keeperMarker + "=" + string(f)}
	keeper.cmd.Stderr = &keeper.errors
	keeper.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the keyboard is for the caller
	if os.Getuid() == 0 {
		keeper.cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWNET
	}
	input, err := keeper.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := keeper.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	keeper.input = input
	if err := keeper.cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, output) // the keeper closes it
		close(ended)
	}()
	keeper.ended = ended
	return keeper, nil
}

// end ends the kernel, if it still runs, and waits until nothing is left.
func (k *keeper) end() error {
	_ = k.input.Close()
	<-k.ended
	if err := k.cmd.Wait(); err != nil {
		return fmt.Errorf("keeper of the kernel: %w: %s", err, &k.errors)
	}
	return nil
}

// commandLine is how the kernel is started.
func commandLine(f folder) []string {
	line := []string{
		fmt.Sprintf("mem=%dM", memory),
		"root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
		"init=" + f.file(selfFile), initMarker + "=" + string(f),
		"devtmpfs.mount=0", // the folder may be below /dev
		"uml_dir=" + string(f),
		"con=null", "con0=null,fd:1", "ssl=null",
		"lsm=",       // no security modules
		"loglevel=5", // warnings; a bridge says each change of a port below that
		"noreboot",
	}
	if hasLargeState() {
		line = withoutAVX(line) // what the kernel does not know is the environment of the first process
	}
	return line
}

// beKeeper starts the kernel that is this process's arguments, and ends it when it is told to.
func beKeeper(f folder) (exit int) {
	err := f.keep(os.Args[1:])
	f.remove()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (f folder) keep(command []string) error {
	runtime.LockOSThread() // the kernel takes the end of the thread that made a child for the death of its parent
	console, err := os.OpenFile(f.file(consoleFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if hasLargeState() {
		if err := hideLargeState(); err != nil {
			return err
		}
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = []string{"TMPDIR=" + string(f), "HOME=" + string(f)}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	told := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = killGroup(cmd.Process.Pid)
		close(told)
	}()
	err = waitForEnd(cmd.Process.Pid)
	// All at once: what User Mode Linux runs are processes of this machine that it traces. One whose tracer dies
	// before it goes on as a process of this machine.
	err = errors.Join(err, killGroup(cmd.Process.Pid))
	_ = os.Stdout.Close()
	<-told
	_ = cmd.Wait() // the status of the kernel is nobody's; it is that of an abort now and then, after a clean end
	return err
}

// waitForEnd waits for the end of a child, which goes on to hold its process id.
func waitForEnd(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func killGroup(leader int) error {
	err := unix.Kill(-leader, unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}
