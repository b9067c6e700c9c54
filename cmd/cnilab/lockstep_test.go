package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
	"github.com/cnilab/cnilab/harness/lockstep"
)

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
	for arg, want := range map[string]string{
		"--against=sim": "there are linux, uml", "--against=": "there are linux, uml",
		"--what=frames": "there are requests, packets",
		"--ops=-5":      "less than no operation", "--for=-1s": "no less than no time", "-j0": "at least one",
	} {
		exit, stdout, stderr := cnilab(t, "fidelity", arg)
		if exit != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit status %d, %q", arg, exit, stderr)
		}
	}
}

// TestRareAnswersAreToldOfLongRuns: in a short one, most are rare.
func TestRareAnswersAreToldOfLongRuns(t *testing.T) {
	for ops, told := range map[int]bool{1627: false, 99_999: false, 100_000: true} {
		var out bytes.Buffer
		r := backend.FidelityReport{Ops: ops, Took: 1, Rare: []lockstep.Pair{{Op: "link add", Errno: "EXFULL"}}}
		if err := tellFidelity(&out, backend.Fidelity{}, r, ""); err != nil {
			t.Error(err)
		}
		if strings.Contains(out.String(), "link add: EXFULL") != told {
			t.Errorf("%d operations:\n%s", ops, &out)
		}
	}
}
