package netstack_test

import (
	"os"
	"os/exec"
	"testing"

	"gvisor.dev/gvisor/pkg/log"
)

// TestStandardErrorIsThePrograms: a program that has worlds reads nothing of gVisor's there. It is run anew, since what a
// test prints is not to be told from what gVisor does.
func TestStandardErrorIsThePrograms(t *testing.T) {
	const variable = "CNILAB_WARN_AND_EXIT"
	if os.Getenv(variable) != "" {
		log.Warningf("no route")
		os.Exit(0)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v, printed %q", err, out)
	}
}
