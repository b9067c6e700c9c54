package sim

import (
	"fmt"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// output sends a packet of the namespace's own where the routes say. (net/ipv4/ip_output.c: ip_queue_xmit,
// ip_send_skb; net/ipv6/ip6_output.c: ip6_xmit.)
func (ns *namespace) output(p packet) kernel.Errno {
	to, errno := ns.route(flow{src: p.src(), dst: p.dst()})
	if errno != 0 {
		ns.drop(p, nil, nil, DropNoRouteOut, "route: "+errno.Error())
		return errno
	}
	ns.decide(p, nil, to.link, "route: %s", to)
	if !ns.admits(localOut, p, nil, to.link) {
		return kernel.EPERM // net/netfilter/core.c nf_hook_slow: NF_DROP
	}
	ns.leave(p, to, passage{})
	return 0
}

// leave sends a packet out on a way, in pieces where it has to be. One that must not be cut comes back as an ICMP
// error. (net/ipv4/ip_output.c: ip_finish_output, ip_fragment.)
func (ns *namespace) leave(p packet, to way, by passage) {
	if p = ns.departs(p, to, by); p == nil {
		return
	}
	mtu := to.mtu()
	if len(p) <= mtu {
		to.send(p)
		return
	}
	if p.whole() {
		ns.drop(p, by.in, to.link, DropTooLong, fmt.Sprintf("%d bytes, MTU %d", len(p), mtu))
		ns.report(p, tooBig(mtu))
		return
	}
	ns.decide(p, by.in, to.link, "cut: %d bytes, MTU %d", len(p), mtu)
	for _, piece := range ns.fragments(p, mtu) {
		to.send(piece)
	}
}

// send puts a packet on its link, addressed to the next hop. (net/ipv4/ip_output.c: ip_finish_output2.)
func (to way) send(p packet) {
	l := to.link
	switch {
	case l.loopback():
		l.transmitIP(l.mac, p)
	case to.kind == kernel.Broadcast:
		l.transmitIP(broadcastMAC, p)
	case to.next.IsMulticast():
		l.transmitIP(multicastMAC(to.next), p)
	default:
		l.sendTo(to.next, p)
	}
}

func (l *link) transmitIP(to mac, p packet) { l.transmit(frameOf(to, l.mac, p)) }

// frameOf is the frame of a packet.
func frameOf(dst, src mac, p packet) frame {
	f := frame{dst: dst, src: src, kind: typeIPv4, payload: p}
	if p.v6() {
		f.kind = typeIPv6
	}
	return f
}

// multicastMAC is ip_eth_mc_map, and ipv6_eth_mc_map: the lower 23 or 32 bits of the group.
func multicastMAC(a netip.Addr) mac {
	if a.Is4() {
		b := a.As4()
		return mac{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	b := a.As16()
	return mac{0x33, 0x33, b[12], b[13], b[14], b[15]}
}
