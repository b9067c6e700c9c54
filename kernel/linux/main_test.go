//go:build linux

package linux

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

func TestMain(m *testing.M) {
	if programByName(os.Args) {
		return
	}
	os.Exit(sandbox.Main(leakFree{m}))
}

// leakFree is a suite that fails when it leaves descriptors, mounts, named namespaces or goroutines behind.
type leakFree struct{ *testing.M }

func (s leakFree) Run() int {
	if !sandbox.Inside() {
		return s.M.Run()
	}
	warmUp()
	before := resources()
	exit := s.M.Run()
	if leak := leaked(before); leak != "" {
		fmt.Fprintln(os.Stderr, leak)
		return 1
	}
	return exit
}

// warmUp opens what the Go runtime keeps for good: its epoll instance.
func warmUp() {
	r, w, err := os.Pipe()
	if err == nil {
		r.Close()
		w.Close()
	}
}

// leaked waits a little for what is just ending: goroutines that have announced their end, lazily freed threads.
func leaked(before map[string]int) string {
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
		leak := ""
		for name, n := range resources() {
			if n > before[name] {
				leak += fmt.Sprintf("leaked %d of: %s\n", n-before[name], name)
			}
		}
		if leak == "" || time.Now().After(deadline) {
			return leak
		}
	}
}

// resources counts what a test can leave behind, by name.
func resources() map[string]int {
	count := map[string]int{}
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			kind, _, _ := strings.Cut(target, ":[") // "socket:[4711]" has another number each time
			count["descriptor of "+kind]++
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	count["mount"] = strings.Count(string(mounts), "\n")
	bound, _ := os.ReadDir(kernel.NetNSDir)
	count["file in "+kernel.NetNSDir] = len(bound)
	for _, kind := range []string{"net", "mnt"} {
		count["thread outside its namespace, "+kind] = threadsElsewhere(kind)
	}
	stacks := make([]byte, 1<<20)
	for _, stack := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "kernel/linux") && !strings.Contains(stack, "TestMain") {
			count["goroutine\n"+stack]++
		}
	}
	return count
}

// threadsElsewhere counts the threads that are not in the namespace of the process.
func threadsElsewhere(kind string) (n int) {
	home, _ := os.Readlink("/proc/self/ns/" + kind)
	threads, _ := os.ReadDir("/proc/self/task")
	for _, thread := range threads {
		at, err := os.Readlink("/proc/self/task/" + thread.Name() + "/ns/" + kind)
		if err == nil && at != home {
			n++
		}
	}
	return n
}

// newMachine returns a host of the test's own, and its Self.
func newMachine(t testing.TB) (*Host, kernel.NetNS) {
	t.Helper()
	sandbox.Require(t)
	h, err := NewIsolated()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	self, err := h.Self()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(self.Close)
	return h, self
}

// newPod binds a new namespace and opens it.
func newPod(t testing.TB, h kernel.Host, name string) kernel.NetNS {
	t.Helper()
	path := kernel.NetNSDir + "/" + name
	must(t, h.AddNetNS(path))
	t.Cleanup(func() { must(t, h.DeleteNetNS(path)) })
	ns, err := h.OpenNetNS(path)
	must(t, err)
	t.Cleanup(ns.Close)
	return ns
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErrno checks that err is the contract's error with this number; 0 stands for success.
func wantErrno(t testing.TB, what string, err error, want kernel.Errno) {
	t.Helper()
	if got := kernel.ErrnoOf(err); got != want || (err == nil) != (want == 0) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
	if _, ours := err.(*kernel.Error); err != nil && !ours {
		t.Errorf("%s: %T, want a *kernel.Error", what, err)
	}
}

// link returns the link of that name.
func link(t testing.TB, ns kernel.NetNS, name string) kernel.Link {
	t.Helper()
	l, err := ns.LinkByName(name)
	must(t, err)
	return l
}

// addBridge makes a bridge that is up.
func addBridge(t testing.TB, ns kernel.NetNS, name string) kernel.Link {
	t.Helper()
	must(t, ns.AddLink(kernel.LinkSpec{Name: name, Kind: kernel.KindBridge, Up: true}))
	return link(t, ns, name)
}

// join lays a cable with the addresses of one subnet at its ends, both up, and returns them.
func join(t testing.TB, a kernel.NetNS, nameA string, b kernel.NetNS, nameB string) (endA, endB kernel.Link) {
	t.Helper()
	must(t, a.AddLink(kernel.LinkSpec{
		Name: nameA, Kind: kernel.KindVeth, Up: true,
		Peer: kernel.PeerSpec{Name: nameB, NetNS: b},
	}))
	endB = link(t, b, nameB)
	must(t, b.ChangeLink(endB.Index, kernel.LinkChange{Up: new(true)}))
	return link(t, a, nameA), endB
}
