//go:build linux

package linux

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

func TestNamespaceIdentity(t *testing.T) {
	h, self := newMachine(t)
	pod := newPod(t, h, "pod")
	again, err := h.OpenNetNS("/run/netns/pod")
	must(t, err)
	defer again.Close()
	if again.ID() != pod.ID() || pod.ID() == self.ID() || pod.ID() == (kernel.NSID{}) {
		t.Errorf("pod %v, opened again %v, self %v", pod.ID(), again.ID(), self.ID())
	}
	if pod.Name() != "pod" || self.Name() != "host" {
		t.Errorf("names %q, %q", pod.Name(), self.Name())
	}
}

// Three hosts: the process's own, one that is elsewhere, one of its own.
func TestSelf(t *testing.T) {
	h, self := newMachine(t)
	pod := newPod(t, h, "pod")
	in, err := NewIn("/run/netns/pod")
	must(t, err)
	defer in.Close()
	inPod, err := in.Self()
	must(t, err)
	defer inPod.Close()
	own, err := New()
	must(t, err)
	defer own.Close()
	process, err := own.Self()
	must(t, err)
	defer process.Close()
	name, err := os.Readlink("/proc/self/ns/net")
	must(t, err)
	if inPod.ID() != pod.ID() || process.ID().String() != name || self.ID() == process.ID() {
		t.Errorf("NewIn %v of pod %v; New %v of process %v; NewIsolated %v",
			inPod.ID(), pod.ID(), process.ID(), name, self.ID())
	}
	_, err = NewIn("/run/netns/absent")
	wantErrno(t, "NewIn", err, kernel.ENOENT)
}

func TestOpenWhatIsNoNetworkNamespace(t *testing.T) {
	h, _ := newMachine(t)
	dir := t.TempDir()
	file, fifo, loop := filepath.Join(dir, "file"), filepath.Join(dir, "fifo"), filepath.Join(dir, "loop")
	must(t, os.WriteFile(file, []byte("content"), 0o600))
	must(t, unix.Mkfifo(fifo, 0o600))
	must(t, os.Symlink(loop, loop))
	for path, want := range map[string]kernel.Errno{
		file:                 kernel.EINVAL,
		fifo:                 kernel.EINVAL,
		dir:                  kernel.EINVAL,
		"/dev/null":          kernel.EINVAL,
		"/proc/self/ns/mnt":  kernel.EINVAL,
		"/proc/self/ns/user": kernel.EINVAL,
		"/proc/self/ns/net":  0,
		"/run/netns/absent":  kernel.ENOENT,
		"":                   kernel.ENOENT,
		file + "/below":      kernel.ENOTDIR,
		loop:                 kernel.ELOOP,
	} {
		ns, err := h.OpenNetNS(path)
		wantErrno(t, "open "+path, err, want)
		if err == nil {
			ns.Close()
		}
	}
	for _, path := range []string{file, fifo, dir, "/proc/self/ns/mnt", "/proc/self/ns/net"} {
		wantErrno(t, "delete "+path, h.DeleteNetNS(path), kernel.EINVAL)
	}
	wantErrno(t, "delete nothing", h.DeleteNetNS("/run/netns/absent"), kernel.ENOENT)
	if data, err := os.ReadFile(file); err != nil || string(data) != "content" {
		t.Errorf("the plain file: %q, %v", data, err)
	}
}

func TestAddNetNSErrors(t *testing.T) {
	h, _ := newMachine(t)
	newPod(t, h, "pod")
	dangling := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink("/run/netns/absent", dangling))
	for path, want := range map[string]kernel.Errno{
		"/run/netns/pod":       kernel.EEXIST,
		"/run/netns":           kernel.EEXIST,
		dangling:               kernel.EEXIST,
		"/run/no-such/folder":  kernel.ENOENT,
		"/proc/self/ns/net/no": kernel.ENOTDIR,
	} {
		wantErrno(t, "add "+path, h.AddNetNS(path), want)
	}
}

// Where no namespace can be made, the file for it goes again.
func TestAddNetNSUndoesHalf(t *testing.T) {
	newMachine(t)
	out := runProgram(t, "without-sys-admin")
	if want := "netns add /run/netns/half: operation not permitted (EPERM)\n"; out != want {
		t.Errorf("got  %q\nwant %q", out, want)
	}
	if _, err := os.Lstat("/run/netns/half"); !os.IsNotExist(err) {
		t.Errorf("the file: %v", err)
	}
}

