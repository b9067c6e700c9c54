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
	leastKills, leastNames = 150, 25 // that have to be hit, with the namespace there in DEL, and with it gone
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

// A tally counts the kills by the names of the calls: of one machine, each is at a point of its own.
type tally struct {
	mu     sync.Mutex
	killed map[bool]map[string]int // by whether the namespace was there in DEL
	missed int                     // ADDs that made the call less often this time
}

func (k *tally) count(call string, alive, killed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !killed:
		k.missed++
	case k.killed[alive] == nil:
		k.killed[alive] = map[string]int{call: 1}
	default:
		k.killed[alive][call]++
	}
}

// wantEnough expects that enough ADDs were killed for what is claimed.
func (k *tally) wantEnough(t *testing.T) {
	for alive, namespace := range map[bool]string{true: "there", false: "gone"} {
		total, killed := 0, k.killed[alive]
		for _, n := range killed {
			total += n
		}
		t.Logf("namespace %s: %d ADDs killed at %d system calls: %v", namespace, total, len(killed), killed)
		if total < leastKills || len(killed) < leastNames {
			t.Errorf("want at least %d, at %d", leastKills, leastNames)
		}
	}
	t.Logf("%d ADDs made the call less often than another time, and ended", k.missed)
}

// TestKilled ends ADD by SIGKILL wherever it calls the kernel. DEL, with the namespace there or gone, leaves nothing of
// the attachment, and the next ADD works.
func TestKilled(t *testing.T) {
	sandbox.Require(t)
	if !sandbox.Thorough() {
		t.Skipf("takes long; \"make real\" asks for it, \"make kills\" for all of it")
	}
	folder, k := buildPlugin(t), tally{killed: map[bool]map[string]int{}}
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
	k.wantEnough(t)
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
	before := v.settle(v.unshared)
	calls, err := v.tracee().callsOf()
	v.must(err)
	v.wantCleanUp(before, true, "not killed")
	points, alive := someOfEach(calls), v.first // so that, of few, each is tried in both ways
	for _, name := range slices.Sorted(maps.Keys(points)) {
		for _, n := range points[name] {
			v.forgetShared()
			killed, err := v.tracee().killAt(name, n)
			v.must(err)
			alive = !alive
			k.count(name, alive, killed)
			v.wantCleanUp(before, alive, fmt.Sprintf("killed at %s, %d", name, n))
		}
	}
}

// forgetShared ends what all containers share, where the next one is to be the first.
func (v *victim) forgetShared() {
	v.t.Helper()
	if !v.first {
		return
	}
	if bridge, err := v.self.LinkByName("br-test"); err == nil {
		v.must(v.self.DeleteLink(bridge.Index))
	}
	for _, table := range []string{"inet cni_plugins_masquerade", "bridge nat"} {
		v.changeRules("nft", "add table "+table) // or there might be none to delete
		v.changeRules("nft", "delete table "+table)
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

// end deletes the container.
func (v *victim) end(alive bool) {
	v.t.Helper()
	netns := v.netns(alone)
	if !alive {
		v.must(v.DeleteNetNS(netns))
	}
	v.mustPass(v.call(request{verb: "DEL", id: alone, netns: netns, conf: v.conf}))
	if alive {
		v.must(v.DeleteNetNS(netns))
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

// isShared reports whether an object is the network's or the node's: the bridge, but not its ports.
func isShared(o kernel.Object) bool {
	switch o.Noun {
	case kernel.NounSysctl:
		return true
	case kernel.NounLink:
		return o.Name == "br-test"
	case kernel.NounNFT:
		return strings.HasPrefix(o.Name, "table ") || strings.Contains(o.Name, " { type ") ||
			strings.HasPrefix(o.Name, "chain inet cni_plugins_masquerade") || strings.Contains(o.Name, "masquerade postrouting")
	}
	dev, _ := o.Attr("dev")
	return dev == "br-test"
}

func (v *victim) wantUnshared(before kernel.Snapshot, when string) {
	v.t.Helper()
	if diff := v.awaitState(before, v.unshared); diff != "" {
		v.t.Fatalf("%s: left over (+), or another's that is gone (-):\n%s", when, diff)
	}
}
