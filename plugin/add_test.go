package plugin_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// TestAddPrintsReferenceResult holds the result against what the reference plugin prints, but for the names and
// addresses that each run chooses.
func TestAddPrintsReferenceResult(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{
			"cniVersion": "1.0.0", "isDefaultGateway": true, "dns": map[string]any{"nameservers": []string{"10.9.0.1"}},
		})
		netns := l.pod("a")
		got := l.succeed(request{verb: "ADD", id: "a", netns: netns, conf: conf}).stdout
		host, err := l.self.LinkByName(l.veths(l.self)[0])
		l.must(err)
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		eth0, err := l.open(netns).LinkByName("eth0")
		l.must(err)
		want := fmt.Sprintf(`{
    "cniVersion": "1.0.0",
    "dns": {
        "nameservers": [
            "10.9.0.1"
        ]
    },
    "interfaces": [
        {
            "mac": "%s",
            "name": "br-test"
        },
        {
            "mac": "%s",
            "name": "%s"
        },
        {
            "mac": "%s",
            "name": "eth0",
            "sandbox": "%s"
        }
    ],
    "ips": [
        {
            "address": "10.9.0.2/24",
            "gateway": "10.9.0.1",
            "interface": 2
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0",
            "gw": "10.9.0.1"
        }
    ]
}`, bridge.MAC, host.MAC, host.Name, eth0.MAC, netns)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// TestAddConnects looks at what ADD made, as a snapshot.
func TestAddConnects(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.add("a", l.pod("a"), l.conf(map[string]any{"isDefaultGateway": true, "mtu": 1400}))
		state := l.snapshot()
		for _, want := range []string{
			"link br-test type bridge mac ", " mtu 1400 admin up",
			"address 10.9.0.1/24 dev br-test broadcast 10.9.0.255 scope global",
			"route 10.9.0.0/24 dev br-test proto kernel scope link src 10.9.0.1",
			"sysctl net/ipv4/ip_forward value 1",
			" master br-test alias cni:net/a/eth0",
			"address 10.9.0.2/24 dev eth0 broadcast 10.9.0.255 scope global",
			"route 0.0.0.0/0 via 10.9.0.1 dev eth0 proto boot scope global",
			"sysctl net/ipv4/conf/eth0/arp_notify value 1",
			"file " + l.dataDir + `/net/10.9.0.2 mode 0600 content "a\r\neth0"`,
		} {
			if !strings.Contains(state, want) {
				t.Errorf("no %q in\n%s", want, state)
			}
		}
	})
}

func TestAddMakesRequestedMAC(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		r := l.result(l.succeed(request{
			verb: "ADD", id: "a", netns: netns, conf: l.conf(nil),
			env: []string{"CNI_ARGS=IgnoreUnknown=1;MAC=02:00:00:00:00:07;K8S_POD_NAME=a"},
		}))
		if r.Interfaces[2].Mac != "02:00:00:00:00:07" {
			t.Errorf("MAC %s", r.Interfaces[2].Mac)
		}
	})
}

// TestAddTwice: the second ADD of an attachment fails, and leaves the first as it is.
func TestAddTwice(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGateway": true})}
		l.succeed(r)
		b := l.pod("b")
		before := l.snapshot()
		l.fail(r, 102, "the attachment exists", "call DEL first")
		l.wantState("second ADD", before)
		r.netns = b
		l.fail(r, 102, "the attachment exists")
		r.id = "b"
		r.netns = l.netns("a")
		l.fail(r, 102, "has an interface eth0 already")
		l.succeed(r.as("DEL"))
		l.wantState("DEL of the one that was refused", before)
	})
}

