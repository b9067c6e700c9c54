package sim

import (
	"net/netip"
	"testing"
)

// By addresses, an ICMP error takes the way of the flow that it is about, whoever sends it.
func TestErrorsTakeTheWayOfTheirFlow(t *testing.T) {
	w := NewWorld(Config{Seed: 1})
	defer w.Close()
	ns := w.AddHost("node").machine.self
	client, server, router := netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.0.0.9")
	asked := newPacket(client, server, protoUDP, make([]byte, udpHeader))
	said := tooBig(1400).packet(router, asked)
	for _, p := range []packet{asked, said} {
		src, dst, _ := ns.pathKeys(flow{src: p.src(), dst: p.dst(), of: p})
		if src != client || dst != server {
			t.Errorf("%s > %s is looked at as %s > %s", p.src(), p.dst(), src, dst)
		}
	}
}
