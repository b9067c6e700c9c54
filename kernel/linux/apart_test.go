//go:build linux

package linux

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/kerneltest"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// newApart returns a machine apart, and its Self.
func newApart(t testing.TB, shared ...string) (*Apart, kernel.NetNS) {
	t.Helper()
	sandbox.Require(t)
	h, err := NewApart(func() error { return sandbox.Apart(shared...) })
	must(t, err)
	t.Cleanup(h.Close)
	self, err := h.Self()
	must(t, err)
	t.Cleanup(self.Close)
	return h, self
}

// A machine apart obeys the laws as every other one does. Those of networks are not tried once more: a socket is asked,
// wherever it was opened.
func TestLawsApart(t *testing.T) {
	laws := slices.DeleteFunc(kerneltest.Laws(), func(law kerneltest.Law) bool {
		noun, _, _ := strings.Cut(law.Name, "/")
		return !slices.Contains([]string{"file", "folder", "lock", "netns", "program", "sysctl"}, noun)
	})
	if !sandbox.Thorough() {
		laws = oneOfEachKind(laws)
	}
	kerneltest.RunSome(t, laws, func(t testing.TB) kernel.Host {
		skipWhatDiffers(t)
		h, _ := newApart(t)
		return h
	})
}

// What one machine has below /run and /var/lib the other has not, by the same names; but for what they share.
func TestApart(t *testing.T) {
	here, _ := newMachine(t)
	must(t, os.MkdirAll("/run/shared/below", 0o755))
	t.Cleanup(func() { must(t, os.RemoveAll("/run/shared")) })
	newPod(t, here, "pod")
	must(t, here.WriteFile("/var/lib/note", []byte("here"), 0o600))
	t.Cleanup(func() { must(t, here.Remove("/var/lib/note")) })
	there, _ := newApart(t, "/run/shared/below")

	_, err := there.OpenNetNS("/run/netns/pod")
	wantErrno(t, "open the other's pod", err, kernel.ENOENT)
	_, err = there.ReadFile("/var/lib/note")
	wantErrno(t, "read the other's file", err, kernel.ENOENT)
	must(t, there.WriteFile("/var/lib/note", []byte("there"), 0o600))
	must(t, there.AddNetNS("/run/netns/theirs"))
	_, err = here.Stat("/run/netns/theirs")
	wantErrno(t, "look for the other's pod", err, kernel.ENOENT)
	for h, want := range map[kernel.Host]string{here: "here", there: "there"} {
		if text, err := h.ReadFile("/var/lib/note"); string(text) != want {
			t.Errorf("the file of %s: %q, %v", want, text, err)
		}
	}
	must(t, there.WriteFile("/run/shared/below/x", nil, 0o600))
	_, err = here.Stat("/run/shared/below/x")
	wantErrno(t, "look for what is shared", err, 0)
	entries, err := there.ReadDir("/var/lib")
	must(t, err)
	if info, err := entries[0].Info(); err != nil || info.Size() != int64(len("there")) {
		t.Errorf("an entry tells of %v, %v", info, err)
	}
}

// A lock of a file is its machine's own.
func TestLocksApart(t *testing.T) {
	here, _ := newMachine(t)
	there, _ := newApart(t)
	for _, h := range []kernel.Host{here, there} {
		unlock, err := h.LockFile(t.Context(), "/run/lock-apart", 0)
		must(t, err)
		defer unlock()
	}
	must(t, here.Remove("/run/lock-apart"))
}

// A program sees the files and the network of the machine that it runs on.
func TestProgramsApart(t *testing.T) {
	there, self := newApart(t)
	addBridge(t, self, "theirs")
	must(t, there.WriteFile("/run/note", []byte("there"), 0o600))
	must(t, there.WriteFile("/run/look", []byte("#!/bin/sh\ncat /run/note\nls /run/netns\ncat /proc/net/dev\n"), 0o755))
	must(t, there.AddNetNS("/run/netns/pod"))
	out, err := there.Exec(t.Context(), "/run/look", nil, nil)
	must(t, err)
	if got := string(out.Stdout); !strings.HasPrefix(got, "therepod\n") || !strings.Contains(got, "theirs:") {
		t.Errorf("it sees %q", got)
	}
	inProcess, err := there.OpenNetNS("/proc/self/ns/net")
	must(t, err)
	defer inProcess.Close()
	for _, ns := range []kernel.NetNS{self, inProcess} {
		must(t, ns.(*NetNS).inside(func() error { return second(os.ReadFile("/run/note")) }))
	}
	_, err = there.IsSelf("/run/look")
	must(t, err)
	if same, err := there.IsSelf("/proc/self/exe"); err != nil || !same {
		t.Errorf("this program is itself: %v, %v", same, err)
	}
}

// What a machine apart has copied of the first one's namespaces does not keep them alive, and its own end with it.
func TestApartEnds(t *testing.T) {
	here, self := newMachine(t)
	gone := func(what, name string) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			_, err := self.LinkByName(name)
			if errors.Is(err, kernel.ENODEV) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s lives on", what)
			}
		}
	}
	cable := func(name string, h kernel.Host) {
		t.Helper()
		pod, err := h.OpenNetNS("/run/netns/pod")
		must(t, err)
		defer pod.Close()
		must(t, self.AddLink(kernel.LinkSpec{Name: name, Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "eth0", NetNS: pod}}))
	}
	must(t, here.AddNetNS("/run/netns/pod"))
	cable("mine", here)
	there, err := NewApart(func() error { return sandbox.Apart() })
	must(t, err)
	must(t, here.DeleteNetNS("/run/netns/pod"))
	gone("the first machine's namespace", "mine")
	must(t, there.AddNetNS("/run/netns/pod"))
	cable("theirs", there)
	there.Close()
	gone("the namespace of a machine that is closed", "theirs")
}

// Nothing that is mounted there is seen here, even below what is shared with others.
func TestMountsApart(t *testing.T) {
	sandbox.Require(t)
	at := t.TempDir()
	must(t, unix.Mount("tmpfs", at, "tmpfs", 0, ""))
	t.Cleanup(func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) })
	must(t, unix.Mount("", at, "", unix.MS_SHARED, ""))
	must(t, os.Mkdir(at+"/below", 0o755))
	h, err := NewApart(func() error { return unix.Mount("tmpfs", at+"/below", "tmpfs", 0, "") })
	must(t, err)
	defer h.Close()
	must(t, h.WriteFile(at+"/below/note", nil, 0o600))
	if _, err := os.Stat(at + "/below/note"); !os.IsNotExist(err) {
		t.Errorf("it is seen here: %v", err)
	}
}

// The first thread is what the process looks like in /proc: it is never one of those that go elsewhere and end.
func TestFirstThreadStays(t *testing.T) {
	newMachine(t)
	for range 100 {
		must(t, onLostThread(func() error {
			if unix.Gettid() == unix.Getpid() {
				t.Error("this is the first thread")
			}
			return nil
		}))
	}
}

func TestApartThatCannotBeFurnished(t *testing.T) {
	sandbox.Require(t)
	_, err := NewApart(func() error { return sandbox.Apart("/run/absent") })
	wantErrno(t, "share what is not there", err, kernel.ENOENT)
}
