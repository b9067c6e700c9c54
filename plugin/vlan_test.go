package plugin_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/sim"
)

// onEachWithVLANs runs a test on every backend whose bridges know VLANs. (The plugin's tests run on User Mode Linux, which
// does, with go test -exec umlrun.)
func onEachWithVLANs(t *testing.T, test func(t *testing.T, l *lab)) {
	onEach(t, func(t *testing.T, l *lab) {
		l.needVLANs()
		test(t, l)
	})
}

func (l *lab) needVLANs() {
	l.t.Helper()
	if !l.knowsVLANs() {
		l.t.Skipf("%s: left out: this kernel was built without VLANs on bridges", l.t.Name())
	}
}

func (l *lab) knowsVLANs() bool {
	l.t.Helper()
	l.must(l.self.AddLink(kernel.LinkSpec{Name: "asked", Kind: kernel.KindBridge}))
	asked, err := l.self.LinkByName("asked")
	l.must(err)
	l.must(l.self.DeleteLink(asked.Index))
	return asked.Bridge.DefaultPVID != kernel.NoVLANs
}

// vlans are the memberships of a link, each ID with its flags.
func (l *lab) vlans(link string) string {
	l.t.Helper()
	port, err := l.self.LinkByName(link)
	l.must(err)
	all, err := l.self.VLANs()
	l.must(err)
	var list []string
	for _, v := range all {
		if v.Link != port.Index {
			continue
		}
		flags := ""
		if v.PVID {
			flags += " pvid"
		}
		if v.Untagged {
			flags += " untagged"
		}
		list = append(list, fmt.Sprint(v.ID, flags))
	}
	return strings.Join(list, ", ")
}

// hostEnd is the name of the only one.
func (l *lab) hostEnd() string {
	l.t.Helper()
	for _, name := range l.veths(l.self) {
		if strings.HasPrefix(name, "veth") {
			return name
		}
	}
	l.t.Fatal("no host end")
	return ""
}

// TestVLANs puts each port into what is asked for, and CHECK misses each of it.
func TestVLANs(t *testing.T) {
	trunk := []any{map[string]any{"id": 101}, map[string]any{"minID": 200, "maxID": 202}}
	for _, c := range []struct {
		name  string
		keys  map[string]any
		want  string
		sever func(l *lab, port int) error
		words string
	}{
		{
			"one",
			map[string]any{"vlan": 100},
			"100 pvid untagged",
			func(l *lab, port int) error {
				return l.self.AddVLANs(kernel.VLANRange{Link: port, First: 100, Untagged: true})
			},
			"is not in VLAN 100 without a tag",
		},
		{
			"beside the default",
			map[string]any{"vlan": 100, "preserveDefaultVlan": true},
			"1 untagged, 100 pvid untagged",
			func(l *lab, port int) error { return l.self.DeleteVLANs(kernel.VLANRange{Link: port, First: 100}) },
			"is not in VLAN 100 without a tag",
		},
		{
			"trunk",
			map[string]any{"vlanTrunk": trunk},
			"1 pvid untagged, 101, 200, 201, 202",
			func(l *lab, port int) error { return l.self.DeleteVLANs(kernel.VLANRange{Link: port, First: 202}) },
			"is not in VLAN 202",
		},
		{
			"trunk and one of it",
			map[string]any{"vlan": 201, "vlanTrunk": trunk},
			"101, 200, 201 pvid untagged, 202",
			func(l *lab, port int) error { return l.self.AddVLANs(kernel.VLANRange{Link: port, First: 7}) },
			"is in VLAN 7, which it should not be",
		},
		{
			"default VLAN asked for",
			map[string]any{"vlan": 1},
			"1 pvid untagged",
			func(l *lab, _ int) error {
				bridge, err := l.self.LinkByName("br-test")
				l.must(err)
				return l.self.ChangeBridge(bridge.Index, kernel.BridgeChange{Filtering: new(false)})
			}, "bridge br-test does not filter VLANs",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEachWithVLANs(t, func(t *testing.T, l *lab) {
				c.keys["ipam"] = nil
				conf, netns := l.conf(c.keys), l.pod("a")
				check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
				if got := l.vlans(l.hostEnd()); got != c.want {
					t.Errorf("the port is in VLANs %s, want %s", got, c.want)
				}
				l.succeed(check)
				port, err := l.self.LinkByName(l.hostEnd())
				l.must(err)
				l.must(c.sever(l, port.Index))
				l.fail(check, 103, c.words)
				l.succeed(check.as("DEL"))
				l.wantNothingLeft("DEL")
			})
		})
	}
}

