//go:build linux

package linux

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// One method is one request, so that a fault injected between two calls is one that can happen.
func TestOneRequestPerMethod(t *testing.T) {
	skipWhatDiffers(t)
	h, self := newMachine(t)
	pod := newPod(t, h, "pod")
	bridge := addBridge(t, self, "cni0").Index
	a := kernel.Address{Link: bridge, Prefix: prefix("10.1.0.1/24")}
	r := kernel.Route{Dst: prefix("10.2.0.0/16"), Gateway: addr("10.1.0.2")}
	n := kernel.Neighbour{Link: bridge, IP: addr("10.1.0.2"), MAC: []byte{2, 0, 0, 0, 0, 2}}
	socket := self.(*NetNS).route
	for _, method := range []struct {
		name string
		call func() error
	}{
		{"AddLink", func() error {
			return self.AddLink(kernel.LinkSpec{
				Name: "v", Kind: kernel.KindVeth, MTU: 1400, MAC: []byte{2, 0, 0, 0, 0, 1}, Master: bridge, Up: true,
				Peer: kernel.PeerSpec{Name: "eth0", MTU: 1400, MAC: []byte{2, 0, 0, 0, 0, 2}, NetNS: pod},
			})
		}},
		{"ChangeLink", func() error {
			return self.ChangeLink(bridge, kernel.LinkChange{
				Name: new("br0"), MAC: []byte{2, 0, 0, 0, 0, 3}, MTU: new(1300), Alias: new("x"), Master: new(0),
				Promisc: new(true), Up: new(true),
			})
		}},
		{"Links", func() error { return second(self.Links()) }},
		{"LinkByName", func() error { return second(self.LinkByName("v")) }},
		{"AddAddress", func() error { return self.AddAddress(a) }},
		{"Addresses", func() error { return second(self.Addresses(0)) }},
		{"AddRoute", func() error { return self.AddRoute(r, kernel.Exclusive) }},
		{"Routes", func() error { return second(self.Routes(kernel.IPv6)) }},
		{"DeleteRoute", func() error { return self.DeleteRoute(r) }},
		{"AddNeighbour", func() error { return self.AddNeighbour(n) }},
		{"Neighbours", func() error { return second(self.Neighbours(0)) }},
		{"DeleteNeighbour", func() error { return self.DeleteNeighbour(n) }},
		{"DeleteAddress", func() error { return self.DeleteAddress(a) }},
		{"DeleteLink", func() error { return self.DeleteLink(bridge) }},
	} {
		before := socket.seq
		must(t, method.call())
		if sent := socket.seq - before; sent != 1 {
			t.Errorf("%s sent %d requests", method.name, sent)
		}
	}
}

func BenchmarkLinkByName(b *testing.B) {
	_, self := newMachine(b)
	b.ReportAllocs()
	for b.Loop() {
		link(b, self, "lo")
	}
}

func BenchmarkOpenNetNS(b *testing.B) {
	h, _ := newMachine(b)
	newPod(b, h, "pod")
	b.ReportAllocs()
	for b.Loop() {
		ns, err := h.OpenNetNS("/run/netns/pod")
		must(b, err)
		ns.Close()
	}
}

func BenchmarkSysctl(b *testing.B) {
	_, self := newMachine(b)
	b.ReportAllocs()
	for b.Loop() {
		must(b, second(self.Sysctl("net/ipv4/ip_forward")))
	}
}
