package sim

import (
	"bytes"
	"net/netip"
	"testing"
)

// bytesBody is a Body of memory.
type bytesBody []byte

func (b bytesBody) Len() int                  { return len(b) }
func (b bytesBody) AppendTo(to []byte) []byte { return append(to, b...) }

// trains returns one train as a frame in one piece, and with its payload apart.
func trains(src, dst string) (whole, apart frame) {
	tcp := make([]byte, tcpHeader, 10_000)
	tcp[12], tcp[tcpFlags] = tcpHeader/4<<4, tcpACK
	for i := range cap(tcp) - tcpHeader {
		tcp = append(tcp, byte(i*7))
	}
	p := newPacket(netip.MustParseAddr(src), netip.MustParseAddr(dst), protoTCP, tcp)
	p.sumTCP()
	whole = frameOf(mac{2}, mac{4}, p)
	whole.segment = 1500
	apart = whole
	head := p.headerLen() + tcpHeader
	apart.payload, apart.body = bytes.Clone(p[:head]), bytesBody(p[head:])
	apart.payload[p.headerLen()+tcpSum] ^= 0xff // is not made yet
	return whole, apart
}

// TestTrainApart: whoever looks at a train sees the same, whether its payload is apart or not.
func TestTrainApart(t *testing.T) {
	for _, addrs := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}} {
		whole, apart := trains(addrs[0], addrs[1])
		if sum := sumPseudo(netip.MustParseAddr(addrs[0]), netip.MustParseAddr(addrs[1]), protoTCP, packet(whole.payload).payload()); sum != 0 {
			t.Fatalf("the checksum is off by %#x", sum)
		}
		if p, ok := apart.packet(); !ok || !p.canBeApart() || p.dst().String() != addrs[1] {
			t.Errorf("%v: read as %v, %v", addrs, p, ok)
		}
		if apart.length() != whole.length() || !bytes.Equal(apart.bytes(), whole.bytes()) {
			t.Errorf("%v: others bytes", addrs)
		}
		if !bytes.Equal(apart.tagged(7).tagged(8).bytes(), whole.tagged(7).tagged(8).bytes()) {
			t.Errorf("%v: others bytes with two tags", addrs)
		}
		want := whole.segments()
		for i, f := range apart.segments() {
			if f.body != nil || !bytes.Equal(f.bytes(), want[i].bytes()) {
				t.Errorf("%v: segment %d is another", addrs, i)
			}
		}
		if apart.body == nil {
			t.Error("who looks changes the frame")
		}
		cut := apart
		cut.body = bytesBody(apart.body.(bytesBody)[1:])
		if _, ok := cut.packet(); ok {
			t.Errorf("%v: a byte is missing, and nobody minds", addrs)
		}
	}
}

// TestPacketBytes: a transport that does not know of bodies gets the packet in one piece.
func TestPacketBytes(t *testing.T) {
	whole, apart := trains("10.0.0.1", "10.0.0.2")
	if got := (Packet{Data: apart.payload, Body: apart.body, Segment: 1500}).Bytes(); !bytes.Equal(got, whole.payload) {
		t.Errorf("got %d bytes, want %d", len(got), len(whole.payload))
	}
	if got := (Packet{Data: whole.payload}).Bytes(); !bytes.Equal(got, whole.payload) {
		t.Errorf("got %d bytes, want %d", len(got), len(whole.payload))
	}
}

// TestAppendedSum: sum16 takes eight bytes at a time, and what is left.
func TestAppendedSum(t *testing.T) {
	data := make([]byte, 100)
	for i := range data {
		data[i] = byte(255 - i)
	}
	for n := range len(data) {
		var want uint32
		for i, b := range data[:n] {
			want += uint32(b) << (8 * (1 - i%2))
		}
		for want > 0xffff {
			want = want>>16 + want&0xffff
		}
		if got := sum16(data[:n]); got != ^uint16(want) {
			t.Errorf("%d bytes: got %#x, want %#x", n, got, ^uint16(want))
		}
	}
}