// gatewayInVLAN are the keys of a network in VLAN 100 whose gateway is the host.
func gatewayInVLAN() map[string]any { return map[string]any{"isDefaultGateway": true, "vlan": 100} }

// TestVLANGateway is made once, shared, and goes with the last who uses it.
func TestVLANGateway(t *testing.T) {
	onEachWithVLANs(t, func(t *testing.T, l *lab) {
		conf := l.conf(gatewayInVLAN())
		first := l.add("a", l.pod("a"), conf)
		if n := len(first.Interfaces); n != 4 {
			t.Fatalf("%d interfaces, want bridge, host end, container's end, gateway", n)
		}
		gateway, err := l.self.LinkByName("br-test.100")
		l.must(err)
		if told := first.Interfaces[3]; told.Name != gateway.Name || told.Mac != gateway.MAC.String() || told.Sandbox != "" ||
			told.Mtu != gateway.MTU || *first.IPs[0].Interface != 2 {
			t.Errorf("told %+v, there is %+v; addresses of interface %d", told, gateway, *first.IPs[0].Interface)
		}
		addresses, err := l.self.Addresses(gateway.Index)
		l.must(err)
		if len(addresses) != 1 || addresses[0].Prefix != prefix("10.9.0.1/24") || !gateway.Up {
			t.Errorf("the gateway is %+v and has %v", gateway, addresses)
		}
		if got := l.vlans(l.gatewayPort()); got != "100 pvid untagged" {
			t.Errorf("the gateway's port is in VLANs %s", got)
		}
		second := l.add("b", l.pod("b"), conf)
		if second.Interfaces[3].Mac != first.Interfaces[3].Mac {
			t.Error("another gateway for the second container")
		}
		l.succeed(request{verb: "DEL", id: "a", conf: conf})
		l.wantGateway("a is gone, b is there", true)
		l.succeed(request{verb: "CHECK", id: "b", netns: l.netns("b"), conf: l.withPrev(conf, second)})
		l.succeed(request{verb: "DEL", id: "b", conf: conf})
		l.wantNothingLeft("DEL")
		l.succeed(request{verb: "DEL", id: "b", conf: conf})
	})
}

// gatewayPort is the name of the gateway's other end.
func (l *lab) gatewayPort() string {
	l.t.Helper()
	for _, name := range l.veths(l.self) {
		if strings.HasPrefix(name, "vlan") {
			return name
		}
	}
	l.t.Fatal("no port of a VLAN's gateway")
	return ""
}

func (l *lab) wantGateway(when string, want bool) {
	l.t.Helper()
	_, err := l.self.LinkByName("br-test.100")
	if there := err == nil; there != want || err != nil && !errors.Is(err, kernel.ENODEV) {
		l.t.Errorf("%s: gateway there: %v (%v), want %v", when, there, err, want)
	}
}

