package pluginmain

import (
	"context"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalsEndWaits: a signal is of no effect once the configuration is read and while nobody waits, and ends a wait.
func TestSignalsEndWaits(t *testing.T) {
	defer signal.Reset(syscall.SIGTERM, syscall.SIGINT)
	ctx, stdin := interruptible(strings.NewReader("{}"))
	if signal.Ignored(syscall.SIGTERM) {
		t.Fatal("what comes before the configuration does not end the process")
	}
	if content, err := io.ReadAll(stdin); string(content) != "{}" || err != nil {
		t.Fatalf("read %q: %v", content, err)
	}
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
