//go:build linux

package uml_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel/linux/uml"
)

// requireVariable is the environment variable that, set to "1", has kernels booted.
const requireVariable = "CNILAB_REQUIRE_UML"

// TestMain is also the program inside, and a caller that is to be killed.
func TestMain(m *testing.M) {
	uml.Init()
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "look":
			look()
		case "write":
			must(os.WriteFile(os.Args[2], []byte("from inside"), 0o600))
			os.Exit(0)
		case "panic":
			must(os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0))
		case "hang":
			fmt.Println("hanging")
			time.Sleep(time.Hour) // a program that waits for nothing is ended by Go as deadlocked
		case "call":
			_, err := uml.Run(context.Background(), uml.Program{Args: []string{"hang"}, Stdout: os.Stdout})
			must(err)
		}
	}
	os.Exit(m.Run())
}

// look tells what is to be seen inside.
func look() {
	var name unix.Utsname
	must(unix.Uname(&name))
	dir, err := os.Getwd()
	must(err)
	_, inDir := os.Stat("go.mod.of.test")
	input, err := io.ReadAll(os.Stdin)
	must(err)
	run, err := os.ReadDir("/run")
	must(err)
	_, writing := os.Create(filepath.Join(dir, "left"))
	must(os.WriteFile("/tmp/left", nil, 0o600))
	fmt.Printf("Linux %s, uid %d, in %s (%v), %q and %q, /run %v, %v\n", unix.ByteSliceToString(name.Release[:]), os.Getuid(),
		dir, inDir, os.Args[2:], input, run, errors.Is(writing, unix.EROFS))
	fmt.Fprint(os.Stderr, "VARIABLE=", os.Getenv("VARIABLE"))
	fmt.Print(linksThatCanBeMade())
	os.Exit(7)
}

// linksThatCanBeMade tells which kinds of links the kernel has, by /proc/modules.
func linksThatCanBeMade() (kinds []string) {
	modules, err := os.ReadFile("/proc/modules")
	must(err)
	for _, kind := range []string{"bridge", "veth", "8021q", "dummy"} {
		if strings.Contains("\n"+string(modules), "\n"+kind+" ") {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// require skips a test that takes the time of a boot, unless it is asked for.
func require(t *testing.T) {
	t.Helper()
	if os.Getenv(requireVariable) != "1" {
		t.Skip("boots a kernel: make uml")
	}
	if err := uml.Available(); err != nil {
		t.Fatal(err)
	}
	t.Parallel()
}

// limited is a context that ends a test that hangs, long after what a boot takes on a busy machine.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestUML(t *testing.T) {
	require(t)
	dir := t.TempDir()
	must(os.WriteFile(filepath.Join(dir, "go.mod.of.test"), nil, 0o600))
	var out, errs bytes.Buffer
	exit, err := uml.Run(limited(t), uml.Program{
		Args: []string{"look", "a b", "\xff"}, Env: append(os.Environ(), "VARIABLE=v\n\xfe"), Dir: dir,
		Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &errs,
	})
	kernel, _ := uml.Find()
	want := fmt.Sprintf("Linux %s, uid 0, in %s (<nil>), %q and %q, /run [], true\n[bridge veth 8021q dummy]",
		kernel.Release, dir, []string{"a b", "\xff"}, "input")
	if out.String() != want || errs.String() != "VARIABLE=v\n\xfe" || exit != 7 || err != nil {
		t.Errorf("got  %s\nwant %s\nstderr %q, exit %d, %v", &out, want, &errs, exit, err)
	}
	if _, err := os.Lstat("/tmp/left"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("/tmp/left, outside: %v", err)
	}
}

func TestUMLWritesWhereItMay(t *testing.T) {
	require(t)
	file := filepath.Join(t.TempDir(), "file")
	exit, err := uml.Run(limited(t), uml.Program{Args: []string{"write", file}, Writable: []string{filepath.Dir(file)}})
	if exit != 0 || err != nil {
		t.Errorf("exit %d, %v", exit, err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "from inside" {
		t.Errorf("outside the file has %q, %v", text, err)
	}
}

func TestUMLSaysWhatTheKernelSaidLast(t *testing.T) {
	require(t)
	_, err := uml.Run(limited(t), uml.Program{Args: []string{"panic"}})
	if err == nil || !strings.Contains(err.Error(), "the kernel ended before the program; its console:") ||
		!strings.Contains(err.Error(), "Kernel panic - not syncing: sysrq triggered crash") {
		t.Error(err)
	}
}

func TestUMLOfWhatIsNoProgram(t *testing.T) {
	require(t)
	file := filepath.Join(t.TempDir(), "no program")
	must(os.WriteFile(file, nil, 0o600))
	_, err := uml.Run(limited(t), uml.Program{Path: file})
	if err == nil || !strings.Contains(err.Error(), file+": permission denied") {
		t.Error(err)
	}
}

// firstWrite cancels when the program writes.
type firstWrite func()

func (f firstWrite) Write(p []byte) (int, error) { f(); return len(p), nil }

func TestUMLEndsWithContext(t *testing.T) {
	require(t)
	ctx, cancel := context.WithCancelCause(limited(t))
	enough := errors.New("enough")
	_, err := uml.Run(ctx, uml.Program{Args: []string{"hang"}, Stdout: firstWrite(func() { cancel(enough) })})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

// TestUMLEndsWithCaller kills a caller, which can do nothing about it.
func TestUMLEndsWithCaller(t *testing.T) {
	require(t)
	caller := exec.CommandContext(limited(t), "/proc/self/exe", "call")
	caller.Stderr = os.Stderr
	output, err := caller.StdoutPipe()
	must(err)
	must(caller.Start())
	if _, err = io.ReadFull(output, make([]byte, len("hanging"))); err != nil {
		t.Fatal(err)
	}
	folder := folderOf(caller.Process.Pid)
	if folder == "" || processesOf(folder) < 3 {
		t.Errorf("the kernel has the folder %q and %d processes", folder, processesOf(folder))
	}
	must(caller.Process.Kill())
	_ = caller.Wait()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Lstat(folder); processesOf(folder) == 0 && errors.Is(err, os.ErrNotExist) {
			return
		}
	}
	_, err = os.Lstat(folder)
	t.Errorf("%d processes are left, and of their folder: %v", processesOf(folder), err)
}

// folderOf returns the folder of the kernel of a caller, from the command line of its keeper.
func folderOf(caller int) string {
	for _, process := range processes() {
		if !bytes.Contains(process.status, fmt.Appendf(nil, "\nPPid:\t%d\n", caller)) {
			continue
		}
		for arg := range bytes.SplitSeq(process.command, []byte{0}) {
			if folder, ok := bytes.CutPrefix(arg, []byte("uml_dir=")); ok {
				return string(folder)
			}
		}
	}
	return ""
}

func processesOf(folder string) (n int) {
	for _, process := range processes() {
		if bytes.Contains(process.command, []byte("uml_dir="+folder+"\x00")) {
			n++
		}
	}
	return n
}

type process struct{ status, command []byte }

func processes() (all []process) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders { // one that has just ended has neither
		status, _ := os.ReadFile(folder + "/status")
		command, _ := os.ReadFile(folder + "/cmdline")
		all = append(all, process{status, command})
	}
	return all
}
