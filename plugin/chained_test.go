package plugin_test

import (
	"errors"
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// tapResult is what a plugin says that has made a host-side interface, as for a virtual machine.
var tapResult = map[string]any{
	"cniVersion": "1.1.0",
	"interfaces": []any{map[string]any{"name": "tap0", "mac": "02:00:00:00:00:09"}},
	"dns":        map[string]any{"nameservers": []any{"192.0.2.53"}},
}

var chainedKeys = map[string]any{"ipam": nil, "hairpinMode": true, "prevResult": tapResult}

// addTap makes the interface, which has an operator's note, and a bridge that has been used before.
func (l *lab) addTap() { l.addTapAfter(map[string]any{"ipam": nil}) }

func (l *lab) addTapInVLAN() {
	l.addTapAfter(map[string]any{"vlan": 7, "isGateway": true})
}

func (l *lab) addTapAfter(first map[string]any) {
	l.t.Helper()
	l.add("first", l.pod("first"), l.conf(first))
	l.must(l.self.AddLink(kernel.LinkSpec{Name: "tap0", Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: "vm0"}}))
	tap := l.tap()
	l.must(l.self.ChangeLink(tap.Index, kernel.LinkChange{Alias: new("rack 4")}))
}

func (l *lab) tap() kernel.Link {
	l.t.Helper()
	tap, err := l.self.LinkByName("tap0")
	l.must(err)
	return tap
}

// TestAdoptedInterface becomes a port instead of a veth pair, with the port's modes, and is given back by DEL.
func TestAdoptedInterface(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Up: new(false)}))
		before := l.snapshot()
		conf := l.conf(chainedKeys)
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf}
		with := l.snapshot()
		result := l.result(l.succeed(r))
		if len(result.Interfaces) != 2 || result.Interfaces[0].Name != "tap0" || result.Interfaces[1].Name != "br-test" ||
			result.Interfaces[0].Mac != "02:00:00:00:00:09" || len(result.DNS.Nameservers) != 1 {
			t.Errorf("the result is %+v", result)
		}
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		if tap := l.tap(); tap.Master != bridge.Index || !tap.Port.Hairpin || !tap.Up || tap.Alias != "cni:net/a/eth0 was:rack 4" {
			t.Errorf("the interface is %+v", tap)
		}
		check := request{verb: "CHECK", id: "a", netns: r.netns, conf: l.withPrev(conf, result)}
		l.succeed(check)
		l.must(l.self.ChangePort(l.tap().Index, kernel.PortChange{Hairpin: new(false)}))
		l.fail(check, 103, "port tap0 is not in hairpin mode")
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Master: new(0)}))
		l.fail(check, 103, "tap0 is not a port of bridge br-test")
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Master: &bridge.Index}))

		l.succeed(check.as("DEL"))
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Up: new(false)})) // DEL leaves it up
		l.wantState("DEL", with)
		l.succeed(check.as("DEL"))
		l.must(l.DeleteNetNS(r.netns))
		l.wantState("all", before)
	})
}

// TestAdoptedInterfaceIsGivenBack without a result, and by GC, and not while it is listed.
func TestAdoptedInterfaceIsGivenBack(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		netns := l.pod("a")
		add := request{verb: "ADD", id: "a", netns: netns, conf: l.conf(chainedKeys)}
		for name, back := range map[string]request{
			"DEL without a result": {verb: "DEL", id: "a", conf: l.conf(nil)},
			"GC":                   l.gc(validKey, nil, "first"),
		} {
			l.succeed(add)
			l.succeed(l.gc(validKey, nil, "a", "first"))
			l.succeed(l.gc(validKey, map[string]any{"name": "other"}))
			l.succeed(request{verb: "DEL", id: "b", conf: l.conf(nil)})
			if tap := l.tap(); tap.Master == 0 {
				t.Fatalf("%s: others took the interface off the bridge", name)
			}
			l.succeed(back)
			if tap := l.tap(); tap.Master != 0 || tap.Alias != "rack 4" {
				t.Errorf("%s: the interface is %+v", name, tap)
			}
		}
		l.must(l.self.DeleteLink(l.tap().Index))
		l.succeed(request{verb: "DEL", id: "a", conf: l.withPrev(l.conf(nil), tapResult)})
	})
}

