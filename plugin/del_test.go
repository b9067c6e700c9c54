package plugin_test

import (
	"fmt"
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
		l.must(l.WriteFile("/run/plain", nil, 0o600))
		other := l.pod("other")
		l.add("other", other, l.conf(nil))
		noRange := map[string]any{"ipam": map[string]any{"type": "host-local", "dataDir": l.dataDir}}
		for _, c := range []struct {
			name, netns string
			keys        map[string]any
			env         string
		}{
			{name: "as it was", netns: "/run/netns/a"},
			{name: "empty"},
			{name: "gone", netns: "/run/netns/gone"},
			{name: "a plain file", netns: "/run/plain"},
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
			map[string]any{"name": "veth4567abcd", "mac": mac, "sandbox": "/run/netns/a"},
			map[string]any{"name": "uplink", "mac": mac},
			map[string]any{"name": "veth89abcdef", "mac": mac},
			map[string]any{"name": "eth0", "mac": mac, "sandbox": "/run/netns/a"},
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