func TestAddRefusesBeforeTouching(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		a := l.pod("a")
		l.must(l.self.AddLink(kernel.LinkSpec{Name: "dev0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "dev1"}}))
		before := l.snapshot()
		for _, c := range []struct {
			name  string
			netns string
			keys  map[string]any
			env   string
			code  uint
			words string
		}{
			{name: "namespace gone", netns: l.netns("gone"), code: 4, words: "CNI_NETNS"},
			{name: "no namespace", netns: plainFile(l), code: 4, words: "CNI_NETNS"},
			{
				name: "no bridge", netns: a, keys: map[string]any{"bridge": "dev0"},
				code: 7, words: `"dev0" already exists but is not a bridge`,
			},
			{name: "vlan", netns: a, keys: map[string]any{"vlan": 4095}, code: 7, words: "invalid VLAN ID 4095"},
			{name: "mtu", netns: a, keys: map[string]any{"mtu": 67}, code: 7, words: "mtu"},
			{
				name: "no plugin", netns: a, keys: map[string]any{"ipam": map[string]any{"type": "none"}},
				code: 7, words: `failed to find plugin "none"`,
			},
			{
				name: "no subnet", netns: a, keys: map[string]any{"ipam": map[string]any{"type": "host-local"}},
				code: 7, words: "no IP ranges specified",
			},
			{name: "args", netns: a, env: "CNI_ARGS=FOO=BAR", code: 4, words: "CNI_ARGS"},
			{name: "no path", netns: a, env: "CNI_PATH=", code: 4, words: "CNI_PATH"},
			{name: "slash", netns: a, keys: map[string]any{"ipam": map[string]any{"type": "../x"}}, code: 7, words: "ipam.type"},
		} {
			r := request{verb: "ADD", id: "a", netns: c.netns, conf: l.conf(c.keys), env: []string{c.env}}
			l.fail(r, c.code, c.words)
			l.wantState(c.name, before)
		}
	})
}

// TestAddRefusesOwnNamespace: the reference sets everything up there, prints the result, and then the error.
func TestAddRefusesOwnNamespace(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		own := l.ownPath
		before := l.snapshot()
		l.fail(request{verb: "ADD", id: "a", netns: own, conf: l.conf(nil)}, 8, "should not be the same")
		l.wantState("ADD", before)
		l.succeed(request{verb: "ADD", id: "a", netns: own, conf: l.conf(nil), env: []string{"CNI_NETNS_OVERRIDE=true"}})
		if ends := l.veths(l.self); len(ends) != 2 {
			t.Errorf("veth ends here: %v, want both", ends)
		}
		l.succeed(request{verb: "DEL", id: "a", netns: own, conf: l.conf(nil)})
		l.wantNothingLeft("DEL")
	})
}

// TestAddsAtOnce: containers that start together, on a host that has no bridge yet.
func TestAddsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"isDefaultGateway": true})
		answers := make([]answer, 12)
		calls := make([]func(), len(answers))
		for i := range calls {
			r := request{verb: "ADD", id: fmt.Sprint("c", i), netns: l.pod(fmt.Sprint("pod", i)), conf: conf}
			calls[i] = func() { answers[i] = l.call(r) }
		}
		l.parallel(t, calls...)
		seen := map[string]bool{}
		for _, a := range answers {
			if a.exit != 0 {
				t.Fatal(a.stdout)
			}
			seen[l.result(a).IPs[0].Address.String()] = true
		}
		if len(seen) != len(answers) {
			t.Errorf("%d containers have %d addresses", len(answers), len(seen))
		}
		for i, a := range answers {
			r := request{verb: "CHECK", id: fmt.Sprint("c", i), netns: l.netns(fmt.Sprint("pod", i))}
			r.conf = l.withPrev(conf, l.result(a))
			l.succeed(r)
			l.succeed(r.as("DEL"))
		}
		l.wantNothingLeft("DEL of all")
	})
}

// TestOneAttachmentAtOnce: a runtime must not do that; if it does, one ADD wins, and the others harm nothing.
func TestOneAttachmentAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf := l.conf(map[string]any{"isGateway": true})
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf}
		answers := make([]answer, 4)
		calls := make([]func(), len(answers))
		for i := range calls {
			calls[i] = func() { answers[i] = l.call(r) }
		}
		l.parallel(t, calls...)
		var won []answer
		for _, a := range answers {
			if a.exit == 0 {
				won = append(won, a)
				continue
			}
			if e := wantError(t, a); e.Code != 102 {
				t.Errorf("code %d: %s", e.Code, e.Msg)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d ADDs of one attachment succeeded", len(won))
		}
		check := r.as("CHECK")
		check.conf = l.withPrev(conf, l.result(won[0]))
		l.succeed(check)
	})
}

// TestAddRefusesSecondAddress: a bridge serves one network.
func TestAddRefusesSecondAddress(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addBridge()
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.self.AddAddress(kernel.Address{Link: bridge.Index, Prefix: prefix("10.1.0.1/24")}))
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGateway": true})}
		before := l.snapshot()
		l.fail(r, 7, `"br-test" already has an IP address different from 10.9.0.1/24`)
		l.wantState("ADD", before)
	})
}

