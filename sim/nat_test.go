package sim

import (
	"net/netip"
	"slices"
	"testing"
)

// A translated packet has the checksums that it would have had if it had been sent like that.
func TestTranslatedPacketsHaveRightChecksums(t *testing.T) {
	udp := func(src, dst string, sport byte) packet {
		from, to := netip.MustParseAddr(src), netip.MustParseAddr(dst)
		body := []byte{0x10, sport, 0, 53, 0, 13, 0, 0, 'h', 'e', 'l', 'l', 'o'}
		head := append(append(append([]byte{}, from.AsSlice()...), to.AsSlice()...), 0, protoUDP, 0, byte(len(body)))
		sum := sum16(append(head, body...))
		body[6], body[7] = byte(sum>>8), byte(sum)
		return newPacket(from, to, protoUDP, body)
	}
	for _, tt := range []struct{ from, as, to string }{
		{"10.1.0.2", "192.0.2.1", "198.51.100.7"}, {"fd00::2", "2001:db8::1", "2001:db8::7"},
	} {
		p, want := udp(tt.from, tt.to, 7), udp(tt.as, tt.to, 9)
		got := slices.Clone(p)
		got.rewrite(peerOf(netip.AddrPortFrom(netip.MustParseAddr(tt.as), 0x1009)), true)
		if string(got) != string(want) {
			t.Errorf("from %s as %s:\n got %x\nwant %x", tt.from, tt.as, got, want)
		}
		if got.rewrite(peerOf(netip.AddrPortFrom(netip.MustParseAddr(tt.from), 0x1007)), true); string(got) != string(p) {
			t.Errorf("from %s and back:\n got %x\nwant %x", tt.from, got, p)
		}
	}
}

func TestMasqueradingTakesAnotherPortWhereTheOwnIsTaken(t *testing.T) {
	server, node := netip.MustParseAddrPort("198.51.100.7:53"), peerOf(netip.MustParseAddrPort("192.0.2.1:0"))
	var all connections
	var ports []uint16
	for _, pod := range []string{"10.1.0.2:4000", "10.1.0.3:4000", "10.1.0.4:4000", "10.1.0.5:80", "10.1.0.6:80"} {
		c := &connection{orig: newTuple(netip.MustParseAddrPort(pod), server, protoUDP)}
		c.reply = c.orig.inverse()
		c.reply.to = all.freePort(c.reply, node)
		all.note(c, 0)
		ports = append(ports, c.reply.to.port)
	}
	want := [5]uint16{4000, 1024, 1025, 80, 1026}
	if [5]uint16(ports) != want {
		t.Errorf("ports %v, want %v", ports, want)
	}
}
