package plugin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

func TestDelBeforeAdd(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		before := l.snapshot()
		l.succeed(request{verb: "DEL", id: "a", conf: l.conf(nil)})
		l.wantState("DEL", before)
	})
}

// TestDelNeedsNoNamespace deletes with whatever CNI_NETNS may have become, twice, and with configurations that ADD
// would refuse by now.
func TestDelNeedsNoNamespace(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		other := l.pod("other")
		l.add("other", other, l.conf(nil))
		noRange := map[string]any{"ipam": map[string]any{"type": "host-local", "dataDir": l.dataDir}}
		for _, c := range []struct {
			name, netns string
			keys        map[string]any
			env         string
		}{
			{name: "as it was", netns: l.netns("a")},
			{name: "empty"},
			{name: "gone", netns: l.netns("gone")},
			{name: "a plain file", netns: plainFile(l)},
			{name: "another's", netns: other},
			{name: "the host's", netns: l.ownPath},
			{name: "without a range", keys: noRange},
			{name: "with a key that is not built", keys: map[string]any{"vlan": 9, "mtu": 1}},
			{name: "with arguments nobody knows", env: "CNI_ARGS=FOO=BAR"},
		} {
			netns := l.pod("a")
			l.add("a", netns, l.conf(map[string]any{"isGateway": true}))
			r := request{verb: "DEL", id: "a", netns: c.netns, conf: l.conf(c.keys), env: []string{c.env}}
			for range 2 {
				if a := l.succeed(r); a.stdout != "" {
					t.Errorf("%s: DEL prints %s", c.name, a.stdout)
				}
			}
			if ends, leases := l.veths(l.self), l.leases("net"); len(ends) != 1 || len(leases) != 1 {
				t.Errorf("%s: left %v and %v, want the other attachment's alone", c.name, ends, leases)
			}
			l.must(l.DeleteNetNS(netns))
		}
		if ends := l.veths(l.open(other)); len(ends) != 1 {
			t.Errorf("the other container has %v", ends)
		}
	})
}

// TestDelAfterNamespaceDied: the veth goes with the namespace, the lease does not.
func TestDelAfterNamespaceDied(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		l.add("a", netns, l.conf(nil))
		l.must(l.DeleteNetNS(netns))
		l.succeed(request{verb: "DEL", id: "a", netns: netns, conf: l.conf(nil)})
		l.wantNothingLeft("DEL")
	})
}

// TestDelReportsMissingIPAM: what can be cleaned is, and the failure is told; the next DEL ends the job.
func TestDelReportsMissingIPAM(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(nil)
		l.add("a", l.pod("a"), conf)
		r := request{verb: "DEL", id: "a", conf: conf, env: []string{"CNI_PATH=/nowhere"}}
		l.fail(r, 7, `failed to find plugin "host-local"`)
		if ends := l.veths(l.self); len(ends) != 0 {
			t.Errorf("left %v", ends)
		}
		r.env = nil
		l.succeed(r)
		l.wantNothingLeft("second DEL")
	})
}

// TestDelLeavesWhatIsNotOurs: a link of the attachment's name whose alias says that it is another attachment's.
func TestDelLeavesWhatIsNotOurs(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.add("a", l.pod("a"), l.conf(nil))
		name := l.veths(l.self)[0]
		link, err := l.self.LinkByName(name)
		l.must(err)
		l.must(l.self.ChangeLink(link.Index, kernel.LinkChange{Alias: new("cni:net/b/eth0")}))
		l.succeed(request{verb: "DEL", id: "a", conf: l.conf(nil)})
		if _, err := l.self.LinkByName(name); err != nil {
			t.Errorf("DEL took another's link: %v", err)
		}
		l.must(l.self.ChangeLink(link.Index, kernel.LinkChange{Alias: new("uplink of rack 4")}))
		l.succeed(request{verb: "DEL", id: "a", conf: l.conf(nil)})
		l.wantNothingLeft("DEL with an operator's alias")
	})
}

