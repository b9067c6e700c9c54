package sim

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// An answering transport sends a packet back for each that everybody gets, at once.
type answering struct {
	Transport
	l3 Layer3
}

func (a answering) Deliver(packets ...Packet) {
	asked := packet(packets[0].Data)
	if asked.dst() != netip.MustParseAddr("10.1.0.255") {
		return
	}
	own, err := a.l3.Source(asked.src())
	if err == nil {
		err = a.l3.Send(Packet{Data: newPacket(own, asked.src(), protoUDP, make([]byte, 8))})
	}
	if err != nil {
		panic(err)
	}
}
func (answering) SetAddresses([]netip.Addr) {}
func (answering) Settle()                   {}
func (answering) Close()                    {}

// Who hears a question of everybody answers it before the next one hears it, though all hear it at one instant.
func TestFloodsAreAnsweredOneByOne(t *testing.T) {
	const pods = 4
	w := NewWorld(Config{Seed: 1, Transport: func(l3 Layer3) (Transport, error) { return answering{l3: l3}, nil }})
	defer w.Close()
	h := w.AddHost("node")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(h.MkdirAll(kernel.NetNSDir, 0o755))
	node, err := h.Self()
	must(err)
	defer node.Close()
	must(node.AddLink(kernel.LinkSpec{Name: "br0", Kind: kernel.KindBridge, Up: true}))
	br, err := node.LinkByName("br0")
	must(err)
	var all []*namespace
	for i := range pods {
		name := fmt.Sprint("p", i)
		must(h.AddNetNS(kernel.NetNSDir + "/" + name))
		ns, err := h.OpenNetNS(kernel.NetNSDir + "/" + name)
		must(err)
		defer ns.Close()
		must(node.AddLink(kernel.LinkSpec{
			Name: "v" + name, Kind: kernel.KindVeth, Up: true, Master: br.Index, Peer: kernel.PeerSpec{Name: "eth0", NetNS: ns},
		}))
		eth0, err := ns.LinkByName("eth0")
		must(err)
		must(ns.AddAddress(kernel.Address{
			Link: eth0.Index, Prefix: netip.MustParsePrefix(fmt.Sprintf("10.1.0.%d/24", i+1)), Broadcast: netip.MustParseAddr("10.1.0.255"),
		}))
		must(ns.ChangeLink(eth0.Index, kernel.LinkChange{Up: new(true)}))
		n, _ := handleOf(ns)
		_, err = n.ns.sockets()
		must(err)
		all = append(all, n.ns)
	}
	must(w.Sleep(context.Background(), 5*time.Second))
	var got []string
	var first time.Time
	stop := w.Watch(func(s Sight) {
		switch {
		case s.Place.Link != "eth0" || s.Place.NetNS == "p0" || s.Event == Decided || !first.IsZero() && s.At != first:
			return
		case first.IsZero():
			first = s.At
		}
		got = append(got, fmt.Sprint(s.Place.NetNS, " ", s.Event))
	})
	defer stop()
	w.update(func() {
		p := newPacket(netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.1.0.255"), protoUDP, make([]byte, 8))
		if errno := all[0].output(p, train{}); errno != 0 {
			t.Fatal(errno)
		}
	})
	must(w.Sleep(context.Background(), time.Second))
	want := []string{"p3 received", "p3 sent", "p2 received", "p2 sent", "p1 received", "p1 sent"}
	if !slices.Equal(got, want) {
		t.Errorf("seen %q, want %q", got, want)
	}
}

// What is different of two frames, whatever it is, makes them two.
func TestFramesDifferByAllOfThem(t *testing.T) {
	payload := []byte{1, 2}
	f := frame{payload: payload}
	if !f.is(frame{payload: payload}) || f.is(frame{payload: slices.Clone(payload)}) || f.is(frame{payload: payload[:1]}) {
		t.Error("payloads are not told apart by where they are")
	}
	for i := range reflect.TypeFor[frame]().NumField() {
		var other frame
		field := reflect.NewAt(reflect.TypeFor[frame]().Field(i).Type, reflect.ValueOf(&other).Elem().Field(i).Addr().UnsafePointer()).Elem()
		makeOther(t, field)
		if (&frame{}).is(other) {
			t.Errorf("a frame with another %s is the same", reflect.TypeFor[frame]().Field(i).Name)
		}
	}
}

func makeOther(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(1)
	case reflect.Array:
		makeOther(t, v.Index(0))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		first := v.Field(0)
		first = reflect.NewAt(first.Type(), first.Addr().UnsafePointer()).Elem()
		makeOther(t, first)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		t.Fatalf("cannot make another %s", v.Type())
	}
}
