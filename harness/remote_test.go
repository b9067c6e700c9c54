package harness_test

import (
	"net"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
)

// serve serves faults, and returns them as another process has them.
func serve(t *testing.T, faults *harness.Faults) *harness.RemoteFaults {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- faults.Serve(listener) }()
	remote, err := harness.DialFaults("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		remote.Close()
		listener.Close()
		<-ended
	})
	return remote
}

// TestRemoteFaults checks that another process meets the faults, and that its calls are counted here.
func TestRemoteFaults(t *testing.T) {
	for _, c := range []struct {
		fault   harness.Fault
		exit    int
		stdout  string
		effects int
	}{
		{harness.Fault{Op: "file write", Object: "/b", Errno: kernel.EIO}, 1, "done", 3},
		{harness.Fault{Nth: 2, When: harness.After}, 137, "", 2},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			faults := new(harness.Faults)
			faults.Set(c.fault)
			host := fakeHostWith("writes", serve(t, faults).Program(writes))
			out, err := host.Exec(t.Context(), "/opt/cni/bin/writes", nil, nil)
			if err != nil || out.Exit != c.exit || string(out.Stdout) != c.stdout {
				t.Errorf("exit status %d, stdout %q, error %v", out.Exit, out.Stdout, err)
			}
			if effects := faults.Effects(); len(effects) != c.effects {
				t.Errorf("effects %v, want %d", effects, c.effects)
			}
			if err := faults.Clear(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRemoteFaultThatNobodyMeets(t *testing.T) {
	faults := new(harness.Faults)
	faults.Set(harness.Fault{Op: "file write", Object: "/d", Errno: kernel.EIO})
	host := fakeHostWith("writes", serve(t, faults).Program(writes))
	if out, err := host.Exec(t.Context(), "/opt/cni/bin/writes", nil, nil); err != nil || out.Exit != 0 {
		t.Errorf("exit status %d, error %v", out.Exit, err)
	}
	if err := faults.Clear(); err == nil || !strings.Contains(err.Error(), "no call met it") {
		t.Errorf("got %v", err)
	}
}
