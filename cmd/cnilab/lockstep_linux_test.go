package main

import (
	"strings"
	"testing"
)

// Linux is the judge of what was found, too.
func TestFoundDifferencesOnLinux(t *testing.T) {
	needTime(t)
	requireSandboxes(t)
	if exit, stdout, stderr := cnilab(t, "test", "--backend=linux", found); exit != exitOK {
		t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
	}
}

// TestFidelity asks both kernels the same for some seconds.
func TestFidelity(t *testing.T) {
	needTime(t)
	requireSandboxes(t)
	exit, stdout, stderr := cnilab(t, "fidelity", "--ops=1500", "--seed=1")
	if exit != exitOK {
		t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
	}
	for _, want := range []string{"operations in", "of seed 1", "a second", "0 differences", "link add "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the report lacks %q:\n%s", want, stdout)
		}
	}
}
