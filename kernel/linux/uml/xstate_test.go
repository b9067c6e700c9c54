//go:build linux

package uml

import (
	"errors"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestSettingsAreAddedToWhatIsThere(t *testing.T) {
	for _, c := range []struct{ have, want []string }{
		{nil, []string{"A=1"}},
		{[]string{"A="}, []string{"A=", "A=1"}}, // the last one counts
		{[]string{"A=0", "B=2"}, []string{"A=0,1", "B=2"}},
	} {
		if got := withSetting(c.have, "A", "1", ","); !slices.Equal(got, c.want) {
			t.Errorf("%q with A=1: got %q, want %q", c.have, got, c.want)
		}
	}
}

// What a thread hides it cannot show again: the thread ends with the test.
func TestLargeStateIsHidden(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the extended state is x86's")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- readsLargeState()
	}()
	if err := <-done; !errors.Is(err, unix.EIO) {
		t.Errorf("the extended state of a traced process: got %v, want EIO", err)
	}
}

// readsLargeState traces a process and asks for its extended state, which has been hidden.
func readsLargeState() error {
	if err := hideLargeState(); err != nil {
		return err
	}
	child := exec.Command("/bin/true")
	child.SysProcAttr = &unix.SysProcAttr{Ptrace: true, Pdeathsig: unix.SIGKILL}
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Wait()
	defer child.Process.Kill()
	if _, err := unix.Wait4(child.Process.Pid, nil, 0, nil); err != nil { // it stops as it begins
		return err
	}
	var room [64]byte
	return getRegisters(child.Process.Pid, extendedState, room[:])
}

// getRegisters is ptrace(PTRACE_GETREGSET).
func getRegisters(pid int, set uintptr, room []byte) error {
	vector := unix.Iovec{Base: &room[0]}
	vector.SetLen(len(room))
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, readRegisters, uintptr(pid), set, uintptr(unsafe.Pointer(&vector)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
