package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// These tests are an operator's: the binary as it is put on a node, called as a process, and the tools that operators
// have (ip, ping, cnitool) to look at what it did. What the plugin promises in all cases is tested in package plugin.

func TestMain(m *testing.M) { os.Exit(sandbox.Main(withPrograms{m})) }

// withPrograms is a suite with a folder for the programs that its tests build, each once.
type withPrograms struct{ *testing.M }

func (s withPrograms) Run() (exit int) {
	folder, err := os.MkdirTemp("", "cnilab-bridge")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	programs = folder
	return s.M.Run()
}

// programs is where the programs are that the tests build.
var programs string

const (
	leases  = "/var/lib/cni/networks"
	kept    = "/var/lib/cni" // by runtimes, too
	plugin  = `"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}`
	conf    = `{"cniVersion": "1.1.0", "name": "lab", ` + plugin + `}`
	list    = `{"cniVersion": "1.1.0", "name": "lab", "plugins": [{` + plugin + `}]}`
	gateway = "10.1.0.1"
)

// A node is a machine with the plugin installed, in a sandbox.
type node struct {
	t    *testing.T
	host *linux.Host
	bin  string                     // the folder of the plugins
	stay func(o kernel.Object) bool // what is left out where states are compared
}

func newNode(t *testing.T) node {
	sandbox.Require(t)
	for _, tool := range []string{"ip", "ping"} {
		requireTool(t, tool)
	}
	host, err := linux.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	n := node{t: t, host: host, bin: t.TempDir(), stay: isMark}
	n.build(".", "bridge")
	if err := os.Symlink("bridge", filepath.Join(n.bin, "host-local")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.clean)
	return n
}

// build puts a program that is made as "make build" does into the folder of the plugins.
func (n node) build(pkg, name string) {
	n.t.Helper()
	if err := os.Link(built(n.t, pkg, name), filepath.Join(n.bin, name)); err != nil {
		n.t.Fatal(err)
	}
}

// clean leaves the sandbox as the test found it, for the next one.
func (n node) clean() {
	for _, name := range []string{"pod-a", "pod-b"} {
		_ = exec.Command("ip", "netns", "del", name).Run() // the test may have done so
	}
	_ = exec.Command("ip", "link", "del", "cni0").Run()
	n.run("sysctl", "-q", "net.ipv4.ip_forward=0")
	if err := os.RemoveAll(leases); err != nil {
		n.t.Error(err)
	}
}

// run executes a tool and demands that it succeeds.
func (n node) run(name string, args ...string) {
	n.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		n.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func (n node) ping(pod, address string) {
	n.t.Helper()
	n.run("ip", "netns", "exec", pod, "ping", "-q", "-c", "1", "-W", "2", address)
}

func (n node) snapshot() kernel.Snapshot {
	n.t.Helper()
	s, err := kernel.Take(n.host, kept)
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

// settled returns the state of the node once Linux has done what it does after an ADD by itself: carriers are seen up to
// a second late (linkwatch), duplicate address detection takes some two more.
func (n node) settled() kernel.Snapshot {
	n.t.Helper()
	quiet := 1200 * time.Millisecond
	last, since := n.snapshot(), time.Now()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		now := n.snapshot()
		switch {
		case kernel.Diff(last, now) != "":
			last, since = now, time.Now()
		case time.Since(since) > quiet && !strings.Contains(now.String(), "tentative yes"):
			return now
		}
	}
	n.t.Fatalf("the node does not come to rest:\n%s", last)
	return nil
}

// call runs the plugin as a runtime does, and returns what it printed.
func (n node) call(verb, pod, stdin string) (stdout string, err error) {
	cmd := exec.Command(filepath.Join(n.bin, "bridge"))
	cmd.Env = cniEnv(verb, pod, n.bin)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s of %s: %w\n%s%s", verb, pod, err, out, &stderr)
	}
	return string(out), nil
}

// cniEnv is the environment that a runtime gives a plugin.
func cniEnv(verb, pod, plugins string) []string {
	return []string{
		"CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + pod, "CNI_NETNS=" + kernel.NetNSDir + "/" + pod,
		"CNI_IFNAME=eth0", "CNI_PATH=" + plugins,
	}
}