// TestInterfaceOnTheBridge was attached by somebody else: it is left there, as it is.
func TestInterfaceOnTheBridge(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Master: &bridge.Index}))
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(chainedKeys)}
		before := l.snapshot()
		result := l.result(l.succeed(r))
		check := request{verb: "CHECK", id: "a", netns: r.netns, conf: l.withPrev(r.conf, result)}
		l.succeed(check)
		l.succeed(check.as("DEL"))
		l.wantState("ADD, CHECK and DEL", before)
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Master: new(0)}))
		l.fail(check, 103, "tap0 is not a port of bridge br-test")
		l.must(l.self.DeleteLink(l.tap().Index))
		l.fail(check, 103, "no link tap0")
	})
}

// TestAdoptedWithAddresses: they are told with the interface that they are for, and leased until DEL.
func TestAdoptedWithAddresses(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		conf := l.conf(map[string]any{"isDefaultGateway": true, "prevResult": tapResult})
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf}
		result := l.result(l.succeed(r))
		if len(result.IPs) != 1 || *result.IPs[0].Interface != 0 || len(l.leases("net")) != 1 {
			t.Errorf("addresses %v, leases %v", result.IPs, l.leases("net"))
		}
		check := request{verb: "CHECK", id: "a", netns: r.netns, conf: l.withPrev(conf, result)}
		l.succeed(check)
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.self.DeleteAddress(kernel.Address{Link: bridge.Index, Prefix: prefix("10.9.0.1/24")}))
		l.fail(check, 103, "br-test in netns host has no address 10.9.0.1/24")
		l.succeed(check.as("DEL"))
		if leases := l.leases("net"); len(leases) != 0 {
			t.Errorf("leases %v", leases)
		}
	})
}

// TestAdoptedTwice: the second ADD is refused, and takes nothing of the first one's away.
func TestAdoptedTwice(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		for _, keys := range []map[string]any{chainedKeys, {"isDefaultGateway": true, "ipMasq": true, "prevResult": tapResult}} {
			r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(keys)}
			l.succeed(r)
			before := l.snapshot()
			l.fail(r, 102, "the attachment exists", "by host end tap0", "call DEL first")
			l.wantState("second ADD", before)
			l.succeed(r.as("DEL"))
			l.must(l.DeleteNetNS(r.netns))
		}
	})
}

// TestInterfaceOnTheBridgeTwice: there is no mark on what was on the bridge before; the second ADD is refused for its lease,
// which stays.
func TestInterfaceOnTheBridgeTwice(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Master: &bridge.Index}))
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"prevResult": tapResult})}
		l.succeed(r)
		before := l.snapshot()
		l.fail(r, 999, "10.9.0.2 has been allocated to a", "call DEL")
		l.wantState("second ADD", before)
		l.succeed(r.as("DEL"))
		if leases := l.leases("net"); len(leases) != 0 {
			t.Errorf("leases %v", leases)
		}
		l.succeed(r)
	})
}

// TestAdoptedIsGivenBackUntold: prevResult has lost the interface.
func TestAdoptedIsGivenBackUntold(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		conf, netns := l.conf(chainedKeys), l.pod("a")
		for _, interfaces := range []any{nil, []any{}, "tap0", []any{map[string]any{"name": "br-test"}}} {
			l.add("a", netns, conf)
			prev := map[string]any{"cniVersion": "1.1.0", "interfaces": interfaces}
			l.succeed(request{verb: "DEL", id: "a", netns: netns, conf: l.withPrev(conf, prev)})
			if tap := l.tap(); tap.Master != 0 || tap.Alias != "rack 4" {
				t.Errorf("after DEL with the interfaces %v: %+v", interfaces, tap)
			}
		}
	})
}

