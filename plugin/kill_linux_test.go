package plugin_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// killsVariable asks, set to "all", for SIGKILL at many calls of each name, not at two. "make kills" sets it.
const killsVariable = "CNILAB_KILLS"

const (
	fewCalls, manyCalls    = 2, 14   // of one name, at which an ADD is ended
	leastKills, leastNames = 150, 25 // that have to be hit in all
)

var protected = []protection{
	{"iptables", map[string]any{"ipMasq": true, "ipMasqBackend": "iptables"}, true},
	{"nftables", map[string]any{"ipMasq": true, "ipMasqBackend": "nftables"}, true},
	{"macspoofchk", map[string]any{"macspoofchk": true}, false},
}

// buildPlugin makes the plugin as "make build" does.
func buildPlugin(t *testing.T) pluginFolder {
	t.Helper()
	folder := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", folder+"/bridge", "../cmd/bridge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.Symlink("bridge", folder+"/host-local"); err != nil {
		t.Fatal(err)
	}
	return pluginFolder(folder)
}

// A tally counts the kills by the names of the calls.
type tally struct {
	mu     sync.Mutex
	killed map[string]int
	missed int // ADDs that made the call less often this time
}

func (k *tally) count(call string, killed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if killed {
		k.killed[call]++
	} else {
		k.missed++
	}
}

// TestKilled ends ADD by SIGKILL wherever it calls the kernel. DEL, with the namespace there or gone, leaves nothing of
// the attachment, and the next ADD works.
func TestKilled(t *testing.T) {
	sandbox.Require(t)
	if !sandbox.Thorough() {
		t.Skipf("takes long; \"make real\" asks for it, \"make kills\" for all of it")
	}
	folder, k := buildPlugin(t), tally{killed: map[string]int{}}
	t.Run("all", func(t *testing.T) {
		for _, p := range protected {
			for _, first := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s-%s", p.name, map[bool]string{true: "first", false: "beside"}[first]), func(t *testing.T) {
					t.Parallel()
					newVictim(t, folder, p, first).killAll(&k)
				})
			}
		}
	})
	total := 0
	for _, n := range k.killed {
		total += n
	}
	t.Logf("%d ADDs killed at %d system calls: %v; %d ended before the call", total, len(k.killed), k.killed, k.missed)
	if total < leastKills || len(k.killed) < leastNames {
		t.Errorf("want at least %d, at %d", leastKills, leastNames)
	}
}

// A victim is a machine on which ADDs are killed: the first attachment there, which has everything to make, or one beside
// another.
type victim struct {
	*lab
	call  func(request) answer
	env   func(r request) []string
	path  string
	conf  string
	first bool
}

func newVictim(t *testing.T, folder pluginFolder, p protection, first bool) *victim {
	v := &victim{
		lab: newLab(t, newLinux(t)), path: filepath.Join(string(folder), "bridge"), first: first,
		env: folder.env,
	}
	v.call = folder.on(v.lab)
	if p.ipv6 {
		v.enableIPv6()
	}
	ranges := [][]map[string]any{{{"subnet": "10.9.0.0/24"}}}
	if p.ipv6 {
		ranges = append(ranges, []map[string]any{{"subnet": "fd00:9::/64"}})
	}
	keys := map[string]any{
		"isDefaultGateway": true, "ipam": map[string]any{"type": "host-local", "dataDir": v.dataDir, "ranges": ranges},
	}
	maps.Copy(keys, p.keys)
	v.conf = v.lab.conf(keys)
	if !first {
		v.mustPass(v.call(request{verb: "ADD", id: beside, netns: v.pod(beside), conf: v.conf}))
	}
	return v
}

// mustPass expects success.
func (v *victim) mustPass(a answer) answer {
	v.t.Helper()
	if a.exit != 0 {
		v.t.Fatalf("exit %d\n%s%s", a.exit, a.stdout, a.stderr)
	}
	return a
}