// TestVLANGatewayInTheDefaultVLAN: it was made for a container that stays in the bridge's default VLAN. One that does not
// shares it, and CHECK finds nothing wrong with that.
func TestVLANGatewayInTheDefaultVLAN(t *testing.T) {
	onEachWithVLANs(t, func(t *testing.T, l *lab) {
		keys := gatewayInVLAN()
		for _, preserve := range []bool{true, false} {
			keys["preserveDefaultVlan"] = preserve
			id, conf := fmt.Sprint(preserve), l.conf(keys)
			netns := l.pod(id)
			result := l.add(id, netns, conf)
			l.succeed(request{verb: "CHECK", id: id, netns: netns, conf: l.withPrev(conf, result)})
		}
	})
}

// TestVLANGatewayOfAFailedAdd: the first container of the VLAN goes, or one of another VLAN comes, while the ADD of one goes
// on without the lock, and fails. Nobody uses the gateway then.
func TestVLANGatewayOfAFailedAdd(t *testing.T) {
	for _, c := range []struct {
		name    string
		dad     bool
		fails   intercept.Op // of the container's namespace
		first   bool         // there is one in the VLAN
		instead func(l *lab, conf string)
	}{
		{"the first one goes", false, intercept.LinkSet, true, func(l *lab, conf string) {
			l.succeed(request{verb: "DEL", id: "first", conf: conf})
		}},
		{"another VLAN's comes", true, intercept.AddressList, false, func(l *lab, _ string) {
			l.add("c", l.pod("c"), l.conf(map[string]any{"isGateway": true, "vlan": 200}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEachWithVLANs(t, func(t *testing.T, l *lab) {
				keys := gatewayInVLAN()
				keys["enabledad"] = c.dad
				conf, failing := l.dual(keys), false
				if c.first {
					l.add("first", l.pod("first"), conf)
				}
				r := request{verb: "ADD", id: "b", netns: l.pod("b"), conf: conf}
				r.on = intercept.Wrap(l.Host, func(call intercept.Call, next func() error) error {
					if call.Op != c.fails || call.NetNS != l.prefix+"b" {
						return next()
					}
					if !failing {
						failing = true
						c.instead(l, conf)
					}
					return refusal(call, kernel.EIO)
				})
				l.fail(r, 101, "EIO")
				l.wantGateway(c.name, false)
			})
		})
	}
}

// TestVLANGatewayGoes with the last user, however that goes.
func TestVLANGatewayGoes(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(l *lab, conf string, r *request)
	}{
		{"namespace gone", func(l *lab, _ string, _ *request) { l.must(l.DeleteNetNS(l.netns("a"))); l.awaitNoHostEnd() }},
		{"interface gone", func(l *lab, _ string, _ *request) {
			port, err := l.self.LinkByName(l.hostEnd())
			l.must(err)
			l.must(l.self.DeleteLink(port.Index))
		}},
		{"configuration changed", func(l *lab, _ string, r *request) { r.conf = l.withPrev(l.conf(nil), l.result(answer{stdout: r.conf})) }},
		{"garbage collected", func(l *lab, _ string, r *request) { *r = l.gc(validKey, nil) }},
		{"garbage collected, namespace gone", func(l *lab, _ string, r *request) {
			l.must(l.DeleteNetNS(l.netns("a")))
			l.awaitNoHostEnd()
			*r = l.gc(validKey, nil)
		}},
		{"user in another bridge's VLAN", func(l *lab, _ string, r *request) {
			l.must(l.self.AddLink(kernel.LinkSpec{
				Name: "br-other", Kind: kernel.KindBridge, Bridge: kernel.BridgeChange{DefaultPVID: new(100)},
			}))
			other, err := l.self.LinkByName("br-other")
			l.must(err)
			l.must(l.self.AddLink(kernel.LinkSpec{
				Name: "dev0", Kind: kernel.KindVeth, Master: other.Index, Peer: kernel.PeerSpec{Name: "dev1"},
			}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEachWithVLANs(t, func(t *testing.T, l *lab) {
				conf := l.conf(gatewayInVLAN())
				a := l.succeed(request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf})
				del := request{verb: "DEL", id: "a", conf: conf}
				if c.name == "configuration changed" {
					del.conf = a.stdout
				}
				c.end(l, conf, &del)
				l.succeed(del)
				l.wantGateway(c.name, false)
				l.succeed(del)
			})
		})
	}
}

// awaitNoHostEnd waits until the links of a namespace that was deleted are gone.
func (l *lab) awaitNoHostEnd() {
	l.t.Helper()
	for range 1000 {
		if !slices.ContainsFunc(l.veths(l.self), func(name string) bool { return strings.HasPrefix(name, "veth") }) {
			return
		}
		l.must(l.Sleep(l.t.Context(), 5*time.Millisecond))
	}
	l.t.Fatal("the host end outlives its namespace")
}

// TestVLANGatewayOfOthers is used as it is, but hears no router advertisements, and stays.
func TestVLANGatewayOfOthers(t *testing.T) {
	onEachWithVLANs(t, func(t *testing.T, l *lab) {
		l.addBridge()
		l.must(l.self.AddLink(kernel.LinkSpec{Name: "br-test.100", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "veth00000000"}}))
		conf := l.conf(gatewayInVLAN())
		theirs, err := l.self.LinkByName("br-test.100")
		l.must(err)
		if told := l.add("a", l.pod("a"), conf).Interfaces[3]; told.Mac != theirs.MAC.String() {
			t.Errorf("the gateway is said to be %+v", told)
		}
		if value, err := l.self.Sysctl("net/ipv6/conf/br-test.100/accept_ra"); err != nil || value != "0" {
			t.Errorf("a container could become the host's router by the gateway of its VLAN: accept_ra is %q, %v", value, err)
		}
		l.succeed(request{verb: "DEL", id: "a", conf: conf})
		l.succeed(l.gc(validKey, nil))
		l.wantGateway("GC", true)
	})
}

// TestVLANGatewayIsRepaired where a crash has left half of it, or somebody has made the bridge anew.
func TestVLANGatewayIsRepaired(t *testing.T) {
	onEachWithVLANs(t, func(t *testing.T, l *lab) {
		conf := l.conf(gatewayInVLAN())
		l.add("a", l.pod("a"), conf)
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.self.DeleteLink(bridge.Index))
		netns := l.pod("b")
		check := request{verb: "CHECK", id: "b", netns: netns, conf: l.withPrev(conf, l.add("b", netns, conf))}
		l.succeed(check)
		port, err := l.self.LinkByName(l.gatewayPort())
		l.must(err)
		l.must(l.self.ChangeLink(port.Index, kernel.LinkChange{Master: new(0)}))
		l.fail(check, 103, port.Name+", the other end of br-test.100, is not a port of bridge br-test")
		gateway, err := l.self.LinkByName("br-test.100")
		l.must(err)
		l.must(l.self.DeleteLink(gateway.Index))
		l.fail(check, 103, "no link br-test.100")
		l.succeed(request{verb: "DEL", id: "a", conf: conf})
		l.succeed(check.as("DEL"))
		l.wantNothingLeft("DEL")
	})
}

