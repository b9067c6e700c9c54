package sim

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// BenchmarkMasquerade is what a node does with one packet of a flow that it masquerades, beside looking for its route:
// among 10,000 flows, with 1,000 rules that masquerade other pods, or that are asked about every packet.
func BenchmarkMasquerade(b *testing.B) {
	for _, c := range []struct{ name, chain, rule string }{
		{"1000 rules for new flows", "post", "add rule inet t post ip saddr 10.9.%d.%d masquerade"},
		{"1000 rules for all packets", "f", "add rule inet t f ip saddr 10.9.%d.%d tcp dport 80 drop"},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := NewWorld(Config{Seed: 1})
			defer w.Close()
			ns := w.AddHost("node").machine.self
			in, out := newDevice("", "in", 1500), newDevice("", "out", 1500)
			ns.insert(in, 0)
			ns.insert(out, 0)
			out.addresses4 = []*address{{Address: kernel.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24")}, link: out}}
			changes := []string{
				"add table inet t", "add chain inet t post { type nat hook postrouting priority 100 ; }",
				"add chain inet t f { type filter hook forward priority 0 ; }",
			}
			for i := range 1000 {
				changes = append(changes, fmt.Sprintf(c.rule, i/250, i%250))
			}
			for _, line := range append(changes, "add rule inet t post ip saddr 10.1.0.0/16 masquerade") {
				words, _ := kernel.SplitIPTables(line)
				change, err := kernel.ParseFilterChange(words)
				if err != nil {
					b.Fatal(err)
				}
				if _, r := ns.changeRules(kernel.NFTables, []kernel.FilterChange{change}); r != nil {
					b.Fatal(line, r)
				}
			}
			to := way{kind: kernel.Unicast, link: out, next: netip.MustParseAddr("192.0.2.9")}
			pass := func(p packet) bool {
				t := passage{packet: p, in: in}
				if !ns.through(atPreRouting, &t) {
					return false
				}
				t.out = out
				if !ns.through(atForward, &t) {
					return false
				}
				t.take().age()
				t.to = to
				return ns.through(atPostRouting, &t)
			}
			segment := make([]byte, tcpHeader)
			segment[2], segment[3], segment[12], segment[tcpFlags] = 0, 80, tcpHeader/4<<4, tcpACK
			var packets []packet
			for i := range 10_000 {
				from := netip.AddrFrom4([4]byte{10, 1, byte(i / 250), byte(i%250 + 2)})
				packets = append(packets, newPacket(from, to.next, protoTCP, segment))
			}
			for _, p := range packets {
				if !pass(p) {
					b.Fatal("dropped")
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if !pass(packets[i%len(packets)]) {
					b.Fatal("dropped")
				}
			}
		})
	}
}