// killAll kills ADD at some calls of each name, those of a whole run.
func (v *victim) killAll(k *tally) {
	calls, err := v.tracee().callsOf()
	v.must(err)
	v.end(true)
	before := v.settle(v.unshared)
	turn := 0
	for name, ns := range someOfEach(calls) {
		for _, n := range ns {
			killed, err := v.tracee().killAt(name, n)
			v.must(err)
			k.count(name, killed)
			turn++
			v.wantCleanUp(before, turn%2 == 0, fmt.Sprintf("killed at %s, %d", name, n))
		}
	}
}

// someOfEach returns at which calls of each name to kill, counted from 1.
func someOfEach(calls []string) map[string][]int {
	most := fewCalls
	if os.Getenv(killsVariable) == "all" {
		most = manyCalls
	}
	times, some := map[string]int{}, map[string][]int{}
	for _, call := range calls {
		times[call]++
	}
	for call, n := range times {
		if strings.HasPrefix(call, "rt_sig") {
			n = 1 // the Go runtime's, before the plugin's first own
		}
		for i := range min(n, most) {
			some[call] = append(some[call], 1+i*n/min(n, most))
		}
	}
	return some
}

// tracee is an ADD of a container that is about to be killed.
func (v *victim) tracee() tracee {
	r := request{verb: "ADD", id: alone, netns: v.pod(alone), conf: v.conf}
	return tracee{netns: v.ownPath, path: v.path, env: v.env(r), stdin: r.conf}
}

func (v *victim) netns() string { return filepath.Join(kernel.NetNSDir, v.prefix+alone) }

// end deletes the container.
func (v *victim) end(alive bool) {
	v.t.Helper()
	if !alive {
		v.must(v.DeleteNetNS(v.netns()))
	}
	v.mustPass(v.call(request{verb: "DEL", id: alone, netns: v.netns(), conf: v.conf}))
	if alive {
		v.must(v.DeleteNetNS(v.netns()))
	}
}

func (v *victim) wantCleanUp(before kernel.Snapshot, alive bool, when string) {
	v.t.Helper()
	v.end(alive)
	v.wantUnshared(before, when)
	r := request{verb: "ADD", id: "next", netns: v.pod("next"), conf: v.conf}
	result := v.lab.result(v.mustPass(v.call(r)))
	if len(result.IPs) == 0 {
		v.t.Errorf("%s: the next ADD got no address", when)
	}
	check := r.as("CHECK")
	check.conf = v.withPrev(v.conf, result)
	v.mustPass(v.call(check))
	v.mustPass(v.call(r.as("DEL")))
	v.must(v.DeleteNetNS(r.netns))
	v.wantUnshared(before, when+", and after the next")
}

// unshared is the state but for what all containers share, where the first one is asked for.
func (v *victim) unshared() kernel.Snapshot {
	v.t.Helper()
	return slices.DeleteFunc(v.state(), func(o kernel.Object) bool {
		return o.Noun == kernel.NounFile && isMark(filepath.Base(o.Name)) || v.first && isShared(o)
	})
}

// isShared reports whether an object is the network's or the node's.
func isShared(o kernel.Object) bool {
	switch o.Noun {
	case kernel.NounSysctl:
		return true
	case kernel.NounNFT:
		return strings.HasPrefix(o.Name, "table ") || strings.Contains(o.Name, " { type ") ||
			strings.HasPrefix(o.Name, "chain inet cni_plugins_masquerade") || strings.Contains(o.Name, "masquerade postrouting")
	}
	return strings.Contains(o.String(), "br-test")
}

func (v *victim) wantUnshared(before kernel.Snapshot, when string) {
	v.t.Helper()
	if diff := v.awaitState(before, v.unshared); diff != "" {
		v.t.Fatalf("%s: left over (+), or another's that is gone (-):\n%s", when, diff)
	}
}