func (n node) mustCall(verb, pod, stdin string) (stdout string) {
	n.t.Helper()
	stdout, err := n.call(verb, pod, stdin)
	if err != nil {
		n.t.Fatal(err)
	}
	return stdout
}

// withResult returns the configuration as a runtime gives it to CHECK and DEL.
func withResult(t *testing.T, result string) string {
	t.Helper()
	if !json.Valid([]byte(result)) {
		t.Fatalf("ADD printed no JSON: %q", result)
	}
	return strings.TrimSuffix(conf, "}") + `, "prevResult": ` + result + `}`
}

func podAddress(t *testing.T, result string) string {
	t.Helper()
	var r struct{ IPs []struct{ Address string } }
	if err := json.Unmarshal([]byte(result), &r); err != nil || len(r.IPs) != 1 {
		t.Fatalf("no address in the result (%v): %s", err, result)
	}
	address, _, _ := strings.Cut(r.IPs[0].Address, "/")
	return address
}

func TestByHand(t *testing.T) {
	n := newNode(t)
	n.run("ip", "netns", "add", "pod-a")
	n.run("ip", "netns", "add", "pod-b")
	result := n.mustCall("ADD", "pod-a", conf)
	before := n.settled()

	second := n.mustCall("ADD", "pod-b", conf)
	n.ping("pod-a", gateway)
	n.ping("pod-a", podAddress(t, second))
	n.mustCall("CHECK", "pod-a", withResult(t, result))
	n.mustCall("CHECK", "pod-b", withResult(t, second))

	n.mustCall("DEL", "pod-b", withResult(t, second))
	n.mustBe(before, "after DEL")
	n.mustCall("DEL", "pod-b", withResult(t, second))
	n.mustBe(before, "after the second DEL")
	n.ping("pod-a", gateway)

	n.run("ip", "netns", "del", "pod-a")
	n.mustCall("DEL", "pod-a", withResult(t, result))
	n.mustHaveNoLease()
}

// mustBe compares the node with a snapshot, but for what may stay: the marks that host-local keeps of where to go on. It
// waits for what Linux does late, such as the end of a carrier, as long as that makes a difference.
func (n node) mustBe(want kernel.Snapshot, when string) {
	n.t.Helper()
	if n.diff(want, n.snapshot()) == "" {
		return
	}
	if d := n.diff(want, n.settled()); d != "" {
		n.t.Errorf("%s the node differs:\n%s", when, d)
	}
}

func (n node) diff(want, got kernel.Snapshot) string {
	without := func(s kernel.Snapshot) kernel.Snapshot { return slices.DeleteFunc(slices.Clone(s), n.stay) }
	return kernel.Diff(without(want), without(got))
}

// isMark counts the index in, which tells when the folder of the leases was last changed.
func isMark(o kernel.Object) bool {
	return o.Noun == kernel.NounFile && (isMarkFile(o.Name) || filepath.Ext(o.Name) == ".index")
}

func isMarkFile(file string) bool {
	name := filepath.Base(file)
	return name == "lock" || strings.HasPrefix(name, "last_reserved_ip.")
}

func (n node) mustHaveNoLease() {
	n.t.Helper()
	err := filepath.WalkDir(leases, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !isMarkFile(name) {
			n.t.Errorf("lease %s is left", name)
		}
		return err
	})
	if err != nil {
		n.t.Error(err)
	}
}

func TestWithCNITool(t *testing.T) {
	n := newNode(t)
	n.build("github.com/containernetworking/cni/cnitool", "cnitool")
	n.run("ip", "netns", "add", "pod-a")
	before := n.snapshot()

	n.cnitool("add")
	n.ping("pod-a", gateway)
	n.cnitool("check")
	n.cnitool("del")
	n.run("ip", "link", "del", "cni0") // the network's, not the pod's
	n.run("sysctl", "-q", "net.ipv4.ip_forward=0")
	n.mustBe(before, "after cnitool del")
	n.cnitool("del")
}

func (n node) cnitool(verb string) {
	n.t.Helper()
	folder := n.t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "10-lab.conflist"), []byte(list), 0o600); err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(n.bin, "cnitool"), verb, "lab", "/run/netns/pod-a")
	cmd.Env = append(os.Environ(), "CNI_PATH="+n.bin, "NETCONFPATH="+folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Fatalf("cnitool %s: %v\n%s", verb, err, out)
	}
}
