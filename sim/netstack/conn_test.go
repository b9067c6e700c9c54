package netstack_test

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// TestConn is what package net's own connections have to pass, on one between two pods.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
		w := sim.NewWorld(sim.Config{Transport: netstack.New})
		pods, err := twoPods(w.AddHost("node"))
		if err != nil {
			return nil, nil, nil, err
		}
		listener, err := pods[1].Listen("tcp", "10.0.0.2:80")
		if err != nil {
			return nil, nil, nil, err
		}
		if a, err = pods[0].Dial("tcp", "10.0.0.2:80"); err != nil {
			return nil, nil, nil, err
		}
		b, err = listener.Accept()
		return a, b, w.Close, err
	})
}

// twoPods makes two namespaces with a cable between them.
func twoPods(h *sim.Host) (pods [2]sim.Sockets, err error) {
	if err := h.MkdirAll(kernel.NetNSDir, 0o755); err != nil {
		return pods, err
	}
	for i, name := range []string{"a", "b"} {
		if err := h.AddNetNS(kernel.NetNSDir + "/" + name); err != nil {
			return pods, err
		}
		if pods[i].NetNS, err = h.OpenNetNS(kernel.NetNSDir + "/" + name); err != nil {
			return pods, err
		}
	}
	err = pods[0].NetNS.AddLink(kernel.LinkSpec{
		Name: "eth0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "eth0", NetNS: pods[1].NetNS},
	})
	if err != nil {
		return pods, err
	}
	for i, address := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		if err := plug(pods[i].NetNS, address); err != nil {
			return pods, err
		}
	}
	return pods, nil
}

// plug gives a namespace's eth0 an address.
func plug(ns kernel.NetNS, address string) error {
	eth0, err := ns.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := ns.ChangeLink(eth0.Index, kernel.LinkChange{Up: new(true)}); err != nil {
		return err
	}
	return ns.AddAddress(kernel.Address{Link: eth0.Index, Prefix: netip.MustParsePrefix(address)})
}

// TestHalfClose: what was said before the end is heard, and answered.
func TestHalfClose(t *testing.T) {
	w := sim.NewWorld(sim.Config{Transport: netstack.New})
	defer w.Close()
	pods, err := twoPods(w.AddHost("node"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := pods[1].Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	w.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		var heard bytes.Buffer
		_, _ = heard.ReadFrom(conn)
		_, _ = conn.Write(bytes.ToUpper(heard.Bytes()))
		_ = conn.Close()
	})
	conn, err := pods[0].Dial("tcp", "10.0.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write([]byte("hello"))
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(conn); err != nil || answer.String() != "HELLO" {
		t.Errorf("got %q, %v", &answer, err)
	}
	if _, err := conn.Write([]byte("more")); kernel.ErrnoOf(err) != kernel.EPIPE {
		t.Errorf("after the end: %v", err)
	}
}
