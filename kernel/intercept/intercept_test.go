package intercept_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// A backend notes what reaches it. What it does not define is not called in these tests.
type backend struct {
	kernel.Host
	mu      sync.Mutex
	reached []string
	open    int // handles and locks that were given out and not given back
}

func (b *backend) note(format string, args ...any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reached = append(b.reached, fmt.Sprintf(format, args...))
	return nil
}

func (b *backend) hold(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open += n
}

func (b *backend) AddNetNS(path string) error    { return b.note("add %s", path) }
func (b *backend) DeleteNetNS(path string) error { return b.note("delete %s", path) }
func (b *backend) BootID() (string, error)       { return "b007", b.note("boot id") }

func (b *backend) OpenNetNS(path string) (kernel.NetNS, error) {
	b.hold(1)
	return &handle{b: b, name: path}, b.note("open %s", path)
}

// A handle is the only kind of namespace that backend takes as an argument.
type handle struct {
	kernel.NetNS
	b    *backend
	name string
}

func (n *handle) Name() string    { return n.name }
func (n *handle) ID() kernel.NSID { return kernel.NSID{Ino: uint64(len(n.name))} }
func (n *handle) Close()          { n.b.hold(-1) }

func (n *handle) LinkByName(name string) (kernel.Link, error) {
	return kernel.Link{Index: 7, Name: name}, n.b.note("show %s", name)
}

func (n *handle) AddLink(spec kernel.LinkSpec) error {
	return n.b.note("add %s, peer in %T", spec.Name, spec.Peer.NetNS)
}

func (n *handle) ChangeLink(index int, change kernel.LinkChange) error {
	return n.b.note("change %d, to %T", index, change.NetNS)
}

