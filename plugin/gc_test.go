package plugin_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// gc is a GC that leaves these containers' eth0, listed under the key.
func (l *lab) gc(key string, keys map[string]any, containers ...string) request {
	valid := []map[string]any{}
	for _, c := range containers {
		valid = append(valid, map[string]any{"containerID": c, "ifname": "eth0"})
	}
	more := map[string]any{key: valid}
	for k, v := range keys {
		more[k] = v
	}
	return request{verb: "GC", conf: l.conf(more)}
}

const (
	validKey   = "cni.dev/valid-attachments"
	earlierKey = "cni.dev/attachments"
)

// null is a list of CRI-O's with nothing in it.
var null = json.RawMessage("null")

// owners returns the aliases of the host ends, without what all have in common.
func (l *lab) owners() string {
	l.t.Helper()
	links, err := l.self.Links()
	l.must(err)
	var owners []string
	for _, link := range links {
		if link.Kind == kernel.KindVeth {
			owners = append(owners, strings.TrimPrefix(link.Alias, "cni:"))
		}
	}
	return fmt.Sprint(owners)
}

// TestGC removes what is not listed, under either key, and nothing of another network on the same bridge.
func TestGC(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		other := map[string]any{
			"name": "other", "ipam": map[string]any{"type": "host-local", "subnet": "10.8.0.0/24", "dataDir": l.dataDir},
		}
		for _, id := range []string{"a", "b", "c"} {
			l.add(id, l.pod(id), l.conf(nil))
		}
		l.succeed(request{verb: "ADD", id: "a", netns: l.netns("a"), conf: l.conf(other), env: []string{"CNI_IFNAME=eth1"}})
		for _, c := range []struct {
			gc             request
			owners, leases string
		}{
			{
				l.gc(validKey, nil, "a", "b", "c"),
				"[net/a/eth0 net/b/eth0 net/c/eth0 other/a/eth1]", "[10.9.0.2 10.9.0.3 10.9.0.4]",
			},
			{l.gc(earlierKey, nil, "a", "c", "gone"), "[net/a/eth0 net/c/eth0 other/a/eth1]", "[10.9.0.2 10.9.0.4]"},
			{l.gc(validKey, nil, "c"), "[net/c/eth0 other/a/eth1]", "[10.9.0.4]"},
			{l.gc(validKey, map[string]any{earlierKey: []any{}}, "c"), "[net/c/eth0 other/a/eth1]", "[10.9.0.4]"},
			{l.gc(validKey, map[string]any{earlierKey: null}, "c"), "[net/c/eth0 other/a/eth1]", "[10.9.0.4]"},
			{l.gc(validKey, map[string]any{validKey: null, earlierKey: null}), "[other/a/eth1]", "[]"},
			{l.gc(validKey, nil), "[other/a/eth1]", "[]"},
			{l.gc(validKey, nil), "[other/a/eth1]", "[]"},
		} {
			if a := l.succeed(c.gc); a.stdout != "" {
				t.Errorf("GC prints %s", a.stdout)
			}
			if got := l.owners(); got != c.owners {
				t.Errorf("after %s: %s, want %s", c.gc.conf, got, c.owners)
			}
			if got := fmt.Sprint(l.leases("net")); got != c.leases {
				t.Errorf("after %s: leases %s, want %s", c.gc.conf, got, c.leases)
			}
		}
		if leases := l.leases("other"); len(leases) != 1 {
			t.Errorf("the other network has leases %v", leases)
		}
		l.must(second(l.self.LinkByName("br-test")))
	})
}

func second[T any](_ T, err error) error { return err }

