package sim_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

var background = context.Background()

func addr(s string) netip.Addr         { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix     { return netip.MustParsePrefix(s) }
func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// A lab is one machine with bridges and pods, the way CNI plugins lay them.
type lab struct {
	t     testing.TB
	world *sim.World
	host  *sim.Host
	node  kernel.NetNS
}

func newLab(t testing.TB) *lab {
	t.Helper()
	return newLabOf(t, sim.Config{Seed: 1, Transport: netstack.New})
}

func newLabOf(t testing.TB, c sim.Config) *lab {
	t.Helper()
	w := sim.NewWorld(c)
	t.Cleanup(w.Close)
	l := &lab{t: t, world: w, host: w.AddHost("node")}
	l.must(l.host.MkdirAll(kernel.NetNSDir, 0o755))
	l.node = must(l.host.Self())(t)
	t.Cleanup(l.node.Close)
	l.up(l.node, "lo")
	return l
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) index(ns kernel.NetNS, name string) int {
	l.t.Helper()
	return must(ns.LinkByName(name))(l.t).Index
}

func (l *lab) up(ns kernel.NetNS, name string) {
	l.t.Helper()
	l.must(ns.ChangeLink(l.index(ns, name), kernel.LinkChange{Up: new(true)}))
}

func (l *lab) down(ns kernel.NetNS, name string) {
	l.t.Helper()
	l.must(ns.ChangeLink(l.index(ns, name), kernel.LinkChange{Up: new(false)}))
}

func (l *lab) address(ns kernel.NetNS, link, p string) {
	l.t.Helper()
	l.must(ns.AddAddress(kernel.Address{Link: l.index(ns, link), Prefix: prefix(p)}))
}

func (l *lab) route(ns kernel.NetNS, r kernel.Route) {
	l.t.Helper()
	l.must(ns.AddRoute(r, kernel.Exclusive))
}

// bridge makes a bridge on the node with this address as its gateway.
func (l *lab) bridge(name, gateway string) {
	l.t.Helper()
	l.must(l.node.AddLink(kernel.LinkSpec{Name: name, Kind: kernel.KindBridge}))
	l.address(l.node, name, gateway)
	l.up(l.node, name)
}

// netns makes a namespace with a loopback device that is up.
func (l *lab) netns(name string) kernel.NetNS {
	l.t.Helper()
	ns := l.openNetNS(name)
	l.t.Cleanup(ns.Close)
	return ns
}

// openNetNS is netns for who closes the namespace himself.
func (l *lab) openNetNS(name string) kernel.NetNS {
	l.t.Helper()
	path := kernel.NetNSDir + "/" + name
	l.must(l.host.AddNetNS(path))
	ns := must(l.host.OpenNetNS(path))(l.t)
	l.up(ns, "lo")
	return ns
}

// pod makes a pod with eth0 at a bridge, an address and, unless gateway is empty, a default route.
func (l *lab) pod(name, bridge, address, gateway string) kernel.NetNS {
	l.t.Helper()
	ns := l.netns(name)
	l.plug(ns, name, bridge, address, gateway)
	return ns
}

// plug connects a namespace to a bridge.
func (l *lab) plug(ns kernel.NetNS, name, bridge, address, gateway string) {
	l.t.Helper()
	l.must(l.node.AddLink(kernel.LinkSpec{
		Name: "v" + name, Kind: kernel.KindVeth, Up: true, Master: l.index(l.node, bridge),
		Peer: kernel.PeerSpec{Name: "eth0", NetNS: ns},
	}))
	l.address(ns, "eth0", address)
	l.up(ns, "eth0")
	if gateway != "" {
		l.route(ns, kernel.Route{Dst: prefix("0.0.0.0/0"), Gateway: addr(gateway)})
	}
}

func (l *lab) forward() {
	l.t.Helper()
	l.must(l.node.SetSysctl("net/ipv4/ip_forward", "1"))
}

// masquerade lets what the node forwards of these sources have the node's address.
func (l *lab) masquerade(sources string) {
	l.t.Helper()
	chain := kernel.FilterChange{Family: kernel.FilterIP, Table: "t", Chain: "post"}
	table, rule := chain, chain
	table.Do, table.Chain = kernel.AddTable, ""
	chain.Do, chain.Base = kernel.AddChain, &kernel.BaseChain{Type: "nat", Hook: "postrouting", Priority: 100, Policy: kernel.Accept}
	rule.Do = kernel.AddRule
	rule.Rule = kernel.FilterRule{
		Matches: []kernel.FilterMatch{{On: kernel.MatchSource, Prefix: prefix(sources)}}, Action: kernel.Masquerade,
	}
	l.must(l.node.ChangeRuleset(kernel.NFTables, []kernel.FilterChange{table, chain, rule}))
}

func (l *lab) serve(ns kernel.NetNS, transport kernel.Transport, at string) (stop func()) {
	l.t.Helper()
	return must(ns.Serve(kernel.Service{Transport: transport, At: addrPort(at)}))(l.t)
}

// framesAt returns a function that says how many frames of a type the link of that name has received since.
func (l *lab) framesAt(link string, kind uint16) func() int {
	n := 0
	l.world.Watch(func(s sim.Sight) {
		if s.Event == sim.Received && s.Place.Link == link && binary.BigEndian.Uint16(s.Frame[12:]) == kind {
			n++
		}
	})
	return func() int { return n }
}

// framesIn returns a function that says how many frames of IPv4 and ARP the links of a namespace have received since.
func (l *lab) framesIn(ns kernel.NetNS) func() int {
	n := 0
	l.world.Watch(func(s sim.Sight) {
		if s.Event == sim.Received && s.Place.NetNS == ns.Name() && !isIPv6(s.Frame) {
			n++
		}
	})
	return func() int { return n }
}

func isIPv6(frame []byte) bool { return frame[12] == 0x86 && frame[13] == 0xdd }

// fallSilent keeps the links of a namespace from asking for routers.
func (l *lab) fallSilent(ns kernel.NetNS) {
	l.t.Helper()
	l.must(ns.SetSysctl("net/ipv6/conf/eth0/router_solicitations", "0"))
}

func wantErrno(t *testing.T, err error, want kernel.Errno) {
	t.Helper()
	var k *kernel.Error
	if want == 0 && err != nil || want != 0 && (!errors.As(err, &k) || k.Errno != want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// probes are the ways to reach an address, by name.
func probes(ns kernel.NetNS, to string, timeout time.Duration) map[string]func() error {
	ways := map[string]func() error{"ping": func() error {
		_, err := ns.Ping(background, kernel.Ping{To: addr(to), Timeout: timeout})
		return err
	}}
	for _, transport := range []kernel.Transport{kernel.TCP, kernel.UDP} {
		ways[string(transport)] = func() error {
			_, err := ns.Call(background, kernel.Call{
				Transport: transport, To: netip.AddrPortFrom(addr(to), 80), Timeout: timeout,
			})
			return err
		}
	}
	return ways
}

// probeAll tries to reach an address in every way and returns the errors by name.
func probeAll(ns kernel.NetNS, to string, timeout time.Duration) map[string]error {
	errs := map[string]error{}
	for name, probe := range probes(ns, to, timeout) {
		errs[name] = probe()
	}
	return errs
}

func payload(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i * 7)
	}
	return p
}
