package netstack_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// A rowSpy notes whether segments of several connections were handed over together.
type rowSpy struct {
	sim.Transport
	mixed *bool
}

func (s rowSpy) Deliver(packets ...sim.Packet) {
	port := func(p sim.Packet) uint16 { return binary.BigEndian.Uint16(p.Data[20:]) }
	for _, p := range packets {
		*s.mixed = *s.mixed || port(p) != port(packets[0])
	}
	s.Transport.Deliver(packets...)
}

// TestRowsOfTwoConnections: segments of two connections that are handed over together reach each its own.
func TestRowsOfTwoConnections(t *testing.T) {
	mixed := false
	w := sim.NewWorld(sim.Config{Transport: func(l3 sim.Layer3) (sim.Transport, error) {
		made, err := netstack.New(l3)
		return rowSpy{made, &mixed}, err
	}})
	defer w.Close()
	pods, err := twoPods(w.AddHost("node"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := pods[1].Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	sent := [2][]byte{bytes.Repeat([]byte{1}, 3_000_000), bytes.Repeat([]byte{2}, 2_000_001)}
	var wait []func() error
	for _, data := range sent {
		wait = append(wait, w.Go(func() { send(t, pods[0], data) }))
	}
	var got [2][]byte
	for i := range got {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		wait = append(wait, w.Go(func() { got[i], _ = io.ReadAll(conn) }))
	}
	for _, w := range wait {
		if err := w(); err != nil {
			t.Fatal(err)
		}
	}
	if len(got[0]) < len(got[1]) {
		got[0], got[1] = got[1], got[0]
	}
	for i := range got {
		if !bytes.Equal(got[i], sent[i]) {
			t.Errorf("connection %d: got %d bytes of %d, or others", i, len(got[i]), len(sent[i]))
		}
	}
	if !mixed {
		t.Error("no handover was of both connections: nothing is tested")
	}
}

func send(t *testing.T, from sim.Sockets, data []byte) {
	conn, err := from.Dial("tcp", "10.0.0.2:80")
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := conn.Write(data); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
