package plugin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin"
)

// A backend makes machines to test on. Each has a folder for CNI_PATH, in which host-local is the calling program
// itself.
type backend struct {
	name string
	new  func(t *testing.T) machine // others can be made beside it, at the same time
}

type machine struct {
	kernel.Host
	simulated bool
	ownPath   string // of the machine's own namespace
	prefix    string // of the names of its namespaces, where there are others' beside them
	cniPath   string
	dataDir   string
	// parallel calls the functions at once and returns when all have.
	parallel func(t *testing.T, calls ...func())
}

// backends are those that can be used here; each registers itself.
var backends []backend

// onEach runs a test on every backend there is here, beside other tests: Linux lets each wait for most of its time.
func onEach(t *testing.T, test func(t *testing.T, l *lab)) {
	t.Parallel()
	for _, b := range backends {
		on(t, b.name, test)
	}
}

// on runs a test on one backend, "sim" or "linux", where it is there.
func on(t *testing.T, name string, test func(t *testing.T, l *lab)) {
	for _, b := range backends {
		if b.name == name {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, newLab(t, b.new(t)))
			})
		}
	}
}

// A lab is a machine with an easy way to call the plugin there.
type lab struct {
	machine
	t    *testing.T
	self kernel.NetNS
	pods []string // the paths of their namespaces

	dataDirs []string // where host-local has leases
}

func newLab(t *testing.T, m machine) *lab {
	l := &lab{machine: m, t: t, dataDirs: []string{m.dataDir}}
	var err error
	l.self, err = m.Self()
	l.must(err)
	t.Cleanup(l.self.Close)
	l.quiet(l.self)
	l.must(l.self.SetSysctl("net/ipv4/ip_forward", "0"))
	return l
}

// quiet turns IPv6 off, whose link-local addresses come and settle by themselves.
func (l *lab) quiet(ns kernel.NetNS) {
	for _, key := range []string{"net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/default/disable_ipv6"} {
		if err := ns.SetSysctl(key, "1"); err != nil && !errors.Is(err, kernel.ENOENT) {
			l.t.Fatal(err)
		}
	}
}

// ownNamespaces is a machine on which others have namespaces too.
type ownNamespaces struct {
	kernel.Host
	prefix string // of the names of the lab's
}

// own is the machine with the namespaces of the lab alone.
func (l *lab) own() ownNamespaces { return ownNamespaces{l.Host, l.prefix} }

func (h ownNamespaces) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := h.Host.ReadDir(name)
	if name == kernel.NetNSDir {
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), h.prefix) })
	}
	return entries, err
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// netns is the path of the namespace with a name, which need not be there.
func (l *lab) netns(name string) string { return path.Join(kernel.NetNSDir, l.prefix+name) }

// pod makes a namespace and returns its path.
func (l *lab) pod(name string) string {
	l.t.Helper()
	p := l.netns(name)
	l.must(l.AddNetNS(p))
	l.pods = append(l.pods, p)
	l.t.Cleanup(func() {
		if err := l.DeleteNetNS(p); err != nil && !errors.Is(err, kernel.ENOENT) {
			l.t.Error(err)
		}
	})
	ns, err := l.OpenNetNS(p)
	l.must(err)
	defer ns.Close()
	l.quiet(ns)
	return p
}

// open opens a pod's namespace for the time of the test.
func (l *lab) open(netns string) kernel.NetNS {
	l.t.Helper()
	ns, err := l.OpenNetNS(netns)
	l.must(err)
	l.t.Cleanup(ns.Close)
	return ns
}

// conf is a configuration with more keys, of which those with the value nil are left out.
func (l *lab) conf(more map[string]any) string {
	keys := map[string]any{
		"cniVersion": "1.1.0", "name": "net", "type": "bridge", "bridge": "br-test",
		"ipam": map[string]any{"type": "host-local", "subnet": "10.9.0.0/24", "dataDir": l.dataDir},
	}
	for key, value := range more {
		keys[key] = value
		if value == nil {
			delete(keys, key)
		}
	}
	data, err := json.Marshal(keys)
	l.must(err)
	return string(data)
}

// A request is one call of the plugin.
type request struct {
	verb  string
	id    string
	netns string
	conf  string
	on    kernel.Host // nil: the lab's machine
	to    io.Writer   // nil: into the answer
	env   []string
	name  string // "": bridge
	ctx   context.Context
}

// An answer is what it left.
type answer struct {
	exit           int
	stdout, stderr string
}

func (l *lab) call(r request) answer {
	var stdout, stderr bytes.Buffer
	if r.on == nil {
		r.on = l.Host
	}
	if r.to == nil {
		r.to = &stdout
	}
	if r.name == "" {
		r.name = "bridge"
	}
	if r.ctx == nil {
		r.ctx = l.t.Context()
	}
	env := append([]string{
		"CNI_COMMAND=" + r.verb, "CNI_CONTAINERID=" + r.id, "CNI_NETNS=" + r.netns, "CNI_IFNAME=eth0",
		"CNI_PATH=" + l.cniPath,
	}, r.env...)
	exit := plugin.Main(r.ctx, plugin.Invocation{
		Name: r.name, Env: env, Stdin: strings.NewReader(r.conf), Stdout: r.to, Stderr: &stderr,
	}, r.on)
	return answer{exit, stdout.String(), stderr.String()}
}