// TestGCLeavesWhatIsNotOurs: names that are like ours.
func TestGCLeavesWhatIsNotOurs(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.add("a", l.pod("a"), l.conf(nil))
		prefix := l.veths(l.self)[0][:7]
		for i, spec := range []struct{ name, alias string }{
			{"veth0123abcd", ""},
			{prefix + "aaaaaaaa", ""}, // its address is not one of ours
			{prefix + "bbbbbbbb", "cni:neighbour/a/eth0"},
			{prefix + "cccccccc", "cni:net"},
			{prefix + "dddddddd", "uplink of rack 4"},
		} {
			l.must(l.self.AddLink(kernel.LinkSpec{
				Name: spec.name, Kind: kernel.KindVeth, MAC: pinned, Peer: kernel.PeerSpec{Name: fmt.Sprint("peer", i)},
			}))
			link, err := l.self.LinkByName(spec.name)
			l.must(err)
			l.must(l.self.ChangeLink(link.Index, kernel.LinkChange{Alias: &spec.alias}))
		}
		l.succeed(l.gc(validKey, nil))
		if got := l.owners(); got != "[     neighbour/a/eth0  net  uplink of rack 4]" {
			t.Errorf("left %q", got)
		}
	})
}

// TestGCTellsEveryFailure and does the rest all the same; the next one ends the job.
func TestGCTellsEveryFailure(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"isGateway": true})
		netns := []string{l.pod("a"), l.pod("b")}
		gc := l.gc(validKey, nil, "b")
		add := func(i int) { l.add([]string{"a", "b"}[i], netns[i], conf) }
		add(1)
		for _, m := range l.sweeps() {
			for n := 1; ; n++ {
				add(0)
				gc.on = intercept.Wrap(l.Host, m.at(n))
				a := l.call(gc)
				if len(m.hit) < n {
					break
				}
				wantError(t, a)
				gc.on = nil
				l.succeed(gc)
				if owners, leases := l.owners(), l.leases("net"); owners != "[net/b/eth0]" || len(leases) != 1 {
					t.Fatalf("%s at %s, then GC: left %s %v", m.name, m.hit[n-1], owners, leases)
				}
			}
			m.wantHits(t, []intercept.Op{
				intercept.NetNSSelf, intercept.LinkList, intercept.LinkDelete, intercept.FileLock, intercept.FileRemove,
			})
		}
		l.succeed(request{verb: "CHECK", id: "b", netns: netns[1], conf: l.withPrev(conf, l.rebuilt("b", netns[1], conf))})
	})
}

// rebuilt is the result of DEL and ADD.
func (l *lab) rebuilt(id, netns, conf string) any {
	l.t.Helper()
	l.succeed(request{verb: "DEL", id: id, conf: conf})
	return l.add(id, netns, conf)
}

// TestCrashThenGC ends the process at each effect of an ADD. GC has to leave nothing of the attachment.
func TestCrashThenGC(t *testing.T) {
	onEachSituation(t, func(t *testing.T, l *lab, s situation, r request) {
		others := len(l.veths(l.self))
		for n := 1; ; n++ {
			crash := &intercept.Crash{Effect: n, After: true}
			r.on = intercept.Wrap(l.Host, crash.Hook)
			l.call(r)
			if !crash.Dead() {
				break
			}
			l.succeed(l.gc(validKey, s.keys, "first"))
			if left := l.veths(l.self); len(left) != others {
				t.Errorf("crash after effect %d, then GC: left %v", n, left)
			}
			if left := l.leases("net"); len(left) != others && s.keys["ipam"] != nil {
				t.Errorf("crash after effect %d, then GC: left leases %v", n, left)
			}
		}
	})
}

// TestGCIsHandedOn to an IPAM program, whole, and its failure told.
func TestGCIsHandedOn(t *testing.T) {
	b := &addressBook{answers: map[string]string{
		"ADD": `{"ips": [{"address": "10.9.0.77/24"}]}`, "GC": `{"code": 5, "msg": "disk on fire"}`,
	}, exit: map[string]int{"GC": 1}}
	l, conf := withBook(t, b)
	l.add("a", l.pod("a"), conf)
	gc := l.gc(validKey, map[string]any{"ipam": map[string]any{"type": "book"}})
	l.fail(gc, 5, "release stale addresses: book: disk on fire")
	l.wantNothingLeft("GC")
	b.exit = nil
	l.succeed(gc)
	if last := b.calls[len(b.calls)-1]; !strings.HasPrefix(last, "CNI_COMMAND=GC") ||
		!strings.HasSuffix(last, fmt.Sprintf(" %d bytes", len(gc.conf))) {
		t.Errorf("called with %s", last)
	}
	gc.name = "host-local"
	l.succeed(gc)
}

