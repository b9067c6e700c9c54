package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStoppedAdd: a runtime that loses patience with an ADD, here one that waits for the lock of the host's namespace, sends
// SIGTERM, and a person presses control-C. Nothing is left of it, and it ends by itself. (What comes before it waits it
// ignores; so it is told until it has ended.)
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
			waited := make(chan error, 1)
			go func() { waited <- add.Wait() }()
			for again := time.NewTicker(20 * time.Millisecond); ; {
				_ = add.Process.Signal(signal) // it may have ended
				select {
				case ended = <-waited:
					return
				case <-again.C:
				}
			}
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

// TestStoppedAnyTime: wherever in an ADD the signal finds it, also while it starts, it has connected the container or left
// nothing.
func TestStoppedAnyTime(t *testing.T) {
	const tries, last = 40, 6 * time.Millisecond
	n := newNode(t)
	self, err := n.host.Self()
	must(t, err)
	defer self.Close()
	n.run("ip", "netns", "add", "pod-a")
	n.mustCall("ADD", "pod-a", conf)
	n.settled() // by then the bridge has its link-local address
	n.mustCall("DEL", "pod-a", conf)
	before := n.settled()
	stopped := 0
	for i := range tries {
		delay := last * time.Duration(i) / tries
		var stdout, stderr bytes.Buffer
		add := n.add(&stdout, &stderr)
		must(t, add.Start())
		time.Sleep(delay)
		if err := add.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		if add.Wait() == nil {
			n.mustCall("DEL", "pod-a", conf)
			continue
		}
		stopped++
		if n.hasVeth(self) {
			t.Fatalf("stopped after %s, it has left a veth: %s%s", delay, stdout.Bytes(), stderr.Bytes())
		}
		n.mustHaveNoLease()
	}
	if stopped == 0 {
		t.Error("each ADD had ended when the signal came")
	}
	n.mustBe(before, "after all signals")
}

// TestStoppedBeforeConfiguration: a plugin whose configuration does not come ends at once, and has made nothing.
func TestStoppedBeforeConfiguration(t *testing.T) {
	n := newNode(t)
	n.run("ip", "netns", "add", "pod-a")
	before := n.settled()
	stdin, never, err := os.Pipe()
	must(t, err)
	defer never.Close()
	defer stdin.Close()
	var stdout, stderr bytes.Buffer
	add := n.add(&stdout, &stderr)
	add.Stdin = stdin
	must(t, add.Start())
	time.Sleep(200 * time.Millisecond) // it starts, and reads
	must(t, add.Process.Signal(unix.SIGTERM))
	timer := time.AfterFunc(10*time.Second, func() { _ = add.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	if err := add.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGTERM {
		t.Errorf("ADD ended with %v, want the signal", err)
	}
	n.mustBe(before, "after the signal")
}