// succeed calls the plugin and expects success.
func (l *lab) succeed(r request) answer {
	l.t.Helper()
	a := l.call(r)
	if a.exit != 0 {
		l.t.Fatalf("%s of %s: exit %d\n%s%s", r.verb, r.id, a.exit, a.stdout, a.stderr)
	}
	return a
}

// add is ADD and its result.
func (l *lab) add(id, netns, conf string) *types100.Result {
	l.t.Helper()
	return l.result(l.succeed(request{verb: "ADD", id: id, netns: netns, conf: conf}))
}

func (l *lab) result(a answer) *types100.Result {
	l.t.Helper()
	r, err := types100.NewResult([]byte(a.stdout))
	l.must(err)
	return r.(*types100.Result)
}

// An errorObject is what a failed verb has to print.
type errorObject struct {
	CNIVersion string `json:"cniVersion"`
	Code       uint   `json:"code"`
	Msg        string `json:"msg"`
	Details    string `json:"details"`
}

// wantError expects an answer that is one error object, its message in one line, and returns it.
func wantError(t *testing.T, a answer) errorObject {
	t.Helper()
	var e errorObject
	if err := json.Unmarshal([]byte(a.stdout), &e); err != nil || a.exit != 1 {
		t.Fatalf("exit %d, %v; want 1 and one error object, got:\n%s", a.exit, err, a.stdout)
	}
	if e.Code == 0 || e.Msg == "" || strings.Contains(e.Msg, "\n") || e.CNIVersion == "" {
		t.Errorf("not a useful error: %+v", e)
	}
	return e
}

// fail calls the plugin and expects an error with this code and these words in its message or details, as they are where
// the lab is the only one.
func (l *lab) fail(r request, code uint, words ...string) errorObject {
	l.t.Helper()
	e := wantError(l.t, l.call(r))
	if e.Code != code {
		l.t.Errorf("%s: code %d, want %d: %s", r.verb, e.Code, code, e.Msg)
	}
	said := strings.ReplaceAll(e.Msg+"\n"+e.Details, l.prefix, "")
	for _, w := range words {
		if !strings.Contains(said, w) {
			l.t.Errorf("%s: no %q in %+v", r.verb, w, e)
		}
	}
	return e
}

// withPrev adds a result to a configuration.
func (l *lab) withPrev(conf string, prev any) string {
	l.t.Helper()
	var keys map[string]any
	l.must(json.Unmarshal([]byte(conf), &keys))
	keys["prevResult"] = prev
	data, err := json.Marshal(keys)
	l.must(err)
	return string(data)
}

// snapshot is the state that a failed ADD has to leave alone. Left out is the operational state, which follows changes
// some time later, and what host-local keeps for good: its lock and its hints.
func (l *lab) snapshot() string {
	l.t.Helper()
	s, err := kernel.Take(l.own(), l.dataDir)
	l.must(err)
	s = slices.DeleteFunc(s, func(o kernel.Object) bool {
		return o.Noun == kernel.NounFile && isMark(path.Base(o.Name))
	})
	for i := range s {
		s[i].Attrs = slices.DeleteFunc(slices.Clone(s[i].Attrs), func(a kernel.Attr) bool { return a.Key == "oper" })
	}
	return s.String()
}

// wantState compares the state with one taken before.
func (l *lab) wantState(when, before string) {
	l.t.Helper()
	if diff := cmp.Diff(before, l.snapshot()); diff != "" {
		l.t.Errorf("%s: the state differs (-before +after):\n%s", when, diff)
	}
}

// veths returns the names of the veth ends in a namespace.
func (l *lab) veths(ns kernel.NetNS) (names []string) {
	l.t.Helper()
	links, err := ns.Links()
	l.must(err)
	for _, link := range links {
		if link.Kind == kernel.KindVeth {
			names = append(names, link.Name)
		}
	}
	return names
}

// leases returns the addresses that are reserved in a network.
func (l *lab) leases(network string) (names []string) {
	l.t.Helper()
	entries, err := l.ReadDir(path.Join(l.dataDir, network))
	if errors.Is(err, kernel.ENOENT) {
		return nil
	}
	l.must(err)
	for _, e := range entries {
		if strings.Count(e.Name(), ".") == 3 {
			names = append(names, e.Name())
		}
	}
	return names
}

// wantNothingOf expects that no attachment is left on the machine.
func (l *lab) wantNothingLeft(when string) {
	l.t.Helper()
	if left := fmt.Sprint(l.veths(l.self), l.leases("net")); left != "[] []" {
		l.t.Errorf("%s: left over: %s", when, left)
	}
}

// prefix parses an address with its prefix length.
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
