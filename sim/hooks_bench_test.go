package sim

import (
	"fmt"
	"testing"
)

// BenchmarkMasquerade is what a node does with one packet of a flow that it masquerades, beside looking for its route:
// among 10,000 flows, with 1,000 rules that masquerade other pods, or that are asked about every packet.
func BenchmarkMasquerade(b *testing.B) {
	for _, c := range []struct{ name, rule string }{
		{"1000 rules for new flows", "add rule inet t post ip saddr 10.9.%d.%d masquerade"},
		{"1000 rules for all packets", "add rule inet t f ip saddr 10.9.%d.%d tcp dport 80 drop"},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := newHookLab(b, "add table inet t", "add chain inet t post { type nat hook postrouting priority 100 ; }",
				"add chain inet t f { type filter hook forward priority 0 ; }")
			for i := range 1000 {
				l.change(fmt.Sprintf(c.rule, i/250, i%250))
			}
			l.change("add rule inet t post ip saddr 10.1.0.0/16 masquerade")
			var packets []packet
			for i := range 10_000 {
				packets = append(packets, segmentBetween(fmt.Sprintf("10.1.%d.%d:40000", i/250, i%250+2), "192.0.2.9:80", tcpACK))
				if l.pass(packets[i], l.in, l.out) == nil {
					b.Fatal("dropped")
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if l.pass(packets[i%len(packets)], l.in, l.out) == nil {
					b.Fatal("dropped")
				}
			}
		})
	}
}