func TestClosedHandleIsEBADF(t *testing.T) {
	h, _ := newMachine(t)
	ns := newPod(t, h, "pod")
	ns.Close()
	ns.Close()
	ctx := context.Background()
	addTable := []kernel.FilterChange{{Do: kernel.AddTable, Family: kernel.FilterInet, Table: "t"}}
	calls := map[string]func() error{
		"Links":           func() error { _, err := ns.Links(); return err },
		"LinkByName":      func() error { _, err := ns.LinkByName("lo"); return err },
		"AddLink":         func() error { return ns.AddLink(kernel.LinkSpec{Name: "x", Kind: kernel.KindBridge}) },
		"ChangeLink":      func() error { return ns.ChangeLink(1, kernel.LinkChange{}) },
		"DeleteLink":      func() error { return ns.DeleteLink(1) },
		"Addresses":       func() error { _, err := ns.Addresses(0); return err },
		"AddAddress":      func() error { return ns.AddAddress(kernel.Address{Link: 1, Prefix: prefix("10.0.0.1/8")}) },
		"DeleteAddress":   func() error { return ns.DeleteAddress(kernel.Address{Link: 1, Prefix: prefix("10.0.0.1/8")}) },
		"Routes":          func() error { _, err := ns.Routes(kernel.IPv4); return err },
		"AddRoute":        func() error { return ns.AddRoute(kernel.Route{Dst: prefix("10.0.0.0/8")}, kernel.Beside) },
		"DeleteRoute":     func() error { return ns.DeleteRoute(kernel.Route{Dst: prefix("10.0.0.0/8")}) },
		"Neighbours":      func() error { _, err := ns.Neighbours(0); return err },
		"AddNeighbour":    func() error { return ns.AddNeighbour(kernel.Neighbour{Link: 1, IP: addr("10.0.0.1")}) },
		"DeleteNeighbour": func() error { return ns.DeleteNeighbour(kernel.Neighbour{Link: 1, IP: addr("10.0.0.1")}) },
		"Sysctl":          func() error { _, err := ns.Sysctl("net/ipv4/ip_forward"); return err },
		"SetSysctl":       func() error { return ns.SetSysctl("net/ipv4/ip_forward", "0") },
		"no name":         func() error { _, err := ns.LinkByName(""); return err },
		"no address":      func() error { return ns.AddAddress(kernel.Address{Link: 1}) },
		"no setting":      func() error { return ns.SetSysctl("../x", "0") },
		"Ruleset":         func() error { _, err := ns.Ruleset(kernel.NFTables); return err },
		"CheckRuleset":    func() error { return ns.CheckRuleset(kernel.NFTables, addTable) },
		"ChangeRuleset":   func() error { return ns.ChangeRuleset(kernel.NFTables, addTable) },
		"Lock":            func() error { _, err := ns.Lock(ctx, 0); return err },
		"Ping":            func() error { _, err := ns.Ping(ctx, kernel.Ping{To: addr("10.0.0.1")}); return err },
		"Call": func() error {
			_, err := ns.Call(ctx, kernel.Call{Transport: kernel.TCP, To: at("10.0.0.1:1")})
			return err
		},
		"Serve": func() error {
			_, err := ns.Serve(kernel.Service{Transport: kernel.UDP, At: at("10.0.0.1:1")})
			return err
		},
	}
	for name, call := range calls {
		wantErrno(t, name, call(), kernel.EBADF)
	}
}

// Closing while others are at it neither disturbs them nor leaves a descriptor (see TestMain).
func TestConcurrentUseAndClose(t *testing.T) {
	h, self := newMachine(t)
	var wg sync.WaitGroup
	for i := range 20 {
		pod := newPod(t, h, fmt.Sprintf("pod%d", i))
		for range 4 {
			wg.Go(func() {
				for {
					if _, err := pod.Sysctl("net/ipv4/ip_forward"); err != nil {
						wantErrno(t, "sysctl", err, kernel.EBADF)
						return
					}
					if _, err := pod.Links(); err != nil {
						wantErrno(t, "links", err, kernel.EBADF)
						return
					}
				}
			})
		}
		wg.Go(func() {
			time.Sleep(time.Millisecond)
			pod.Close()
		})
	}
	wg.Wait()
	if links, err := self.Links(); err != nil || len(links) != 1 {
		t.Errorf("the host's own: %v, %v", links, err)
	}
}

// A dump that concurrent changes cut is read again: no link is ever missing from it. The links are cables, because the
// end of a bridge stops all that others want of any network on the machine for some 16 ms (br_multicast_dev_del waits in
// rcu_barrier with the RTNL held; measured on 6.18.44), and that of 200 for three seconds after the test.
func TestDumpsAreWhole(t *testing.T) {
	t.Parallel()
	_, self := newMachine(t)
	cable := func(name string) kernel.LinkSpec {
		return kernel.LinkSpec{Name: name, Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "peer-" + name}}
	}
	for i := range 100 {
		must(t, self.AddLink(cable(fmt.Sprint(i))))
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				must(t, self.AddLink(cable("x")))
				must(t, self.DeleteLink(link(t, self, "x").Index))
			}
		}
	})
	for range 100 {
		links, err := self.Links()
		must(t, err)
		if len(links) != 201 && len(links) != 203 {
			t.Errorf("%d links", len(links))
		}
	}
	close(done)
	wg.Wait()
}

// Whatever becomes of the work inside a namespace, its thread goes home, so that others can have it.
func TestThreadGoesHome(t *testing.T) {
	h, _ := newMachine(t)
	pod := newPod(t, h, "pod").(*NetNS)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at := func() (id kernel.NSID) {
		file, err := openNSFile(threadNetNS)
		must(t, err)
		defer file.close()
		return file.id
	}
	for what, work := range map[string]func() error{
		"success": func() error { return nil },
		"failure": func() error { return unix.EIO },
		"a panic": func() error { panic("on purpose") },
	} {
		inside := kernel.NSID{}
		func() {
			defer func() { _ = recover() }()
			_ = pod.inside(func() error { inside = at(); return work() })
		}()
		if inside != pod.ID() || at() != h.home.id {
			t.Errorf("%s: inside %v of pod %v, then %v, home is %v", what, inside, pod.ID(), at(), h.home.id)
		}
	}
}