// TestAddRevivesBridge: an unpinned bridge has lost its address with its last port; the reference fails there.
func TestAddRevivesBridge(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.must(l.self.AddLink(kernel.LinkSpec{Name: "br-test", Kind: kernel.KindBridge, Up: true}))
		layer2 := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"ipam": nil})}
		l.succeed(layer2)
		l.succeed(layer2.as("DEL"))
		r := l.add("b", l.pod("b"), l.conf(map[string]any{"isGateway": true}))
		mac, err := net.ParseMAC(r.Interfaces[0].Mac)
		l.must(err)
		if mac.String() == "00:00:00:00:00:00" || mac[0] == 0xfe {
			t.Errorf("the bridge's MAC address is %s", mac)
		}
	})
}

// TestAddKeepsPrevResult: SPEC 1.1.0, section 2: "it MUST handle prevResult by either passing it through, or modifying
// it appropriately".
func TestAddKeepsPrevResult(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		prev := map[string]any{
			"cniVersion": "1.1.0",
			"interfaces": []any{map[string]any{"name": "earlier", "sandbox": netns}},
			"ips":        []any{map[string]any{"address": "192.0.2.1/32", "interface": 0}},
			"dns":        map[string]any{"domain": "earlier.example"},
		}
		conf := l.conf(nil)
		r := l.add("a", netns, l.withPrev(conf, prev))
		if len(r.Interfaces) != 4 || r.Interfaces[0].Name != "earlier" || len(r.IPs) != 2 || *r.IPs[1].Interface != 3 ||
			r.DNS.Domain != "earlier.example" {
			t.Errorf("result %+v", r)
		}
		l.succeed(request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, r)})
	})
}

// TestReferenceIsFaster: the reference plugin knows of no lock, and may make the bridge, and give it the address, at
// the same time.
func TestReferenceIsFaster(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		var bridge kernel.Link
		meddle := func(c intercept.Call, next func() error) error {
			switch {
			case c.Op == intercept.LinkAdd && strings.HasPrefix(c.Object, "br-test"):
				l.addDownBridge()
				var err error
				bridge, err = l.self.LinkByName("br-test")
				l.must(err)
			case c.Op == intercept.AddressAdd && c.NetNS == l.self.Name():
				address := kernel.Address{Link: bridge.Index, Prefix: prefix("10.9.0.1/24")}
				l.must(l.self.AddAddress(address))
			}
			return next()
		}
		conf := l.conf(map[string]any{"isDefaultGateway": true})
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf, on: intercept.Wrap(l.Host, meddle)}
		check := r.as("CHECK")
		check.conf = l.withPrev(conf, l.result(l.succeed(r)))
		l.succeed(check)
		l.succeed(r.as("DEL"))

		l.must(l.self.DeleteLink(bridge.Index))
		l.must(l.self.SetSysctl("net/ipv4/ip_forward", "0"))
		fault := &intercept.Fault{When: intercept.Every(intercept.RouteAdd), Errno: kernel.EIO}
		r.on = intercept.Wrap(l.Host, meddle, fault.Hook)
		l.fail(r, 101, "EIO")
		addresses, err := l.self.Addresses(bridge.Index)
		l.must(err)
		if len(addresses) != 1 {
			t.Errorf("a failed ADD took the other's address: %v", addresses)
		}
	})
}

// TestSecondDefaultRoute: a container with several interfaces may have several, the last one first.
func TestSecondDefaultRoute(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns := l.pod("a")
		conf := l.conf(map[string]any{"isDefaultGateway": true})
		l.add("a", netns, conf)
		second := map[string]any{
			"name": "net2", "bridge": "br-two", "isDefaultGateway": true,
			"ipam": map[string]any{"type": "host-local", "subnet": "10.8.0.0/24", "dataDir": l.dataDir},
		}
		l.succeed(request{verb: "ADD", id: "a", netns: netns, conf: l.conf(second), env: []string{"CNI_IFNAME=eth1"}})
		routes, err := l.open(netns).Routes(kernel.IPv4)
		l.must(err)
		var gateways []string
		for _, r := range routes {
			if r.Dst.Bits() == 0 {
				gateways = append(gateways, r.Gateway.String())
			}
		}
		if got := fmt.Sprint(gateways); got != "[10.8.0.1 10.9.0.1]" {
			t.Errorf("default routes via %s", got)
		}
	})
}
