package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// output sends a packet of the namespace's own where the routes say. (net/ipv4/ip_output.c: ip_queue_xmit,
// ip_send_skb.)
func (ns *namespace) output(p ipv4) kernel.Errno {
	to, errno := ns.route(p.dst())
	if errno != 0 {
		return errno
	}
	ns.leave(p, to)
	return 0
}

// leave sends a packet out on a way, in pieces where it has to be. One that must not be cut comes back as an ICMP error.
// (net/ipv4/ip_output.c: ip_finish_output, ip_fragment.)
func (ns *namespace) leave(p ipv4, to way) {
	if len(p) <= to.link.mtu {
		to.send(p)
		return
	}
	if p.whole() {
		ns.report(p, fragmentationNeeded(to.link.mtu))
		return
	}
	for _, piece := range p.fragments(to.link.mtu) {
		to.send(piece)
	}
}

// send puts a packet on its link, addressed to the next hop. (net/ipv4/ip_output.c: ip_finish_output2.)
func (to way) send(p ipv4) {
	l := to.link
	f := frame{src: l.mac, kind: typeIPv4, payload: p}
	switch {
	case l.loopback():
		f.dst = l.mac
	case to.kind == kernel.Broadcast:
		f.dst = broadcastMAC
	case to.next.IsMulticast():
		f.dst = multicastMAC(to.next)
	default:
		l.sendTo(to.next, p)
		return
	}
	l.transmit(f)
}

// multicastMAC is ip_eth_mc_map: 01:00:5e and the lower 23 bits.
func multicastMAC(a netip.Addr) mac {
	b := a.As4()
	return mac{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}
}