// TestVLANGatewayHasRoom: other addresses of the VLAN's gateway stand in the way as the bridge's do.
func TestVLANGatewayHasRoom(t *testing.T) {
	onEachWithVLANs(t, func(t *testing.T, l *lab) {
		l.add("a", l.pod("a"), l.conf(gatewayInVLAN()))
		keys := gatewayInVLAN()
		keys["name"], keys["ipam"] = "other", map[string]any{"type": "host-local", "subnet": "10.8.0.0/24", "dataDir": l.dataDir}
		before := l.snapshot()
		r := request{verb: "ADD", id: "b", netns: l.pod("b"), conf: l.conf(keys)}
		l.fail(r, 7, `"br-test.100" already has an IP address different from 10.8.0.1/24`)
		l.must(l.DeleteNetNS(r.netns))
		l.wantState("ADD", before)
	})
}

// TestNoVLANs: a kernel without them is noticed before anything is made, whether the bridge is there or not.
func TestNoVLANs(t *testing.T) {
	profile := sim.Linux618
	profile.Features.NoBridgeVLANs = true
	run := func(t *testing.T, l *lab) {
		for _, prepare := range []func(){func() {}, l.addBridge} {
			prepare()
			r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(gatewayInVLAN())}
			before := l.snapshot()
			var did []string
			r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
				err := next()
				if c.Mutates() && err == nil {
					did = append(did, c.String())
				}
				return err
			})
			l.fail(r, 101, `bridge "br-test" cannot filter VLANs`, "CONFIG_BRIDGE_VLAN_FILTERING")
			if len(did) > 0 {
				t.Errorf("done before: %q", did)
			}
			l.wantState("ADD", before)
			l.fail(r.as("STATUS"), 50, "cannot filter VLANs")
			l.succeed(r.as("DEL"))
			l.must(l.DeleteNetNS(r.netns))
		}
	}
	t.Run("sim", func(t *testing.T) { run(t, newLab(t, newSimOf(t, profile))) })
	on(t, "linux", func(t *testing.T, l *lab) {
		if l.knowsVLANs() {
			t.Skip("this kernel knows VLANs")
		}
		run(t, l)
	})
}

