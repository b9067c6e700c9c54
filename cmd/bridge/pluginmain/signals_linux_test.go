package pluginmain

import (
	"context"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// TestSignalsEndWaits: a signal is of no effect while nobody waits, and ends a wait.
func TestSignalsEndWaits(t *testing.T) {
	defer signal.Reset(syscall.SIGTERM, syscall.SIGINT)
	ctx := interruptible()
	terminate := func() {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	terminate()
	below, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := below.Err(); err != nil {
		t.Fatalf("ended by what came while nobody waited: %v", err)
	}
	terminate()
	select {
	case <-below.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("a signal does not end the wait")
	}
	if ctx.Err() == nil {
		t.Error("the context does not say that it has ended")
	}
}