// TestAdoptedThatWasDownKeepsItsAddresses, of which Linux deletes those of IPv6 when a failed ADD sets it down again.
func TestAdoptedThatWasDownKeepsItsAddresses(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Up: new(false)}))
		l.must(l.self.SetSysctl("net/ipv6/conf/tap0/addr_gen_mode", "1")) // no link-local address
		l.must(l.self.SetSysctl("net/ipv6/conf/tap0/disable_ipv6", "0"))
		l.must(l.self.AddAddress(kernel.Address{Link: l.tap().Index, Prefix: prefix("fd00:7::1/64"), NoDAD: true}))
		l.awaitLocal("fd00:7::1/128")
		refused := &intercept.Fault{When: intercept.Every(intercept.PortSet), Errno: kernel.EIO}
		r := request{
			verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(chainedKeys), on: intercept.Wrap(l.Host, refused.Hook),
		}
		before := l.snapshot()
		l.fail(r, 101, "set the port's modes", "EIO")
		l.awaitLocal("fd00:7::1/128")
		l.wantState("ADD", before)
	})
}

// TestNothingToAdopt: what is not there, or on another bridge, is passed through, and there is a veth pair.
func TestNothingToAdopt(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		for _, prepare := range []func(){
			func() {},
			func() {
				l.must(l.self.AddLink(kernel.LinkSpec{Name: "br-other", Kind: kernel.KindBridge}))
				other, err := l.self.LinkByName("br-other")
				l.must(err)
				l.must(l.self.AddLink(kernel.LinkSpec{
					Name: "tap0", Kind: kernel.KindVeth, Master: other.Index, Peer: kernel.PeerSpec{Name: "vm0"},
				}))
			},
		} {
			prepare()
			netns, conf := l.pod("a"), l.conf(chainedKeys)
			result := l.add("a", netns, conf)
			if len(result.Interfaces) != 4 || result.Interfaces[0].Name != "tap0" || result.Interfaces[3].Sandbox != netns {
				t.Errorf("the result is %+v", result.Interfaces)
			}
			check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, result)}
			l.succeed(check)
			l.succeed(check.as("DEL"))
			l.must(l.DeleteNetNS(netns))
		}
	})
}

// TestLongNoteIsNotCut: it could not be given back.
func TestLongNoteIsNotCut(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addTap()
		note := string(make([]byte, 0, 250))
		for len(note) < 250 {
			note += "x"
		}
		l.must(l.self.ChangeLink(l.tap().Index, kernel.LinkChange{Alias: &note}))
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(chainedKeys)}
		before := l.snapshot()
		l.fail(r, 7, "is too long to be kept")
		l.wantState("ADD", before)
	})
}

// TestAdoptedFailuresAreTold: each call of a DEL goes wrong in turn, and the next DEL ends the job.
func TestAdoptedFailuresAreTold(t *testing.T) {
	l := newLab(t, newSim(t))
	l.addTap()
	netns := l.pod("a")
	del := request{verb: "DEL", id: "a", conf: l.conf(chainedKeys)}
	for _, m := range mishaps {
		var hit []intercept.Call
		for n := 1; ; n++ {
			l.succeed(request{verb: "ADD", id: "a", netns: netns, conf: l.conf(chainedKeys)})
			del.on = intercept.Wrap(l.Host, m.at(n, &hit))
			a := l.call(del)
			if len(hit) < n {
				break
			}
			if a.exit == 0 {
				t.Errorf("%s: DEL succeeds: %s", m.name, hit[n-1])
			}
			l.succeed(del.as("DEL"))
			if tap := l.tap(); tap.Master != 0 || tap.Alias != "rack 4" {
				t.Errorf("%s at %s: the interface is %+v", m.name, hit[n-1], tap)
			}
		}
		wantHits(t, hit, []intercept.Op{intercept.LinkSet})
	}
	if _, err := l.self.LinkByName("tap0"); errors.Is(err, kernel.ENODEV) {
		t.Error("DEL took the interface that another plugin made")
	}
}
