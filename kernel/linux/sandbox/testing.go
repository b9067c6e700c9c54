//go:build linux

package sandbox

import (
	"context"
	"fmt"
	"os"
)

// RequireVariable is the environment variable that, set to "1", turns skips for want of a sandbox into failures.
const RequireVariable = "CNILAB_REQUIRE_LINUX"

// Thorough reports whether all that Linux can show is asked for, as by "make real". Otherwise tests are brief where they
// can be: what they wait for on a real kernel is their whole time, and the simulation has been tried in full.
func Thorough() bool { return os.Getenv(RequireVariable) == "1" }

// A Suite is what TestMain is given: a *testing.M.
type Suite interface {
	Run() (exit int)
}

// Main runs the tests of a test binary in a sandbox, and returns the status to exit with: that of the binary run
// again inside. Where there can be no sandbox, the tests run as they are, and Require skips or fails them.
func Main(m Suite) (exit int) {
	if err := Init(); err != nil {
		return complain(err)
	}
	if Inside() || Available() != nil {
		return m.Run()
	}
	exit, err := Run(context.Background(), Program{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		return complain(err)
	}
	return exit
}

func complain(err error) (exit int) {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// A TB is a *testing.T, B or F, as far as Require needs it.
type TB interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Require skips the test, with the reason, where there can be no sandbox, and fails it instead if RequireVariable is
// "1". In a sandbox it does nothing.
func Require(t TB) {
	t.Helper()
	if Inside() {
		return
	}
	why := Available()
	switch {
	case why == nil:
		t.Fatal("the TestMain of this package does not call sandbox.Main")
	case os.Getenv(RequireVariable) == "1":
		t.Fatal("needs a sandbox: ", why)
	default:
		t.Skip("needs a sandbox: ", why)
	}
}