// TestGCDuringAnAddOfAnotherNetwork, which nobody forbids: what keeps that container from spoofing stays.
func TestGCDuringAnAddOfAnotherNetwork(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addSharedRules()
		other := l.conf(map[string]any{"name": "other", "ipam": nil, "macspoofchk": true})
		netns, added := l.pod("b"), false
		gc := l.gc(validKey, nil)
		gc.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Op == intercept.RulesetList && !added {
				added = true
				l.add("b", netns, other)
			}
			return next()
		})
		l.succeed(gc)
		if rules := fmt.Sprint(l.rules()); !strings.Contains(rules, "cni-br-iface-b-eth0-mac") || !added {
			t.Errorf("rules after GC of one network: %s", rules)
		}
		l.succeed(request{verb: "DEL", id: "b", conf: other})
	})
}

// TestRehearsalOfAnAdoptedInterface says what would become of it, and leaves it on the bridge.
func TestRehearsalOfAnAdoptedInterface(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		l.add("a", l.pod("a"), l.conf(chainedKeys))
		before := l.snapshot()
		gc := l.gc(validKey, nil, "first")
		gc.env = []string{"CNILAB_GC_DRYRUN=1"}
		gc.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
			if c.Mutates() && c.Op != intercept.FileLock && c.Op != intercept.NetNSLock {
				t.Errorf("a rehearsal does %s", c)
			}
			return next()
		})
		said := l.succeed(gc).stderr
		if want := "GC would take link tap0 (cni:net/a/eth0 was:rack 4) off its bridge\n" +
			"GC would give link tap0 (cni:net/a/eth0 was:rack 4) its alias back\n"; said != want {
			t.Errorf("a rehearsal says\n%s, want\n%s", said, want)
		}
		l.wantState("a rehearsal", before)
	})
}

// TestRehearsalTellsLinksApart: the other end of a pair has a number of the container's namespace, which on the host is
// another link's.
func TestRehearsalTellsLinksApart(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"ipam": nil, "macspoofchk": true})
		l.add("a", l.pod("a"), conf)
		living, err := l.self.LinkByName(l.hostEnd())
		l.must(err)
		l.add("b", l.pod("b"), conf)
		dead, err := l.open(l.netns("b")).LinkByName("eth0")
		l.must(err)
		if dead.Index != living.Index {
			t.Fatalf("the number is %d in the container, and %d on the host", dead.Index, living.Index)
		}
		gc := l.gc(validKey, nil, "a")
		gc.env = []string{"CNILAB_GC_DRYRUN=1"}
		if said := l.succeed(gc).stderr; strings.Contains(said, "cni-br-iface-a-eth0") || !strings.Contains(said, "net/b/eth0") {
			t.Errorf("a rehearsal is about the living:\n%s", said)
		}
	})
}

// TestRehearsalOfHostLocal as a program of its own, which other plugins than the bridge may call.
func TestRehearsalOfHostLocal(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.add("a", l.pod("a"), l.conf(nil))
		before := l.snapshot()
		gc := l.gc(validKey, nil)
		gc.name, gc.env = "host-local", []string{"CNILAB_GC_DRYRUN=1"}
		if said := l.succeed(gc).stderr; said != "GC would release 10.9.0.2 of a eth0\n" {
			t.Errorf("a rehearsal says %q", said)
		}
		l.wantState("a rehearsal", before)
		gc.env = nil
		l.succeed(gc)
		if left := l.leases("net"); len(left) != 0 {
			t.Errorf("leases %v", left)
		}
	})
}
