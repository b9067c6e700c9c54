package scenario

import (
	"strings"
	"testing"
)

func TestBinding(t *testing.T) {
	for text, want := range map[string]Binding{
		"":                             {},
		"# It shows.\nip netns show\n": {},
		"# It shows.\n# backend: sim, because of faults\n":                           {"sim", "of faults"},
		"# It shows.\n#\n# backend: linux, because it is\n# real\n\n# More.\n":       {"linux", "it is real"},
		"ip netns show\n-- conf --\n# backend: sim, because this is a file's text\n": {},
	} {
		if got, err := written(text).Binding(); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestBindingNeedsItsReason(t *testing.T) {
	for _, line := range []string{"# backend: sim", "# backend: bsd, because it is there", "# backend: sim, because"} {
		r := Run(t.Context(), written("# It shows.\n"+line+"\n"), fakeMachine, Options{})
		if r.Outcome != Failed || !strings.Contains(r.Log, "try.txtar:2: a scenario is bound by a line") {
			t.Errorf("%s: %s\n%s", line, r.Outcome, r.Log)
		}
	}
}

func TestBoundScenariosRunWhereTheyBelong(t *testing.T) {
	s := written("# backend: sim, because of faults\nfile show /etc/motd\n")
	for backend, want := range map[string]Outcome{"": Passed, "sim": Passed, "linux": Bound} {
		if r := Run(t.Context(), s, fakeMachine, Options{Backend: backend}); r.Outcome != want || r.Bound != "sim" {
			t.Errorf("on %q: %s, bound to %q", backend, r.Outcome, r.Bound)
		}
	}
}

func TestFaultsAreSkippedWhereNobodyMeetsThem(t *testing.T) {
	for _, line := range []string{"fault EIO", "crash", "faults off", "effects", "! effects"} {
		r := Run(t.Context(), written(line), fakeMachine, Options{})
		if r.Outcome != Skipped || !strings.Contains(r.Log, noFaults) {
			t.Errorf("%s: %s\n%s", line, r.Outcome, r.Log)
		}
	}
}

// TestFilesOfARealMachine checks that a scenario cannot change what a real machine keeps.
func TestFilesOfARealMachine(t *testing.T) {
	for _, path := range []string{"/etc/motd", "/run/../etc/motd", "/var/lib", "/runner"} {
		for _, line := range []string{"file write " + path + " text", "file del " + path} {
			r := Run(t.Context(), written(line+"\n-- text --\nbye\n"), fakeMachine, Options{})
			if r.Outcome != Failed || !strings.Contains(r.Log, "stays on this machine's disk") {
				t.Errorf("%s: %s\n%s", line, r.Outcome, r.Log)
			}
		}
	}
}
