package plugin_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// onReference returns a machine, and how to call the reference's plugins there.
func onReference(t *testing.T) (*lab, func(request) answer) {
	t.Helper()
	folder := findReference(t)
	if folder == "" {
		t.Skipf("not compared with the reference itself: set %s to the folder of its plugins", referenceVariable)
	}
	l := newLab(t, newLinux(t))
	return l, folder.on(l)
}

// TestReferenceIPAM: the transcript is what the reference prints.
func TestReferenceIPAM(t *testing.T) {
	l, call := onReference(t)
	netns := l.pod("a")
	got := transcript(t, l.dataDir, func(r request) answer {
		r.netns = netns
		a := call(r)
		a.stdout = strings.TrimSuffix(a.stdout, "\n")
		return a
	})
	if *update {
		l.must(os.WriteFile(referenceTranscript, []byte(got), 0o644))
	}
	want, err := os.ReadFile(referenceTranscript)
	l.must(err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-recorded +reference (%s):\n%s", howToRecord, diff)
	}
}

// TestSharedWithReference: both work on one folder of leases, and each understands what the other left.
func TestSharedWithReference(t *testing.T) {
	l, theirs := onReference(t)
	netns := l.pod("a")
	run := func(call func(r request) answer, verb, id string) answer {
		t.Helper()
		a := call(request{
			name: "host-local", verb: verb, id: id, netns: netns, conf: l.conf(map[string]any{"cniVersion": "1.0.0"}),
		})
		if a.exit != 0 && verb != "ADD" {
			t.Errorf("%s of %s: %s%s", verb, id, a.stdout, a.stderr)
		}
		return a
	}
	both := []func(r request) answer{theirs, l.call}
	for i, call := range both {
		other := both[1-i]
		for _, id := range []string{"a", "b"} {
			run(call, "ADD", id)
			run(other, "CHECK", id)
		}
		if again := run(other, "ADD", "a"); !strings.Contains(again.stdout, "duplicate allocation is not allowed") {
			t.Errorf("the other gives a second address: %s", again.stdout)
		}
		run(other, "ADD", "c")
		if got := l.leases("net"); len(got) != 3 {
			t.Errorf("leases %v", got)
		}
		run(other, "DEL", "a")
		run(call, "DEL", "c")
		run(other, "DEL", "b")
		if left := l.leases("net"); len(left) != 0 {
			t.Errorf("left %v", left)
		}
	}
}
