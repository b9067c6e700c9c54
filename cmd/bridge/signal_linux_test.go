package main_test

import (
	"bytes"
	"errors"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStoppedAdd: a runtime that loses patience with an ADD, here one that waits for the lock of the host's namespace, sends
// SIGTERM, and a person presses control-C. Nothing is left of it, and it ends by itself.
func TestStoppedAdd(t *testing.T) {
	n := newNode(t)
	n.run("ip", "netns", "add", "pod-a")
	n.mustCall("ADD", "pod-a", conf)
	n.mustCall("DEL", "pod-a", conf)
	before := n.settled()
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
		var stdout, stderr bytes.Buffer
		add := n.add(&stdout, &stderr)
		var ended error
		n.halfWay(add, func() { // until the end, so that the ADD cannot go on
			must(t, add.Process.Signal(signal))
			ended = add.Wait()
		})
		var exit *exec.ExitError
		if !errors.As(ended, &exit) || exit.ExitCode() != 1 {
			t.Errorf("%s: ADD ended with %v, want exit status 1", signal, ended)
		}
		mustBeError(t, stdout.Bytes(), "ECANCELED")
		n.mustBe(before, "after "+signal.String())
		n.mustHaveNoLease()
	}
}
