//go:build linux

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel/linux/uml"
)

// requireUML skips a test that takes the time of a boot, unless it is asked for.
func requireUML(t *testing.T) {
	t.Helper()
	if os.Getenv("CNILAB_REQUIRE_UML") != "1" {
		t.Skip("boots a kernel: make uml")
	}
	if err := uml.Available(); err != nil {
		t.Fatal(err)
	}
}

// TestUMLTellsTheSame runs the scenarios of TestGolden on a kernel that is booted for them.
func TestUMLTellsTheSame(t *testing.T) {
	requireUML(t)
	exit, stdout, stderr := cnilab(t, "test", "-j1", "--backend=uml", "testdata/mixed")
	if exit != exitFailed || stderr != "" {
		t.Errorf("exit status %d, want %d; stderr %q", exit, exitFailed, stderr)
	}
	compareGolden(t, "mixed.golden", stable(stdout))
}

func TestDoctorNamesTheKernelOfUML(t *testing.T) {
	requireUML(t)
	kernel, err := uml.Find()
	if err != nil {
		t.Fatal(err)
	}
	want := "ok  uml    User Mode Linux, a kernel of its own that is an ordinary process: Linux " + kernel.Release
	if _, stdout, _ := cnilab(t, "doctor"); !strings.Contains(stdout, want) {
		t.Errorf("no %q:\n%s", want, stdout)
	}
}

func TestWithoutUML(t *testing.T) {
	t.Setenv(uml.PathVariable, "/is not here")
	exit, stdout, stderr := cnilab(t, "test", "--backend=uml", "testdata/mixed")
	const want = "cnilab: backend uml: no User Mode Linux: install Debian's package user-mode-linux, or set CNILAB_UML: "
	if exit != exitFailed || stdout != "" || !strings.HasPrefix(stderr, want) {
		t.Errorf("exit status %d, want %d; stderr %q\n%s", exit, exitFailed, stderr, stdout)
	}
	if _, stdout, _ := cnilab(t, "doctor"); !strings.Contains(stdout, "no  uml ") {
		t.Errorf("doctor finds one:\n%s", stdout)
	}
}