// TestDelTakesOverFromReference: a node whose plugin was replaced has attachments of the old one, known by prevResult
// alone.
func TestDelTakesOverFromReference(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		pod := l.open(l.pod("a"))
		mac := "02:00:00:00:00:07"
		for _, name := range []string{"veth0123abcd", "veth4567abcd", "uplink"} {
			l.must(l.self.AddLink(kernel.LinkSpec{
				Name: name, Kind: kernel.KindVeth, MAC: []byte{2, 0, 0, 0, 0, 7},
				Peer: kernel.PeerSpec{Name: "e" + name[4:], NetNS: pod},
			}))
		}
		prev := map[string]any{"interfaces": []any{
			map[string]any{"name": "br-test", "mac": mac},
			map[string]any{"name": "veth0123abcd", "mac": mac},
			map[string]any{"name": "veth4567abcd", "mac": "02:00:00:00:00:08"}, // another has the name by now
			map[string]any{"name": "veth4567abcd", "mac": mac, "sandbox": l.netns("a")},
			map[string]any{"name": "uplink", "mac": mac},
			map[string]any{"name": "veth89abcdef", "mac": mac},
			map[string]any{"name": "eth0", "mac": mac, "sandbox": l.netns("a")},
		}}
		r := request{verb: "DEL", id: "a", conf: l.withPrev(l.conf(nil), prev)}
		for range 2 {
			l.succeed(r)
			if left := fmt.Sprint(l.veths(l.self)); left != "[veth4567abcd uplink]" {
				t.Errorf("left %s", left)
			}
		}
		l.succeed(request{verb: "DEL", id: "a", conf: l.withPrev(l.conf(nil), "nonsense")})
	})
}

// TestDelKnowsReferenceByLease: without prevResult, what the reference made is known by the address that is leased to
// it. CNI_NETNS alone is no proof: it may be another container's by now.
func TestDelKnowsReferenceByLease(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addDownBridge()
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.MkdirAll(l.dataDir+"/net", 0o755))
		netns := l.pod("a")
		pod := l.open(netns)
		for _, c := range []struct {
			what, end, alias, owner string
			keys                    map[string]any
			goes                    bool
		}{
			{what: "another container's lease", end: "veth0123abcd", owner: "b\r\neth0"},
			{what: "another interface's lease", end: "veth0123abcd", owner: "a\r\neth1"},
			{what: "no lease", end: "veth0123abcd"},
			{what: "no end of the reference", end: "uplink", owner: "a\r\neth0"},
			{what: "an alias", end: "veth0123abcd", alias: "cni:other/a/eth0", owner: "a\r\neth0"},
			{what: "another bridge", end: "veth0123abcd", owner: "a\r\neth0", keys: map[string]any{"bridge": "br-other"}},
			{what: "no such bridge name", end: "veth0123abcd", owner: "a\r\neth0", keys: map[string]any{"bridge": ""}},
			{what: "no IPAM", end: "veth0123abcd", owner: "a\r\neth0", keys: map[string]any{"ipam": nil}},
			{what: "its own", end: "veth0123abcd", owner: "a\r\neth0", goes: true},
			{what: "its own, as old releases wrote it", end: "veth0123abcd", owner: "a", goes: true},
		} {
			l.must(l.self.AddLink(kernel.LinkSpec{
				Name: c.end, Kind: kernel.KindVeth, Master: bridge.Index, Peer: kernel.PeerSpec{Name: "eth0", NetNS: pod},
			}))
			host, err := l.self.LinkByName(c.end)
			l.must(err)
			l.must(l.self.ChangeLink(host.Index, kernel.LinkChange{Alias: &c.alias}))
			end, err := pod.LinkByName("eth0")
			l.must(err)
			l.must(pod.AddAddress(kernel.Address{Link: end.Index, Prefix: prefix("10.9.0.7/24")}))
			lease := l.dataDir + "/net/10.9.0.7"
			if c.owner != "" {
				l.must(l.WriteFile(lease, []byte(c.owner), 0o600))
			}
			del := request{verb: "DEL", id: "a", netns: netns, conf: l.conf(c.keys)}
			l.succeed(del)
			l.succeed(del)
			if left := l.veths(l.self); (len(left) == 0) != c.goes {
				t.Errorf("%s: left %v", c.what, left)
			}
			if len(l.veths(l.self)) > 0 {
				l.must(l.self.DeleteLink(host.Index))
			}
			if err := l.Remove(lease); err != nil && !errors.Is(err, kernel.ENOENT) {
				t.Fatal(err)
			}
		}
	})
}

