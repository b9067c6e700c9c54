//go:build linux

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// TestMain is a command that runs itself: the tests stay outside and look at what is inside.
func TestMain(m *testing.M) {
	if err := sandbox.Init(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(100)
	}
	if !sandbox.Inside() {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "look":
		look()
	case "own":
		own()
	case "copy":
		_, _ = io.Copy(os.Stdout, os.Stdin)
		os.Exit(7)
	case "die":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	case "test":
		os.Exit(sandbox.Main(suite(5)))
	}
	time.Sleep(time.Hour) // "hang"
}

// suite is a test suite that ends with a status.
type suite int

func (s suite) Run() int { return int(s) }

// look prints what is to be seen inside and leaves files behind.
func look() {
	links, _ := os.ReadFile("/proc/self/net/dev")
	run, _ := os.ReadDir("/run")
	lib, _ := os.ReadDir("/var/lib")
	must(os.WriteFile("/run/netns/left", nil, 0o600))
	must(os.WriteFile("/var/lib/left", nil, 0o600))
	fmt.Printf("uid %d, %d links, /run: %s, /var/lib: %d", os.Getuid(), bytes.Count(links, []byte(":")), run, len(lib))
	os.Exit(0)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// require skips or fails a test that cannot have a sandbox. (sandbox.Require is for tests inside.)
func require(t *testing.T) {
	t.Helper()
	err := sandbox.Available()
	switch {
	case err == nil:
	case os.Getenv(sandbox.RequireVariable) == "1":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

func TestRun(t *testing.T) {
	require(t)
	for range 2 { // the second finds nothing of the first
		var out bytes.Buffer
		look := sandbox.Program{Args: []string{"look"}, Stdout: &out, Stderr: os.Stderr}
		exit, err := sandbox.Run(context.Background(), look)
		const want = "uid 0, 1 links, /run: [d netns/], /var/lib: 0"
		if got := out.String(); got != want || exit != 0 || err != nil {
			t.Errorf("got  %q, exit %d, %v\nwant %q", got, exit, err, want)
		}
	}
	for _, left := range []string{"/run/netns/left", "/var/lib/left"} {
		if _, err := os.Lstat(left); !os.IsNotExist(err) {
			t.Errorf("%s outside: %v", left, err)
		}
	}
}

func TestRunGivesStreamsAndStatus(t *testing.T) {
	require(t)
	var out bytes.Buffer
	exit, err := sandbox.Run(context.Background(), sandbox.Program{
		Args: []string{"copy"}, Stdin: strings.NewReader("through"), Stdout: &out,
	})
	if out.String() != "through" || exit != 7 || err != nil {
		t.Errorf("%q, exit %d, %v", out.String(), exit, err)
	}
	if exit, err = sandbox.Run(context.Background(), sandbox.Program{Args: []string{"die"}}); exit != 128+9 || err != nil {
		t.Errorf("killed: exit %d, %v", exit, err)
	}
}

func TestRunEndsWithContext(t *testing.T) {
	require(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := sandbox.Run(ctx, sandbox.Program{Args: []string{"hang"}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A test binary that finds itself inside runs its tests.
func TestMainInside(t *testing.T) {
	require(t)
	if exit, err := sandbox.Run(context.Background(), sandbox.Program{Args: []string{"test"}}); exit != 5 || err != nil {
		t.Errorf("exit %d, %v", exit, err)
	}
}

// tb notes what becomes of a test.
type tb struct{ fate string }

func (*tb) Helper()          {}
func (b *tb) Skip(a ...any)  { b.fate = "skip: " + fmt.Sprint(a...) }
func (b *tb) Fatal(a ...any) { b.fate = "fatal: " + fmt.Sprint(a...) }

// Where there is no sandbox tests are skipped, unless they are required; where there could be one, it is no excuse that
// they are not in it.
func TestRequire(t *testing.T) {
	for variable, want := range map[string]string{"": "skip: needs a sandbox: ", "1": "fatal: needs a sandbox: "} {
		if sandbox.Available() == nil {
			want = "fatal: the TestMain of this package does not call sandbox.Main"
		}
		t.Setenv(sandbox.RequireVariable, variable)
		got := &tb{}
		sandbox.Require(got)
		if !strings.HasPrefix(got.fate, want) {
			t.Errorf("with %s=%q: %q, want %q", sandbox.RequireVariable, variable, got.fate, want)
		}
	}
}
