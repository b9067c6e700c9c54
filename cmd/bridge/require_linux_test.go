package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// requireTool skips or fails a test for want of a program.
func requireTool(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		complain(t, err.Error())
	}
}

// requireRoot skips or fails a test that needs more of root than a user namespace with one user has.
func requireRoot(t *testing.T) {
	t.Helper()
	sandbox.Require(t)
	users, err := os.ReadFile("/proc/self/uid_map")
	must(t, err)
	if fields := strings.Fields(string(users)); len(fields) > 2 && fields[2] != "1" {
		return
	}
	complain(t, "container runtimes need the machine's root")
}

// referenceFolder names the folder of other projects' programs, which make builds.
const referenceFolder = "CNILAB_REFERENCE"

// referenceProgram is the path of one of them.
func referenceProgram(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv(referenceFolder)
	if folder == "" {
		complain(t, "set "+referenceFolder+" to the folder with "+name+", as make does")
	}
	file, err := filepath.Abs(filepath.Join(folder, name))
	must(t, err)
	if _, err := os.Stat(file); err != nil {
		complain(t, err.Error())
	}
	return file
}

// complain skips the test, or fails it where nothing may be skipped.
func complain(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv(sandbox.RequireVariable) == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
