package sim

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// reassemblyLab is a namespace that gets fragments.
type reassemblyLab struct {
	world *World
	ns    *namespace
}

func newReassemblyLab(t *testing.T) reassemblyLab {
	w := NewWorld(Config{})
	t.Cleanup(w.Close)
	return reassemblyLab{w, w.AddHost("node").self}
}

// get hands over a fragment, and returns the packet where it is whole by it.
func (l reassemblyLab) get(p packet) (whole packet, longest int) {
	w := passage{packet: p}
	l.world.update(func() {
		if !l.ns.assemble(&w, false) {
			w.packet = nil
		}
	})
	return w.packet, w.cut
}

func ofBytes(n int, src, dst string) packet {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * 11)
	}
	return newPacket(netip.MustParseAddr(src), netip.MustParseAddr(dst), protoUDP, data)
}

// TestReassembly: in whatever order fragments come, once or twice, the last makes the packet whole.
func TestReassembly(t *testing.T) {
	for _, whole := range []packet{ofBytes(4000, "10.0.0.1", "10.0.0.2"), ofBytes(4000, "fd00::1", "fd00::2")} {
		l := newReassemblyLab(t)
		pieces := l.ns.fragments(whole, 1500)
		slices.Reverse(pieces)
		for _, p := range append(pieces[:2:2], pieces[0]) {
			if got, _ := l.get(p); got != nil {
				t.Errorf("whole without its beginning: %d bytes", len(got))
			}
		}
		got, longest := l.get(pieces[2])
		if !bytes.Equal(got, whole) {
			t.Errorf("%s: %d bytes came, and other than the %d that were sent", whole.src(), len(got), len(whole))
		}
		if want := len(pieces[2]); longest != want {
			t.Errorf("%s: the longest had %d bytes, want %d", whole.src(), longest, want)
		}
		if n := len(l.ns.reassemblies); n != 0 {
			t.Errorf("%d packets are waited for", n)
		}
		if got, _ := l.get(whole); !bytes.Equal(got, whole) {
			t.Error("what is no fragment waits")
		}
	}
}

// TestReassemblyGivesUp: fragments that overlap are worth nothing, and those that are alone for long.
func TestReassemblyGivesUp(t *testing.T) {
	whole := ofBytes(3000, "10.0.0.1", "10.0.0.2")
	l := newReassemblyLab(t)
	var dropped []string
	l.world.Watch(func(s Sight) {
		if s.Event == Dropped {
			dropped = append(dropped, string(s.Reason)+" "+s.Detail)
		}
	})
	l.get(l.ns.fragments(whole, 1500)[0])
	l.get(l.ns.fragments(whole, 1000)[1]) // which is in part what came before
	if n := len(l.ns.reassemblies); n != 0 {
		t.Errorf("after an overlap %d packets are waited for", n)
	}
	l.get(l.ns.fragments(whole, 1500)[1])
	if err := l.world.Sleep(t.Context(), fragmentTime4-time.Nanosecond); err != nil || len(l.ns.reassemblies) != 1 {
		t.Errorf("before the time is over %d packets are waited for, %v", len(l.ns.reassemblies), err)
	}
	if err := l.world.Sleep(t.Context(), time.Nanosecond); err != nil || len(l.ns.reassemblies) != 0 {
		t.Errorf("after the time is over %d packets are waited for, %v", len(l.ns.reassemblies), err)
	}
	const overlap, late = "FRAG_REASM_TIMEOUT fragments overlap", "FRAG_REASM_TIMEOUT the rest does not come"
	if want := []string{overlap, overlap, late}; !slices.Equal(dropped, want) {
		t.Errorf("dropped %q, want %q", dropped, want)
	}
}
