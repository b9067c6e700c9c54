package sim_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

func TestExecRunsWhatIsInstalled(t *testing.T) {
	h := newHost(t, sim.Config{})
	must(0, h.Install("/opt/cni/bin/echo", func(_ context.Context, in kernel.Invocation, _ kernel.Host) int {
		stdin, _ := io.ReadAll(in.Stdin)
		fmt.Fprint(in.Stdout, in.Name, in.Env, string(stdin))
		fmt.Fprint(in.Stderr, "complaint")
		return 3
	}))(t)
	got := must(h.Exec(t.Context(), "/opt/cni/bin/echo", []string{"A=1"}, []byte("hello")))(t)
	if string(got.Stdout) != "echo[A=1]hello" || string(got.Stderr) != "complaint" || got.Exit != 3 {
		t.Errorf("got %s, %s, %d", got.Stdout, got.Stderr, got.Exit)
	}
}

// A program is its file, whatever name it was called by.
func TestIsSelfKnowsHardLinks(t *testing.T) {
	h := newHost(t, sim.Config{})
	var self []bool
	program := func(_ context.Context, _ kernel.Invocation, h kernel.Host) int {
		for _, path := range []string{"/opt/bridge", "/opt/host-local", "/opt/other"} {
			self = append(self, must(h.IsSelf(path))(t))
		}
		return 0
	}
	must(0, h.Install("/opt/bridge", program))(t)
	must(0, h.Install("/opt/other", program))(t)
	must(0, h.Link("/opt/bridge", "/opt/host-local"))(t)
	must(h.Exec(t.Context(), "/opt/host-local", nil, nil))(t)
	if want := []bool{true, true, false}; !slices.Equal(self, want) {
		t.Errorf("got %v, want %v", self, want)
	}
	if must(h.IsSelf("/opt/bridge"))(t) {
		t.Error("who is outside is no program")
	}
}

// What a process holds ends with it, a panic included.
func TestProcessEndsWithItsLocksAndHandles(t *testing.T) {
	h := newHost(t, sim.Config{})
	must(0, h.AddNetNS("/run/netns/pod"))(t)
	var left kernel.NetNS
	must(0, h.Install("/opt/careless", func(ctx context.Context, _ kernel.Invocation, h kernel.Host) int {
		must(h.LockFile(ctx, "/run/lock", 0))(t)
		left = must(h.OpenNetNS("/run/netns/pod"))(t)
		must(left.Lock(ctx, 0))(t)
		panic("killed")
	}))(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("Exec swallowed the panic")
			}
		}()
		_, _ = h.Exec(t.Context(), "/opt/careless", nil, nil)
	}()
	_, err := left.Links()
	wantErrno(t, err, kernel.EBADF)
	_, err = h.LockFile(t.Context(), "/run/lock", 0)
	wantErrno(t, err, 0)
	_, err = must(h.OpenNetNS("/run/netns/pod"))(t).Lock(t.Context(), 0)
	wantErrno(t, err, 0)
}

// Who waits for a lock gets it when it is given back, in the order of asking, and virtual time passes meanwhile.
func TestLocksAreWaitedFor(t *testing.T) {
	h := newHost(t, sim.Config{})
	var order []string
	var waits []func() error
	for _, name := range []string{"first", "second", "third"} {
		waits = append(waits, h.Go(func() {
			unlock, err := h.LockFile(context.Background(), "/run/lock", time.Minute)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			order = append(order, fmt.Sprintf("%s %v", name, h.Now().Sub(sim.Epoch)))
			_ = h.Sleep(context.Background(), time.Second)
		}))
	}
	for _, wait := range waits {
		must(0, wait())(t)
	}
	if want := []string{"first 0s", "second 1s", "third 2s"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

// Nobody can give a lock back when everybody waits: the wait ends at its timeout, without real time passing.
func TestLockNobodyGivesBack(t *testing.T) {
	h := newHost(t, sim.Config{})
	must(h.LockFile(t.Context(), "/run/lock", 0))(t)
	_, err := h.LockFile(t.Context(), "/run/lock", time.Hour)
	wantErrno(t, err, kernel.EAGAIN)
	if got := h.Now().Sub(sim.Epoch); got != time.Hour {
		t.Errorf("waited %v", got)
	}
}

func TestVarRunIsRun(t *testing.T) {
	h := newHost(t, sim.Config{})
	must(0, h.AddNetNS("/run/netns/pod"))(t)
	a, b := must(h.OpenNetNS("/run/netns/pod"))(t), must(h.OpenNetNS("/var/run/netns/pod"))(t)
	if a.ID() != b.ID() {
		t.Errorf("two namespaces: %v and %v", a.ID(), b.ID())
	}
	if self := must(h.OpenNetNS("/proc/self/ns/net"))(t); self.ID() == a.ID() || self.ID() != must(h.Self())(t).ID() {
		t.Errorf("/proc/self/ns/net is %v", self.ID())
	}
}

// TestHostsHaveNamesOfTheirOwn, and the world goes on where somebody was told so.
func TestHostsHaveNamesOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.AddHost("a")
	func() {
		defer func() {
			if said, _ := recover().(string); !strings.Contains(said, `"a"`) {
				t.Errorf("a second host a: %q", said)
			}
		}()
		w.AddHost("a")
	}()
	w.AddHost("b")
}
