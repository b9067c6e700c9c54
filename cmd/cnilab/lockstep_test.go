package main

import "testing"

// found are the scenarios of what lockstep runs have found.
const found = "../../harness/lockstep/testdata"

// TestFoundDifferences checks that what was found to differ from Linux once does so no more.
func TestFoundDifferences(t *testing.T) {
	exit, stdout, stderr := cnilab(t, "test", found)
	if exit != exitOK {
		t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
	}
}

func TestFidelityRefuses(t *testing.T) {
	for _, against := range []string{"sim", ""} {
		exit, _, stderr := cnilab(t, "fidelity", "--against="+against)
		if exit == exitOK || stderr == "" {
			t.Errorf("--against=%s: exit status %d, %q", against, exit, stderr)
		}
	}
}