// TestStatusOfVLANs asks without making anything.
func TestStatusOfVLANs(t *testing.T) {
	onEachWithVLANs(t, func(t *testing.T, l *lab) {
		before := l.snapshot()
		l.succeed(request{verb: "STATUS", conf: l.conf(gatewayInVLAN())})
		l.wantState("STATUS", before)
		l.add("a", l.pod("a"), l.conf(gatewayInVLAN()))
		before = l.snapshot()
		l.succeed(request{verb: "STATUS", conf: l.conf(gatewayInVLAN())})
		l.wantState("STATUS", before)
	})
}

// TestBridgeBeginsToFilter: the containers that are there stay together, in the default VLAN.
func TestBridgeBeginsToFilter(t *testing.T) {
	onEachWithVLANs(t, func(t *testing.T, l *lab) {
		l.add("a", l.pod("a"), l.conf(map[string]any{"ipam": nil}))
		first := l.hostEnd()
		l.add("b", l.pod("b"), l.conf(map[string]any{"ipam": nil, "vlan": 7}))
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		if !bridge.Bridge.Filtering || l.vlans(first) != "1 pvid untagged" {
			t.Errorf("the bridge is %+v, the first port in %s", bridge.Bridge, l.vlans(first))
		}
	})
}

// TestVLANGatewayFailuresAreTold: each call of a DEL, a GC and a CHECK goes wrong in turn.
func TestVLANGatewayFailuresAreTold(t *testing.T) {
	onEachWithVLANs(t, func(t *testing.T, l *lab) {
		netns, conf := l.pod("a"), l.conf(gatewayInVLAN())
		prev := l.add("a", netns, conf)
		for _, r := range []request{
			{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, prev)},
			{verb: "DEL", id: "a", conf: conf},
			l.gc(validKey, nil),
		} {
			var hit []intercept.Call
			for n := 1; ; n++ {
				if _, err := l.self.LinkByName("br-test.100"); err != nil {
					l.add("a", netns, conf)
				}
				r.on = intercept.Wrap(l.Host, refused.at(n, &hit))
				a := l.call(r)
				if len(hit) < n {
					if a.exit != 0 {
						t.Errorf("%s: %s", r.verb, a.stdout)
					}
					break
				}
				if a.exit == 0 {
					t.Errorf("%s succeeds: %s", r.verb, hit[n-1])
				}
				if r.verb != "CHECK" {
					l.succeed(request{verb: "DEL", id: "a", conf: conf})
				}
			}
			wantHits(t, hit, []intercept.Op{intercept.VLANList, intercept.LinkList})
		}
		l.wantGateway("all", false)
	})
}
