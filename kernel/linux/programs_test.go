//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// programs are what the test binary is when it is executed by one of these names.
var programs = map[string]func(){
	"echo": func() {
		stdin, _ := io.ReadAll(os.Stdin)
		fmt.Printf("%s|%s", strings.Join(os.Environ(), ","), stdin)
		fmt.Fprint(os.Stderr, "complaint")
		os.Exit(3)
	},
	"where": func() {
		at, _ := os.Readlink("/proc/self/ns/net")
		fmt.Print(at)
	},
	"kill-yourself": func() { _ = unix.Kill(os.Getpid(), unix.SIGKILL); time.Sleep(time.Hour) },
	"sleep":         func() { time.Sleep(time.Hour) },
	"hold": func() {
		f, err := os.Create(os.Getenv("FILE"))
		if err == nil && unix.Flock(int(f.Fd()), unix.LOCK_EX) == nil {
			time.Sleep(time.Hour)
		}
	},
	"have-it-held": func() {
		if h, err := New(); err == nil {
			_, _ = h.Exec(context.Background(), os.Getenv("HOLD"), os.Environ(), nil)
		}
	},
	"leave-a-child": func() {
		pid, _ := syscall.ForkExec("/bin/sleep", []string{"sleep", "3600"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
		fmt.Print(pid)
	},
	"without-sys-admin": func() {
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(unix.Exec("/proc/self/exe", []string{"add-netns"}, passedOn()))
	},
	"add-netns": func() {
		h, err := New()
		if err == nil {
			err = h.AddNetNS("/run/netns/half")
		}
		fmt.Println(err)
	},
}

// programByName runs the program that the test binary was executed as, if it is one.
func programByName(args []string) bool {
	program, ok := programs[filepath.Base(args[0])]
	if ok {
		program()
	}
	return ok
}

// programPath makes a file that is the program of that name.
func programPath(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	self, err := os.Executable()
	must(t, err)
	must(t, os.Symlink(self, path))
	return path
}

// passedOn is what programs need of the environment here: on some processors those in User Mode Linux have to do without
// what that does not keep.
func passedOn() (env []string) {
	for _, name := range []string{"GODEBUG", "GLIBC_TUNABLES"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// runProgram returns what the program prints.
func runProgram(t *testing.T, name string) string {
	t.Helper()
	h, err := New()
	must(t, err)
	defer h.Close()
	out, err := h.Exec(context.Background(), programPath(t, name), passedOn(), nil)
	must(t, err)
	return string(out.Stdout)
}

func TestExec(t *testing.T) {
	h, _ := newMachine(t)
	t.Setenv("SECRET", "of the caller")
	env := append([]string{"A=1", "B=2"}, passedOn()...)
	got, err := h.Exec(context.Background(), programPath(t, "echo"), env, []byte("input"))
	must(t, err)
	if string(got.Stdout) != strings.Join(env, ",")+"|input" || string(got.Stderr) != "complaint" || got.Exit != 3 {
		t.Errorf("stdout %q, stderr %q, exit %d", got.Stdout, got.Stderr, got.Exit)
	}
	if len(passedOn()) > 0 {
		return // there is no program that could do without an environment
	}
	got, err = h.Exec(context.Background(), programPath(t, "echo"), nil, nil)
	must(t, err)
	if string(got.Stdout) != "|" {
		t.Errorf("without an environment: %q", got.Stdout)
	}
}

func TestExecRunsInSelf(t *testing.T) {
	h, self := newMachine(t)
	got, err := h.Exec(context.Background(), programPath(t, "where"), passedOn(), nil)
	must(t, err)
	if string(got.Stdout) != self.ID().String() {
		t.Errorf("ran in %s, want %s", got.Stdout, self.ID())
	}
}

func TestExecSignalled(t *testing.T) {
	h, _ := newMachine(t)
	got, err := h.Exec(context.Background(), programPath(t, "kill-yourself"), passedOn(), nil)
	if err != nil || got.Exit != 128+9 {
		t.Errorf("exit %d, %v", got.Exit, err)
	}
}

func TestExecIsKilled(t *testing.T) {
	h, _ := newMachine(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := h.Exec(ctx, programPath(t, "sleep"), passedOn(), nil)
	wantErrno(t, "exec", err, kernel.ECANCELED)
	_, err = h.Exec(ctx, programPath(t, "where"), passedOn(), nil)
	wantErrno(t, "exec when ctx has ended", err, kernel.ECANCELED)
}

// TestExecEndsWithTheCaller, even where that is killed.
func TestExecEndsWithTheCaller(t *testing.T) {
	file := filepath.Join(t.TempDir(), "held")
	caller := exec.Command(programPath(t, "have-it-held"))
	caller.Env = append(passedOn(), "HOLD="+programPath(t, "hold"), "FILE="+file)
	must(t, caller.Start())
	await := func(held bool) {
		for deadline := time.Now().Add(10 * time.Second); lockedByOther(file) != held; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				_ = caller.Process.Kill()
				t.Fatalf("the program that was executed runs: %v", !held)
			}
		}
	}
	await(true)
	must(t, caller.Process.Kill())
	_ = caller.Wait()
	await(false)
}

// lockedByOther reports whether somebody holds the lock of a file.
func lockedByOther(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// What a program leaves running with its standard output does not hold Exec up for long.
func TestExecDoesNotWaitForStragglers(t *testing.T) {
	h, _ := newMachine(t)
	start := time.Now()
	got, err := h.Exec(context.Background(), programPath(t, "leave-a-child"), passedOn(), nil)
	must(t, err)
	var pid int
	if _, err := fmt.Sscan(string(got.Stdout), &pid); err != nil || got.Exit != 0 || pid <= 1 {
		t.Fatalf("%q, exit %d, %v", got.Stdout, got.Exit, err)
	}
	must(t, unix.Kill(pid, unix.SIGKILL))
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestExecErrors(t *testing.T) {
	h, _ := newMachine(t)
	dir := t.TempDir()
	nonsense, plain := filepath.Join(dir, "nonsense"), filepath.Join(dir, "plain")
	must(t, os.WriteFile(nonsense, []byte("not a program"), 0o700))
	must(t, os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o600))
	busy := filepath.Join(dir, "busy")
	f, err := os.OpenFile(busy, os.O_CREATE|os.O_WRONLY, 0o700)
	must(t, err)
	defer f.Close()
	for path, want := range map[string]kernel.Errno{
		filepath.Join(dir, "absent"): kernel.ENOENT,
		"ls":                         kernel.ENOENT, // not looked up in $PATH
		nonsense + "/below":          kernel.ENOTDIR,
		nonsense:                     kernel.ENOEXEC,
		plain:                        kernel.EACCES,
		dir:                          kernel.EACCES,
		busy:                         kernel.ETXTBSY,
	} {
		_, err := h.Exec(context.Background(), path, nil, nil)
		wantErrno(t, "exec "+path, err, want)
	}
}

// A program that is still being written for a moment is started after that moment.
func TestExecWaitsForBusyText(t *testing.T) {
	h, _ := newMachine(t)
	path := filepath.Join(t.TempDir(), "script")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	must(t, err)
	_, err = f.WriteString("#!/bin/sh\necho ready\n")
	must(t, err)
	time.AfterFunc(10*time.Millisecond, func() { f.Close() })
	got, err := h.Exec(context.Background(), path, nil, nil)
	if err != nil || string(got.Stdout) != "ready\n" {
		t.Errorf("%q, %v", got.Stdout, err)
	}
}

func TestIsSelf(t *testing.T) {
	h, _ := newMachine(t)
	for path, want := range map[string]bool{programPath(t, "link"): true, "/proc/self/exe": true, "/bin/sh": false} {
		if got, err := h.IsSelf(path); got != want || err != nil {
			t.Errorf("IsSelf(%s) = %v, %v", path, got, err)
		}
	}
	_, err := h.IsSelf("/no/such/program")
	wantErrno(t, "IsSelf", err, kernel.ENOENT)
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
