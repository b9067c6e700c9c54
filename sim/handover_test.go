package sim

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A counting transport notes how many packets it is given at once.
type counting struct {
	Transport
	got *[]int
}

func (c counting) Deliver(packets ...Packet) { *c.got = append(*c.got, len(packets)) }
func (c counting) SetAddresses([]netip.Addr) {}
func (c counting) Settle()                   {}
func (c counting) Close()                    {}
func countingOf(got *[]int) NewTransport {
	return func(Layer3) (Transport, error) { return counting{got: got}, nil }
}

// What comes in a row is handed over together where it is segments in the midst of connections, and one by one else, whether
// somebody watches or not.
func TestSegmentsInARowAreHandedOverTogether(t *testing.T) {
	segment := func(flags byte) packet { return segmentBetween("10.1.0.2:40000", "10.1.0.1:80", flags) }
	datagram := newPacket(netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.1.0.1"), protoUDP, make([]byte, 8))
	other := segmentBetween("10.1.0.2:40000", "10.1.0.3:80", tcpACK)
	ack, push, syn, fin := segment(tcpACK), segment(tcpACK|tcpPSH), segment(tcpSYN), segment(tcpFIN|tcpACK)
	for _, tt := range []struct {
		name string
		come []packet
		want []int
	}{
		{"one", []packet{ack}, []int{1}},
		{"three", []packet{ack, push, ack}, []int{3}},
		{"the begin and the end", []packet{syn, ack, ack, fin, ack}, []int{1, 2, 1, 1}},
		{"datagrams", []packet{datagram, datagram}, []int{1, 1}},
		{"segments among datagrams", []packet{ack, ack, datagram, ack}, []int{2, 1, 1}},
		{"to two addresses", []packet{ack, other, other}, []int{1, 2}},
		{"many", slices.Repeat([]packet{ack}, 2*maxHandover+1), []int{maxHandover, maxHandover, 1}},
	} {
		for _, watched := range []bool{false, true} {
			var got []int
			r := newHandoverLab(t, countingOf(&got))
			if watched {
				defer r.world.Watch(func(Sight) {})()
			}
			r.world.update(func() {
				for _, p := range tt.come {
					r.world.fly(r.in, frame{dst: r.in.mac, src: mac{2}, kind: typeIPv4, payload: slices.Clone(p)})
				}
			})
			if err := r.world.Sleep(context.Background(), time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s, watched %v: handed over by %v, want %v", tt.name, watched, got, tt.want)
			}
		}
	}
}

// A handoverLab is a namespace with sockets behind one link.
type handoverLab struct {
	world *World
	in    *link
}

func newHandoverLab(t *testing.T, transport NewTransport) handoverLab {
	w := NewWorld(Config{Seed: 1, Transport: transport})
	t.Cleanup(w.Close)
	host := w.AddHost("node")
	self, err := host.Self()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(self.Close)
	veth := kernel.LinkSpec{Name: "in", Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: "peer"}}
	if err := self.AddLink(veth); err != nil {
		t.Fatal(err)
	}
	in := host.self.named("in")
	for _, prefix := range []string{"10.1.0.1/24", "10.1.0.3/24"} {
		if err := self.AddAddress(kernel.Address{Link: in.index, Prefix: netip.MustParsePrefix(prefix)}); err != nil {
			t.Fatal(err)
		}
	}
	return handoverLab{w, in}
}
