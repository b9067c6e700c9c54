package plugin_test

import (
	"fmt"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// narrow is a pool of one address.
func (l *lab) narrow() map[string]any {
	return map[string]any{"isGateway": true, "ipam": map[string]any{
		"type": "host-local", "subnet": "10.9.0.0/24", "rangeStart": "10.9.0.2", "rangeEnd": "10.9.0.2", "dataDir": l.dataDir,
	}}
}

// TestStatus says the same as an ADD would.
func TestStatus(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		status := request{verb: "STATUS", conf: l.conf(l.narrow())}
		before := l.snapshot()
		if a := l.succeed(status); a.stdout != "" {
			t.Errorf("STATUS prints %s", a.stdout)
		}
		l.wantState("STATUS", before)

		l.add("a", l.pod("a"), l.conf(l.narrow()))
		l.fail(status, 50, "ask the IPAM plugin", "no IP addresses available")
		status.name = "host-local"
		l.fail(status, 50, "no IP addresses available")
		status.name = ""

		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.self.ChangeLink(bridge.Index, kernel.LinkChange{Up: new(false)}))
		l.fail(status, 51, "no IP addresses available")
		l.succeed(request{verb: "STATUS", conf: l.conf(nil)})
	})
}

func TestStatusRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.must(l.self.AddLink(kernel.LinkSpec{Name: "dev0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "dev1"}}))
		for _, c := range []struct {
			name  string
			keys  map[string]any
			env   string
			code  uint
			words string
		}{
			{name: "no bridge", keys: map[string]any{"bridge": "dev0"}, code: 7, words: "is not a bridge"},
			{name: "mtu", keys: map[string]any{"mtu": 67}, code: 7, words: "mtu"},
			{name: "vlan", keys: map[string]any{"vlan": 4095}, code: 7, words: "invalid VLAN ID 4095"},
			{
				name: "no plugin", keys: map[string]any{"ipam": map[string]any{"type": "none"}},
				code: 7, words: `failed to find plugin "none"`,
			},
			{
				name: "no subnet", keys: map[string]any{"ipam": map[string]any{"type": "host-local"}},
				code: 7, words: "no IP ranges specified",
			},
			{name: "no path", env: "CNI_PATH=", code: 4, words: "CNI_PATH"},
		} {
			l.fail(request{verb: "STATUS", conf: l.conf(c.keys), env: []string{c.env}}, c.code, c.words)
		}
	})
}

// TestStatusTellsEveryFailure: what cannot be looked at is not available.
func TestStatusTellsEveryFailure(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.add("a", l.pod("a"), l.conf(nil))
		status := request{verb: "STATUS", conf: l.conf(nil)}
		var hit []intercept.Call
		for n := 1; ; n++ {
			status.on = intercept.Wrap(l.Host, refused.at(n, &hit))
			a := l.call(status)
			if len(hit) < n {
				break
			}
			if e := wantError(t, a); e.Code != 50 {
				t.Errorf("%s: code %d", hit[n-1], e.Code)
			}
		}
		wantHits(t, hit, []intercept.Op{intercept.NetNSSelf, intercept.LinkList, intercept.LinkSet, intercept.FileLock})
		forbidden := &intercept.Fault{When: intercept.Every(intercept.LinkSet), Errno: kernel.EPERM}
		status.on = intercept.Wrap(l.Host, forbidden.Hook)
		l.fail(status, 50, "ask for permission", "EPERM", "CAP_NET_ADMIN")
	})
}

// TestStatusOfFullBridge: Linux gives no port number after the 1023rd (EXFULL).
func TestStatusOfFullBridge(t *testing.T) {
	l := newLab(t, newSim(t))
	l.addBridge()
	bridge, err := l.self.LinkByName("br-test")
	l.must(err)
	status := request{verb: "STATUS", conf: l.conf(nil)}
	for i := range 1023 {
		if i == 1022 {
			l.succeed(status)
		}
		l.must(l.self.AddLink(kernel.LinkSpec{
			Name: fmt.Sprint("port", i), Kind: kernel.KindVeth, Master: bridge.Index,
			Peer: kernel.PeerSpec{Name: fmt.Sprint("end", i)},
		}))
	}
	l.fail(status, 50, "bridge br-test has 1023 ports")
	l.fail(request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(nil)}, 101, "EXFULL")
}

// TestStatusIsHandedOn to an IPAM program, with its code.
func TestStatusIsHandedOn(t *testing.T) {
	for _, c := range []struct {
		answer string
		code   uint
	}{
		{`{"code": 50, "msg": "no server answers"}`, 50},
		{`{"code": 51, "msg": "no server answers"}`, 51},
		{`{"code": 999, "msg": "no server answers"}`, 50},
	} {
		b := &addressBook{answers: map[string]string{"STATUS": c.answer}, exit: map[string]int{"STATUS": 1}}
		l, conf := withBook(t, b)
		l.fail(request{verb: "STATUS", conf: conf}, c.code, "ask the IPAM plugin: book: no server answers")
		b.exit = nil
		l.succeed(request{verb: "STATUS", conf: conf})
	}
}
