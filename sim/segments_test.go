package sim

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// TestSegments: put together again, what a train stands for is the train.
func TestSegments(t *testing.T) {
	data := make([]byte, 10_000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, c := range []struct{ src, dst string }{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}} {
		tcp := make([]byte, tcpHeader+4)
		binary.BigEndian.PutUint32(tcp[tcpSequence:], 0xffff_fff0) // it goes round
		tcp[12], tcp[tcpFlags] = 6<<4, tcpCWR|tcpFIN|tcpPSH|tcpACK
		p := newPacket(netip.MustParseAddr(c.src), netip.MustParseAddr(c.dst), protoTCP, append(tcp, data...))
		train := frameOf(mac{2}, mac{4}, p)
		train.segment = 1500
		var whole []byte
		list := train.segments()
		for i, f := range list {
			one, ok := parsePacket(f.payload)
			if !ok || sumPseudo(one.src(), one.dst(), protoTCP, one.payload()) != 0 || len(one) > 1500 || f.segment != 0 {
				t.Fatalf("segment %d: %d bytes, whole %v", i, len(one), ok)
			}
			head := one.payload()
			if got, want := binary.BigEndian.Uint32(head[tcpSequence:]), 0xffff_fff0+uint32(len(whole)); got != want {
				t.Errorf("segment %d: sequence number %#x, want %#x", i, got, want)
			}
			want := byte(tcpACK)
			if i == 0 {
				want |= tcpCWR
			}
			if i == len(list)-1 {
				want |= tcpFIN | tcpPSH
			}
			if head[tcpFlags] != want {
				t.Errorf("segment %d: flags %#x, want %#x", i, head[tcpFlags], want)
			}
			whole = append(whole, head[tcpHeader+4:]...)
		}
		if !bytes.Equal(whole, data) || len(list) != 7 {
			t.Errorf("%s: %d segments carry %d bytes", c.src, len(list), len(whole))
		}
	}
	alone := frameOf(mac{2}, mac{4}, newPacket(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), protoICMP, data[:8]))
	if list := alone.segments(); len(list) != 1 {
		t.Errorf("a packet that is no train stands for %d", len(list))
	}
}