// TestDelWithoutValidIPAM: an address is released though the configuration has come to say of it what nobody can read.
func TestDelWithoutValidIPAM(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		for _, keys := range []map[string]any{
			{"ipam": map[string]any{"type": "host-local", "subnet": 5, "dataDir": l.dataDir}},
			{"ipam": map[string]any{"type": "host-local", "ranges": "10.9.0.0/24", "dataDir": l.dataDir}},
			{"ipam": map[string]any{"type": "host-local", "routes": []any{map[string]any{"dst": "all"}}, "dataDir": l.dataDir}},
			{"runtimeConfig": map[string]any{"ips": "10.9.0.2", "mac": 7}},
			{"args": "IP=10.9.0.2"},
		} {
			l.add("a", netns, l.conf(nil))
			l.succeed(request{verb: "DEL", id: "a", netns: netns, conf: l.conf(keys)})
			l.wantNothingLeft(fmt.Sprintf("DEL with %v", keys))
		}
		wrong := map[string]any{"ipam": map[string]any{"type": "host-local", "dataDir": 5}}
		l.fail(request{verb: "DEL", id: "a", netns: netns, conf: l.conf(wrong)}, 6, "dataDir")
	})
}

// TestDelOfLongNames: what cannot be the name of a file has no lease. One that can, but for that of host-local's index, may
// have: the reference makes none.
func TestDelOfLongNames(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		for _, length := range []int{249, 251, 255, 256, 2000} {
			name := strings.Repeat("n", length)
			r := request{verb: "ADD", id: "a", netns: netns, conf: l.conf(map[string]any{"name": name})}
			before := l.snapshot()
			if e := l.fail(r, 5, "get addresses", "ENAMETOOLONG"); strings.Contains(e.Msg, "undo") {
				t.Errorf("%d letters: %s", length, e.Msg)
			}
			l.wantState("ADD", before)
			l.succeed(r.as("DEL"))
			if length > 255 {
				continue
			}
			for id, file := range map[string]string{"a": "/10.9.0.7", "b": "/10.9.0.8"} {
				l.must(l.WriteFile(l.dataDir+"/"+name+file, []byte(id+"\r\neth0"), 0o600))
			}
			l.succeed(r.as("DEL"))
			if leases := fmt.Sprint(l.leases(name)); leases != "[10.9.0.8]" {
				t.Errorf("%d letters: leases after DEL: %s", length, leases)
			}
			gc := map[string]any{"name": name, "cni.dev/valid-attachments": []any{}}
			l.succeed(request{verb: "GC", conf: l.conf(gc)})
			if leases := l.leases(name); len(leases) != 0 {
				t.Errorf("%d letters: leases after GC: %s", length, leases)
			}
		}
	})
}

// TestDelWithoutFolderOfLeases: where it would be is a file, or it is below one. ADD says so; DEL has nothing to release.
func TestDelWithoutFolderOfLeases(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.must(l.MkdirAll(l.dataDir, 0o755))
		l.must(l.WriteFile(l.dataDir+"/file", nil, 0o600))
		l.must(l.WriteFile(l.dataDir+"/net", nil, 0o600))
		netns := l.pod("a")
		for _, dataDir := range []string{l.dataDir, l.dataDir + "/file", l.dataDir + "/file/below"} {
			conf := l.conf(map[string]any{"ipam": map[string]any{"type": "host-local", "subnet": "10.9.0.0/24", "dataDir": dataDir}})
			r := request{verb: "ADD", id: "a", netns: netns, conf: conf}
			before := l.snapshot()
			if e := l.fail(r, 5, "get addresses", "ENOTDIR"); strings.Contains(e.Msg, "undo") {
				t.Error(e.Msg)
			}
			l.wantState("ADD", before)
			l.succeed(r.as("DEL"))
		}
	})
}