func wrapped(hooks ...intercept.Hook) (*backend, kernel.Host) {
	b := new(backend)
	return b, intercept.Wrap(b, hooks...)
}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func mustOpen(t *testing.T, h kernel.Host, path string) kernel.NetNS {
	t.Helper()
	ns, err := h.OpenNetNS(path)
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func printed(calls []intercept.Call) (lines []string) {
	for _, c := range calls {
		lines = append(lines, c.String())
	}
	return lines
}

func TestTracePrintsCallsWithLinksByName(t *testing.T) {
	trace := new(intercept.Trace)
	_, h := wrapped(trace.Hook)
	pod := mustOpen(t, h, "pod")
	pod.LinkByName("eth0")
	pod.ChangeLink(7, kernel.LinkChange{Name: new("net1"), Up: new(true)})
	pod.ChangeLink(7, kernel.LinkChange{MTU: new(1400), NetNS: pod})
	pod.ChangeLink(8, kernel.LinkChange{Master: new(0)})

	expect(t, "all calls", printed(trace.Calls()), []string{
		"netns open pod",
		"link show eth0 in netns pod",
		"link set eth0 name net1 up in netns pod",
		"link set net1 netns pod mtu 1400 in netns pod",
		"link set #8 nomaster in netns pod",
	})
	expect(t, "mutations", printed(trace.Mutations()), printed(trace.Calls())[2:])
	if last := trace.Calls()[4]; last.N != 5 || last.Effect != 3 {
		t.Errorf("the last of 5 calls, 3 of them mutations, has the ordinals %d and %d", last.N, last.Effect)
	}
}

func TestNamespacesAreUnwrappedForTheBackend(t *testing.T) {
	b, h := wrapped()
	h = intercept.Wrap(h) // a wrapped wrapper hands out what is wrapped twice
	pod := mustOpen(t, h, "pod")
	b.reached = nil
	pod.AddLink(kernel.LinkSpec{Name: "v", Peer: kernel.PeerSpec{NetNS: pod}})
	pod.AddLink(kernel.LinkSpec{Name: "v"})
	pod.ChangeLink(1, kernel.LinkChange{NetNS: pod})
	expect(t, "the backend", b.reached, []string{
		"add v, peer in *intercept_test.handle",
		"add v, peer in <nil>",
		"change 1, to *intercept_test.handle",
	})
}

func TestFaultKeepsCallFromBackend(t *testing.T) {
	fault := &intercept.Fault{When: intercept.Nth(2), Errno: kernel.ENOMEM}
	b, h := wrapped(fault.Hook)
	h.AddNetNS("a")
	err := h.AddNetNS("b")
	h.AddNetNS("c")
	expect(t, "the backend", b.reached, []string{"add a", "add c"})
	const want = "netns add b: cannot allocate memory (ENOMEM): injected fault"
	if !errors.Is(err, kernel.ENOMEM) || err.Error() != want {
		t.Errorf("the fault is %v, want %s", err, want)
	}
	if fault.Hits() != 1 {
		t.Errorf("%d hits, want 1", fault.Hits())
	}
}

func TestFaultThatTakesEffectLeavesNothingHeld(t *testing.T) {
	fault := &intercept.Fault{When: intercept.Every(intercept.NetNSOpen), Errno: kernel.EIO, TakesEffect: true}
	b, h := wrapped(fault.Hook)
	if ns, err := h.OpenNetNS("pod"); ns != nil || !errors.Is(err, kernel.EIO) {
		t.Errorf("the faulty open answers %v, %v", ns, err)
	}
	expect(t, "the backend", b.reached, []string{"open pod"})
	if b.open != 0 {
		t.Errorf("the handle that the caller did not get is still open")
	}
}

func TestEveryMatchesObject(t *testing.T) {
	match := intercept.Every(intercept.NetNSAdd, "b")
	for _, c := range []struct {
		call intercept.Call
		want bool
	}{
		{intercept.Call{Op: intercept.NetNSAdd, Object: "b"}, true},
		{intercept.Call{Op: intercept.NetNSAdd, Object: "a"}, false},
		{intercept.Call{Op: intercept.NetNSDelete, Object: "b"}, false},
	} {
		if got := match(c.call); got != c.want {
			t.Errorf("%v: matched %v, want %v", c.call, got, c.want)
		}
	}
}

func TestCrash(t *testing.T) {
	for _, c := range []struct {
		crash *intercept.Crash
		want  []string
	}{
		{&intercept.Crash{Effect: 2}, []string{"add a", "boot id"}},
		{&intercept.Crash{Effect: 2, After: true}, []string{"add a", "boot id", "add b"}},
		{&intercept.Crash{Effect: 4}, []string{"add a", "boot id", "add b", "delete b", "boot id"}},
	} {
		b, h := wrapped(c.crash.Hook)
		h.AddNetNS("a")
		h.BootID()
		h.AddNetNS("b")
		undo := h.DeleteNetNS("b")
		_, read := h.BootID()
		expect(t, fmt.Sprintf("crash at %d, after %v", c.crash.Effect, c.crash.After), b.reached, c.want)
		if dead := c.crash.Effect <= 2; dead != c.crash.Dead() || dead != (undo != nil) || dead != (read != nil) {
			t.Errorf("crash at %d: dead %v, undo answers %v, a read %v", c.crash.Effect, c.crash.Dead(), undo, read)
		}
	}
}

func TestConcurrentCallsAreNumberedOnce(t *testing.T) {
	trace, count := new(intercept.Trace), new(intercept.Count)
	_, h := wrapped(trace.Hook, count.Hook)
	const callers = 50
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() { h.AddNetNS("a"); h.BootID() })
	}
	wg.Wait()
	seen := make(map[int]bool)
	for _, c := range trace.Calls() {
		seen[c.N] = true
	}
	if len(seen) != 2*callers || count.Calls() != 2*callers || count.Effects() != callers {
		t.Errorf("%d ordinals, %d calls, %d effects for %d adds and as many reads",
			len(seen), count.Calls(), count.Effects(), callers)
	}
}
