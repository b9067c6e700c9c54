package sim

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// BenchmarkPacket is all that a router does with a packet, from the link that it came by to the one that it leaves by. The
// packets are of 10,000 flows, which conntrack follows where a rule needs that: it says how many it knows. ns/op is what one
// packet takes.
func BenchmarkPacket(b *testing.B) {
	for _, c := range []struct {
		name  string
		setUp func(*benchRouter)
	}{
		{"forwarded", func(*benchRouter) {}},
		{"routed by 1000 routes", func(r *benchRouter) { r.routes() }},
		{"routed by 1000 routes and 1000 rules", func(r *benchRouter) { r.routes(); r.policy() }},
		{"asked about by 1000 nftables rules, by source", func(r *benchRouter) {
			r.filter("ip saddr 10.9.%[2]d.%[3]d tcp dport 80 drop")
		}},
		{"asked about by 1000 nftables rules, by port", func(r *benchRouter) { r.filter("tcp dport %[1]d drop") }},
		{"asked about by 1000 nftables rules, by link", func(r *benchRouter) { r.filter("iifname v%[1]d ct state new drop") }},
		{"asked about by 1000 nftables rules, by ports and networks", func(r *benchRouter) {
			r.filter("ip saddr 10.0.0.0/8 ip daddr 198.%[2]d.%[3]d.0/24 tcp sport 500-%[1]d drop")
		}},
		{"asked about by 1000 iptables rules", func(r *benchRouter) { r.iptables() }},
		{"masqueraded by the last of 1000 rules", func(r *benchRouter) { r.masquerade() }},
		{"filtered and masqueraded by 1000 rules each, routed by 1000 routes and 1000 rules", func(r *benchRouter) {
			r.routes()
			r.policy()
			r.filter("ip saddr 10.9.%[2]d.%[3]d tcp dport 80 drop")
			r.masquerade()
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newBenchRouter(b)
			c.setUp(r)
			r.run(b)
		})
	}
}

// benchSize is how many rules, or routes, there are of a kind.
const benchSize = 1000

// A benchRouter forwards what comes by one link to another one that has nobody behind it.
type benchRouter struct {
	b     testing.TB
	netns kernel.NetNS
	in    *link
}

func newBenchRouter(b testing.TB) *benchRouter {
	w := NewWorld(Config{Seed: 1})
	b.Cleanup(w.Close)
	host := w.AddHost("node")
	netns, err := host.Self()
	r := &benchRouter{b: b, netns: netns}
	r.must(err)
	b.Cleanup(netns.Close)
	r.must(netns.AddLink(kernel.LinkSpec{Name: "in", Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: "peer"}}))
	r.must(netns.AddLink(kernel.LinkSpec{Name: "out", Kind: kernel.KindDummy, Up: true}))
	r.in = host.self.named("in")
	r.address("in", "10.1.0.1/16")
	r.address("out", "192.0.2.1/24")
	r.must(netns.AddRoute(kernel.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("192.0.2.2")}, kernel.Exclusive))
	r.must(netns.SetSysctl("net/ipv4/ip_forward", "1"))
	r.must(w.Sleep(context.Background(), 3e9))
	return r
}

func (r *benchRouter) must(err error) {
	r.b.Helper()
	if err != nil {
		r.b.Fatal(err)
	}
}

func (r *benchRouter) address(name, prefix string) {
	l, err := r.netns.LinkByName(name)
	r.must(err)
	r.must(r.netns.AddAddress(kernel.Address{Link: l.Index, Prefix: netip.MustParsePrefix(prefix)}))
}

// routes adds routes, none of which is the packets'.
func (r *benchRouter) routes() {
	for i := range benchSize {
		dst := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(16 + i/250), byte(i % 250), 0}), 24)
		r.must(r.netns.AddRoute(kernel.Route{Dst: dst, Gateway: netip.MustParseAddr("192.0.2.3")}, kernel.Exclusive))
	}
}

// policy adds rules, none of which is for the packets, each with a table of its own.
func (r *benchRouter) policy() {
	for i := range benchSize {
		r.must(r.netns.AddRule(kernel.Rule{
			Family: kernel.IPv4, Priority: 100 + i, Action: kernel.ToTable, Table: 1000 + i,
			From: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, byte(i / 250), byte(i % 250)}), 32),
		}))
	}
}

// change carries lines out in one transaction.
func (r *benchRouter) change(on kernel.FilterBackend, lines ...string) {
	r.b.Helper()
	var changes []kernel.FilterChange
	for _, line := range lines {
		words, err := kernel.SplitIPTables(line)
		r.must(err)
		change, err := kernel.ParseFilterChange(words)
		r.must(err)
		changes = append(changes, change)
	}
	r.must(r.netns.ChangeRuleset(on, changes))
}

// perRule are lines of a number, and the same number as two bytes of an address.
func perRule(format string) (lines []string) {
	for i := range benchSize {
		lines = append(lines, fmt.Sprintf(format, i+1000, i/250, i%250))
	}
	return lines
}

// filter adds rules to be asked about all that is forwarded.
func (r *benchRouter) filter(rule string) {
	r.change(kernel.NFTables, "add table inet f", "add chain inet f f { type filter hook forward priority 0 ; }")
	r.change(kernel.NFTables, perRule("add rule inet f f "+rule)...)
}

func (r *benchRouter) iptables() {
	var changes []kernel.FilterChange
	for i := range benchSize {
		changes = append(changes, kernel.FilterChange{
			Do: kernel.AddRule, Family: kernel.FilterIP, Table: "filter", Chain: "FORWARD",
			Rule: kernel.FilterRule{Action: kernel.Drop, Matches: []kernel.FilterMatch{{
				On: kernel.MatchSource, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, byte(i / 250), byte(i % 250)}), 32),
			}}},
		})
	}
	r.must(r.netns.ChangeRuleset(kernel.IPTables, changes))
}

// masquerade adds rules of which the last masquerades the packets.
func (r *benchRouter) masquerade() {
	r.change(kernel.NFTables, "add table inet n", "add chain inet n post { type nat hook postrouting priority 100 ; }")
	r.change(kernel.NFTables, perRule("add rule inet n post ip saddr 10.9.%[2]d.%[3]d masquerade")[1:]...)
	r.change(kernel.NFTables, "add rule inet n post ip saddr 10.1.0.0/16 masquerade")
}

// run measures packets of all flows by turns. Each has been there before, and is nobody else's, as most are: the router may
// write to it.
func (r *benchRouter) run(b *testing.B) {
	const flows = 10_000
	var frames []frame
	var room [256]byte
	for i := range flows {
		p := segmentBetween(fmt.Sprintf("10.1.%d.%d:%d", i/250+1, i%250+2, 40000), "198.51.100.9:80", tcpACK)
		frames = append(frames, frame{dst: r.in.mac, src: mac{2, 0, 0, 0, 0, 1}, kind: typeIPv4, payload: p, host: true})
	}
	w := r.in.world()
	dropped := 0
	stop := w.Watch(func(s Sight) {
		if s.Event == Dropped {
			dropped++
		}
	})
	received := func(i int) (f frame) {
		f = frames[i%flows]
		f.payload = append(room[:0], f.payload...)
		return f
	}
	for i := range frames {
		w.update(func() { r.in.inputIP(received(i)) })
	}
	stop()
	if dropped != 0 {
		b.Fatal(dropped, "packets were dropped")
	}
	b.ReportAllocs()
	w.locked(func() {
		for i := 0; b.Loop(); i++ {
			r.in.inputIP(received(i))
		}
	})
	b.ReportMetric(float64(r.in.ns.connections.tuples.size()/2), "flows")
}
