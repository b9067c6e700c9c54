package sim

import (
	"net/netip"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// A hookLab is a namespace that forwards from one link to another, without anything else in the way.
type hookLab struct {
	t       testing.TB
	ns      *namespace
	in, out *link
}

func newHookLab(t testing.TB, rules ...string) *hookLab {
	w := NewWorld(Config{Seed: 1})
	t.Cleanup(w.Close)
	l := &hookLab{t: t, ns: w.AddHost("node").machine.self, in: newDevice("", "in", 1500), out: newDevice("", "out", 1500)}
	l.ns.insert(l.in, 0)
	l.ns.insert(l.out, 0)
	l.out.addresses4 = []*address{{Address: kernel.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24")}, link: l.out}}
	l.change(rules...)
	return l
}

func (l *hookLab) change(lines ...string) {
	l.t.Helper()
	for _, line := range lines {
		words, err := kernel.SplitIPTables(line)
		if err != nil {
			l.t.Fatal(err)
		}
		change, err := kernel.ParseFilterChange(words)
		if err != nil {
			l.t.Fatal(line, err)
		}
		if _, r := l.ns.changeRules(kernel.NFTables, []kernel.FilterChange{change}); r != nil {
			l.t.Fatal(line, r)
		}
	}
}

// pass sends a packet from one link to the other, and returns it as it leaves; nil where it is dropped.
func (l *hookLab) pass(p packet, in, out *link) packet {
	w := passage{packet: p, in: in}
	if !l.ns.through(atPreRouting, &w) {
		return nil
	}
	w.out = out
	if !l.ns.through(atForward, &w) {
		return nil
	}
	w.take().age()
	w.to = way{kind: kernel.Unicast, link: out, next: w.packet.dst()}
	if !l.ns.through(atPostRouting, &w) {
		return nil
	}
	return w.packet
}

func segmentBetween(from, to string, flags byte) packet {
	a, b := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	segment := make([]byte, tcpHeader)
	segment[0], segment[1] = byte(a.Port()>>8), byte(a.Port())
	segment[2], segment[3] = byte(b.Port()>>8), byte(b.Port())
	segment[12], segment[tcpFlags] = tcpHeader/4<<4, flags
	return newPacket(a.Addr(), b.Addr(), protoTCP, segment)
}

// between are the addresses of a packet.
func between(p packet) string {
	if p == nil {
		return "dropped"
	}
	t, _ := p.tuple()
	return t.from.addrPort(t.v6).String() + " > " + t.to.addrPort(t.v6).String()
}

// A connection that stands is translated as it was, whatever becomes of the rules, as long as one of them has Linux follow
// flows; new ones are not. Somebody who has it forgotten ends it.
func TestConnectionsSurviveChangesOfRules(t *testing.T) {
	l := newHookLab(t, "add table inet t", "add chain inet t pre { type nat hook prerouting priority -100 ; }",
		"add chain inet t post { type nat hook postrouting priority 100 ; }", "add chain inet t f { type filter hook forward priority 0 ; }",
		"add rule inet t pre ip daddr 192.0.2.80 tcp dport 80 dnat ip to 192.0.2.9:8080",
		"add rule inet t post ip saddr 10.1.0.0/16 masquerade", "add rule inet t f ct state invalid drop")
	const pod, service = "10.1.0.2:40000", "192.0.2.80:80"
	there := func(flags byte) string { return between(l.pass(segmentBetween(pod, service, flags), l.in, l.out)) }
	back := func(flags byte) string {
		return between(l.pass(segmentBetween("192.0.2.9:8080", "192.0.2.1:40000", flags), l.out, l.in))
	}
	expect := func(when, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	const translated, answered = "192.0.2.1:40000 > 192.0.2.9:8080", service + " > " + pod
	expect("SYN", there(tcpSYN), translated)
	expect("SYN and ACK", back(tcpSYN|tcpACK), answered)
	expect("ACK", there(tcpACK), translated)
	l.change("flush chain inet t pre", "flush chain inet t post", "add rule inet t f tcp dport 22 drop")
	expect("after the rules were deleted", there(tcpACK), translated)
	expect("the answer to that", back(tcpACK), answered)
	expect("a new connection", between(l.pass(segmentBetween("10.1.0.2:40001", service, tcpSYN), l.in, l.out)), "10.1.0.2:40001 > "+service)
	l.ns.connections.drop(func(c *connection) bool { return c.orig.from == peerOf(netip.MustParseAddrPort(pod)) })
	expect("after it was forgotten", there(tcpACK), pod+" > "+service)
	expect("an answer that belongs to nothing", back(tcpSYN|tcpACK), "dropped")
}

// A connection that was followed before there was a chain to translate it stays as it is.
func TestConnectionsThatStandAreNotTranslatedAnew(t *testing.T) {
	l := newHookLab(t, "add table inet t", "add chain inet t f { type filter hook forward priority 0 ; }", "add rule inet t f ct state invalid drop")
	const pod, server = "10.1.0.2:40000", "192.0.2.9:80"
	there := func(from string) string { return between(l.pass(segmentBetween(from, server, tcpSYN), l.in, l.out)) }
	if got := there(pod); got != pod+" > "+server {
		t.Errorf("before there was a rule: %s", got)
	}
	l.change("add chain inet t post { type nat hook postrouting priority 100 ; }", "add rule inet t post ip saddr 10.1.0.0/16 masquerade")
	if got := there(pod); got != pod+" > "+server {
		t.Errorf("what stood before: %s", got)
	}
	if got := there("10.1.0.2:40001"); got != "192.0.2.1:40001 > "+server {
		t.Errorf("a new one: %s", got)
	}
	back := between(l.pass(segmentBetween(server, pod, tcpSYN|tcpACK), l.out, l.in))
	if back != server+" > "+pod {
		t.Errorf("the answer: %s", back)
	}
}

// An error about a packet is about the packet as its sender knows it, whichever of its addresses were translated.
func TestErrorsAreTranslatedBothWays(t *testing.T) {
	l := newHookLab(t, "add table inet t", "add chain inet t pre { type nat hook prerouting priority -100 ; }",
		"add chain inet t post { type nat hook postrouting priority 100 ; }",
		"add rule inet t pre ip daddr 192.0.2.80 tcp dport 80 dnat ip to 192.0.2.9:8080",
		"add rule inet t post ip saddr 10.1.0.0/16 masquerade")
	sent := segmentBetween("10.1.0.2:40000", "192.0.2.80:80", tcpSYN)
	left := l.pass(sent, l.in, l.out)
	if left == nil {
		t.Fatal("dropped")
	}
	report := rejections[""].packet(netip.MustParseAddr("192.0.2.9"), left)
	got := l.pass(report, l.out, l.in)
	if between := got.src().String() + " > " + got.dst().String(); between != "192.0.2.80 > 10.1.0.2" {
		t.Errorf("the error goes %s", between)
	}
	about, ok := quotedIn(got)
	if quoted := between(about); !ok || quoted != "10.1.0.2:40000 > 192.0.2.80:80" {
		t.Errorf("the error is about %s", quoted)
	}
	if sum16(got[:got.headerLen()]) != 0 || sum16(got.payload()) != 0 || sum16(about[:about.headerLen()]) != 0 {
		t.Error("a checksum is wrong")
	}
}
