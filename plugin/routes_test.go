package plugin_test

import (
	"strings"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// richRoutes are what an IPAM program gives: routes with all that a result can say of them, of both families.
const richRoutes = `{"cniVersion": "1.1.0",
	"ips": [{"address": "10.9.0.2/24", "gateway": "10.9.0.1"}, {"address": "fd00:9::2/64", "gateway": "fd00:9::1"}],
	"routes": [
		{"dst": "0.0.0.0/0"},
		{"dst": "192.0.2.0/24", "mtu": 1400, "advmss": 1360, "priority": 7},
		{"dst": "192.0.2.0/24", "gw": "10.9.0.7", "priority": 9, "table": 100},
		{"dst": "fd00:8::/64", "mtu": 1380, "advmss": 1320, "priority": 5, "table": 100}]}`

// TestRouteAttributes: all are set up, and each is missed by CHECK when it is another.
func TestRouteAttributes(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.installFixed(richRoutes)
		conf := l.conf(map[string]any{"isDefaultGateway": true, "ipam": map[string]any{"type": "fixed"}})
		netns := l.pod("a")
		result := l.add("a", netns, conf)
		state := l.snapshot()
		for _, want := range []string{
			"route 0.0.0.0/0 via 10.9.0.1 dev eth0 proto boot scope global\n",
			"route 192.0.2.0/24 via 10.9.0.1 dev eth0 proto boot scope global metric 7 mtu 1400 advmss 1360\n",
			"route 192.0.2.0/24 via 10.9.0.7 dev eth0 table 100 proto boot scope global metric 9\n",
			"route fd00:8::/64 via fd00:9::1 dev eth0 table 100 proto boot metric 5 mtu 1380 advmss 1320\n",
		} {
			if strings.Count(state, want) != 1 {
				t.Errorf("no %q in\n%s", want, state)
			}
		}
		if len(result.Routes) != 5 {
			t.Errorf("the result's routes are %v, want the five of IPAM and the default route of IPv6", result.Routes)
		}
		check := request{verb: "CHECK", id: "a", netns: netns, conf: l.withPrev(conf, result)}
		l.succeed(check)
		l.twistRoutes(check)
		l.succeed(check.as("DEL"))
	})
}

// twistRoutes makes one route another at a time.
func (l *lab) twistRoutes(check request) {
	l.t.Helper()
	pod := l.open(check.netns)
	eth0, err := pod.LinkByName("eth0")
	l.must(err)
	good := kernel.Route{
		Dst: prefix("192.0.2.0/24"), Gateway: prefix("10.9.0.1/32").Addr(), Link: eth0.Index, Metric: 7, MTU: 1400, AdvMSS: 1360,
	}
	for _, twist := range []func(r *kernel.Route){
		func(r *kernel.Route) { r.Metric = 8 },
		func(r *kernel.Route) { r.MTU = 1300 },
		func(r *kernel.Route) { r.AdvMSS = 0 },
	} {
		bad := good
		twist(&bad)
		l.must(pod.DeleteRoute(good))
		l.must(pod.AddRoute(bad, kernel.Exclusive))
		l.fail(check, 103, "no route 192.0.2.0/24 via 10.9.0.1 metric 7 mtu 1400 advmss 1360 in netns a")
		l.must(pod.DeleteRoute(bad))
		l.must(pod.AddRoute(good, kernel.Exclusive))
		l.succeed(check)
	}
	moved := kernel.Route{Dst: good.Dst, Gateway: prefix("10.9.0.7/32").Addr(), Link: eth0.Index, Metric: 9, Table: 100}
	l.must(pod.DeleteRoute(moved))
	moved.Table = 101
	l.must(pod.AddRoute(moved, kernel.Exclusive))
	l.fail(check, 103, "no route 192.0.2.0/24 via 10.9.0.7 table 100 metric 9 in netns a")
	moved.Table = 100
	l.must(pod.AddRoute(moved, kernel.Exclusive))
}

// TestNumbersOfRoutes: Linux takes the greatest MTU for a greater one, and so does CHECK. Of other numbers that are too
// great it would be told a part; they are refused.
func TestNumbersOfRoutes(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		netns, conf := l.pod("a"), l.conf(map[string]any{"ipam": map[string]any{"type": "fixed"}})
		for numbers, fits := range map[string]bool{
			`"mtu": 65535, "advmss": 65535`: true, `"mtu": 65536, "table": 4294967295, "priority": 7`: true, `"mtu": -1`: false,
			`"advmss": -1`: false, `"priority": -1`: false, `"priority": 4294967296`: false, `"table": -1`: false,
			`"table": 4294967296`: false, `"scope": -1`: false, `"scope": 256`: false, `"scope": 253`: true,
		} {
			l.installFixed(`{"cniVersion": "1.1.0", "ips": [{"address": "10.9.0.2/24"}],
				"routes": [{"dst": "192.168.0.0/16", ` + numbers + `}]}`)
			r := request{verb: "ADD", id: "a", netns: netns, conf: conf}
			if !fits {
				before := l.snapshot()
				l.fail(r, 7, "get addresses", "192.168.0.0/16 has a number")
				l.wantState("ADD", before)
				continue
			}
			check := r.as("CHECK")
			check.conf = l.withPrev(conf, l.result(l.succeed(r)))
			l.succeed(check)
			l.succeed(r.as("DEL"))
		}
	})
}

// TestNoGatewayInWords: 0.0.0.0 is how some say that there is none.
func TestNoGatewayInWords(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		l.installFixed(`{"cniVersion": "1.1.0", "ips": [{"address": "10.9.0.2/24", "gateway": "0.0.0.0"}]}`)
		conf := l.conf(map[string]any{"isGateway": true, "ipam": map[string]any{"type": "fixed"}})
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: conf}
		check := r.as("CHECK")
		check.conf = l.withPrev(conf, l.result(l.succeed(r)))
		l.succeed(check)
		l.succeed(r.as("DEL"))
	})
}
