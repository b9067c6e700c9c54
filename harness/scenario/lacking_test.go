package scenario

import (
	"strings"
	"testing"
)

// TestWhatTheMachineLacks skips a scenario, with the reason and what to do, and fails one that is bound to the
// simulation, which lacks nothing.
func TestWhatTheMachineLacks(t *testing.T) {
	for line, why := range map[string]string{
		"host other":                        noHosts,
		"cable node node":                   noHosts,
		"trace host -> 192.0.2.1":           noTrace,
		"! trace -wait 1s host -> 192.0.2.": noTrace,
		"fault EIO":                         noFaults,
	} {
		s := written("# It shows.\n#\n" + line + "\n")
		if r := Run(t.Context(), s, fakeMachine, Options{Backend: "linux"}); r.Outcome != Skipped || !strings.HasPrefix(r.Log, why) {
			t.Errorf("%s: %s\n%s", line, r.Outcome, r.Log)
		}
		bound := written("# It shows.\n#\n# backend: sim, because of that\n" + line + "\n")
		if r := Run(t.Context(), bound, fakeMachine, Options{Backend: "sim"}); r.Outcome != Failed || r.Log != why+"\n" {
			t.Errorf("%s, bound to the simulation: %s\n%s", line, r.Outcome, r.Log)
		}
	}
}

// TestWhoLacksIsToldHowToBind where there is only one machine that has it.
func TestWhoLacksIsToldHowToBind(t *testing.T) {
	for line, told := range map[string]bool{"host other": true, "trace host -> 192.0.2.1": true, "fault EIO": false} {
		r := Run(t.Context(), written(line), fakeMachine, Options{})
		if strings.Contains(r.Log, `"# backend: sim, because ..."`) != told {
			t.Errorf("%s: %s", line, r.Log)
		}
	}
}
