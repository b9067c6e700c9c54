package plugin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// dual is the configuration of a network with both families.
func (l *lab) dual(more map[string]any) string {
	l.t.Helper()
	l.installFixed(dualStack)
	keys := map[string]any{"isDefaultGateway": true, "ipam": map[string]any{"type": "fixed"}}
	for key, value := range more {
		keys[key] = value
	}
	return l.conf(keys)
}

// TestBothFamilies looks at what ADD made of them.
func TestBothFamilies(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		conf, netns := l.dual(nil), l.pod("a")
		before := l.snapshot()
		r := request{verb: "ADD", id: "a", netns: netns, conf: conf, to: brokenPipe()}
		if a := l.call(r); a.exit != 1 {
			t.Errorf("ADD into a broken pipe: exit %d", a.exit)
		}
		l.wantState("ADD into a broken pipe", before)

		result := l.add("a", netns, conf)
		state := l.snapshot()
		for _, want := range []string{
			"address 10.9.0.1/24 dev br-test broadcast 10.9.0.255 scope global\n",
			"address fd00:9::1/64 dev br-test scope global nodad yes\n",
			"address 10.9.0.2/24 dev eth0 broadcast 10.9.0.255 scope global\n",
			"address fd00:9::2/64 dev eth0 scope global nodad yes\n",
			"route 0.0.0.0/0 via 10.9.0.1 dev eth0",
			"route ::/0 via fd00:9::1 dev eth0",
			"route fd00:8::/64 via fd00:9::1 dev eth0",
			"sysctl net/ipv4/ip_forward value 1", "sysctl net/ipv6/conf/all/forwarding value 1",
			"sysctl net/ipv6/conf/eth0/accept_dad value 0", "sysctl net/ipv6/conf/eth0/keep_addr_on_down value 1",
		} {
			if !strings.Contains(state, want) {
				t.Errorf("no %q in\n%s", want, state)
			}
		}
		check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, result)}
		l.succeed(check)
		l.breakIPv6(check)
		l.succeed(request{verb: "DEL", id: "a", conf: conf})
		l.wantNothingLeft("DEL")
	})
}

// TestCheckOfBothFamiliesTellsEveryFailure: a CHECK that could not look is no CHECK.
func TestCheckOfBothFamiliesTellsEveryFailure(t *testing.T) {
	l := newLab(t, newSim(t))
	conf, netns := l.network("1.1.0", dualKeys), l.pod("a")
	r := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, l.add("a", netns, conf))}
	var hit []intercept.Call
	for n := 1; ; n++ {
		r.on = intercept.Wrap(l.Host, refused.at(n, &hit))
		a := l.call(r)
		if len(hit) < n {
			break
		}
		wantError(t, a)
	}
	wantHits(t, hit, []intercept.Op{intercept.AddressList, intercept.RouteList, intercept.SysctlGet})
}

// breakIPv6 breaks one promise after the other, and mends it.
func (l *lab) breakIPv6(check request) {
	l.t.Helper()
	pod := l.open(check.netns)
	eth0, err := pod.LinkByName("eth0")
	l.must(err)
	bridge, err := l.self.LinkByName("br-test")
	l.must(err)

	route := kernel.Route{Dst: prefix("::/0"), Gateway: prefix("fd00:9::1/64").Addr(), Link: eth0.Index}
	l.must(pod.DeleteRoute(route))
	l.fail(check, 103, "no route ::/0 via fd00:9::1 in netns a")
	l.must(pod.AddRoute(route, kernel.Exclusive))

	l.must(l.self.SetSysctl("net/ipv6/conf/all/forwarding", "0"))
	l.fail(check, 103, "net/ipv6/conf/all/forwarding is 0")
	l.must(l.self.SetSysctl("net/ipv6/conf/all/forwarding", "1"))

	gateway := kernel.Address{Link: bridge.Index, Prefix: prefix("fd00:9::1/64"), NoDAD: true}
	l.must(l.self.DeleteAddress(gateway))
	l.fail(check, 103, "br-test in netns host has no address fd00:9::1/64")
	l.must(l.self.AddAddress(gateway))
	l.succeed(check)
}

// TestNeighboursLearnNewMAC: the address is another container's now, and who knew the first one's MAC address learns
// the second's at once. (The simulation does not send unsolicited neighbour advertisements.)
func TestNeighboursLearnNewMAC(t *testing.T) {
	on(t, "linux", func(t *testing.T, l *lab) {
		conf := l.dual(nil)
		l.addBridge()
		l.addKeeper()
		for _, id := range []string{"a", "b"} {
			result := l.add(id, l.pod(id), conf)
			l.wantNeighbour("fd00:9::2", result.Interfaces[2].Mac, id == "b")
			l.succeed(request{verb: "DEL", id: id, conf: conf})
		}
	})
}

// addKeeper gives the bridge a port that works: without one the host forgets its neighbours.
func (l *lab) addKeeper() {
	l.t.Helper()
	bridge, err := l.self.LinkByName("br-test")
	l.must(err)
	l.must(l.self.AddLink(kernel.LinkSpec{
		Name: "keeper", Kind: kernel.KindVeth, Master: bridge.Index, Up: true, Peer: kernel.PeerSpec{Name: "keeper1"},
	}))
	end, err := l.self.LinkByName("keeper1")
	l.must(err)
	l.must(l.self.ChangeLink(end.Index, kernel.LinkChange{Up: new(true)}))
}

// wantNeighbour has the host learn who has the address, unless it is to know that already.
func (l *lab) wantNeighbour(ip, mac string, known bool) {
	l.t.Helper()
	if !known {
		l.must(second(l.self.Ping(l.t.Context(), kernel.Ping{To: prefix(ip + "/128").Addr()})))
	}
	for range 100 {
		neighbours, err := l.self.Neighbours(0)
		l.must(err)
		if strings.Contains(fmt.Sprint(neighbours), ip+" "+mac) {
			return
		}
		l.must(l.Sleep(l.t.Context(), 10*time.Millisecond))
	}
	neighbours, err := l.self.Neighbours(0)
	l.t.Errorf("nobody says that %s is at %s: %v, %v", ip, mac, neighbours, err)
}

// TestForceAddress: the bridge had another network's addresses. The one that can stand beside stays.
func TestForceAddress(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.addOccupiedBridge()
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.dual(nil)}
		before := l.snapshot()
		l.fail(r, 7, `"br-test" already has an IP address different from 10.9.0.1/24`, `set "forceAddress"`)
		l.wantState("ADD without force", before)

		r.conf = l.dual(map[string]any{"forceAddress": true})
		l.succeed(r)
		bridge, err := l.self.LinkByName("br-test")
		l.must(err)
		addresses, err := l.self.Addresses(bridge.Index)
		l.must(err)
		var got []string
		for _, a := range addresses {
			got = append(got, a.Prefix.String())
		}
		slices.Sort(got)
		if s := fmt.Sprint(got); s != "[10.9.0.1/24 fd00:7::1/64 fd00:9::1/64]" {
			t.Errorf("the bridge has %s", s)
		}
	})
}
