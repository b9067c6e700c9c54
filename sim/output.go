package sim

import (
	"fmt"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// output sends a packet of the namespace's own where the routes say. (net/ipv4/ip_output.c: ip_queue_xmit,
// ip_send_skb; net/ipv6/ip6_output.c: ip6_xmit.)
func (ns *namespace) output(p packet, t train) kernel.Errno {
	return ns.outputParcel(parcel{packet: p, train: t})
}

func (ns *namespace) outputParcel(p parcel) kernel.Errno {
	to, errno := ns.route(flow{src: p.src(), dst: p.dst(), mark: p.mark, of: p.packet})
	if errno != 0 {
		ns.drop(p.packet, nil, nil, DropNoRouteOut, "route: "+errno.Error())
		return errno
	}
	if ns.world().watched() { // else nobody has to make words of it
		ns.decide(p.packet, nil, to.link, "route: %s", to)
	}
	if p.isICMPError() && !ns.maySend(p.packet, to) {
		return 0
	}
	return ns.emitParcel(p, to, tracked{})
}

// emit sends a packet of the namespace's own by a way. What is translated then, or given a mark where that counts, goes
// where the routes say of its new destination and mark. (net/ipv4/ip_output.c: __ip_local_out;
// net/netfilter/nf_nat_proto.c: nf_nat_ipv4_local_fn, ip_route_me_harder.)
func (ns *namespace) emit(p packet, to way, known tracked) (errno kernel.Errno) {
	return ns.emitParcel(parcel{packet: p}, to, known)
}

func (ns *namespace) emitParcel(p parcel, to way, known tracked) (errno kernel.Errno) {
	ns.limitHops(p.packet, to)
	w := passage{
		packet: p.packet, train: p.train, own: true, out: to.link, tracked: known, facts: facts{flow: flow{mark: p.mark}},
	}
	asked := p.dst()
	if !ns.through(atLocalOut, &w) {
		return kernel.EPERM // net/netfilter/core.c nf_hook_slow: NF_DROP
	}
	if dst := w.packet.dst(); dst != asked || w.steered {
		if to, errno = ns.route(flow{src: w.packet.src(), dst: dst, mark: w.by, of: w.packet}); errno != 0 {
			ns.drop(w.packet, nil, nil, DropNoRouteOut, "route: "+errno.Error())
			return errno
		}
		if ns.world().watched() {
			ns.decide(w.packet, nil, to.link, "route: %s", to)
		}
	}
	return ns.leave(&w, to)
}

// limitHops gives a packet of the namespace's own as many hops as are set, unless its socket has set them. (include/net/route.h:
// ip4_dst_hoplimit; net/ipv6/output_core.c: ip6_dst_hoplimit.)
func (ns *namespace) limitHops(p packet, to way) {
	hops := ns.sysctls.plain.at(ttl4)
	if p.v6() {
		hops = to.link.ip6.conf.at(hopLimit6)
	}
	if left := p.hopLimit(); hops != defaultTTL && hops != 0 && *left == defaultTTL {
		*left = byte(hops)
		p.sealHeader()
	}
}

// leave sends a packet out on a way, in pieces where it has to be. One that must not be cut comes back as an ICMP
// error. EPERM where a rule drops it. (net/ipv4/ip_output.c: ip_output, ip_finish_output, ip_fragment.)
func (ns *namespace) leave(w *passage, to way) kernel.Errno {
	w.out, w.to = to.link, to
	if !ns.through(atPostRouting, w) {
		return kernel.EPERM
	}
	p, mtu := w.packet, to.mtu()
	switch {
	case w.length() <= mtu && (w.cut == 0 || len(p) <= w.cut):
		lost := w.in == nil && to.loses(p)
		to.send(parcel{packet: p, train: w.train, mark: w.facts.mark}, w.tracked)
		if lost {
			return kernel.ENOBUFS
		}
	case p.whole():
		ns.drop(p, w.in, to.link, DropTooLong, fmt.Sprintf("%d bytes, MTU %d", w.length(), mtu))
		ns.report(w.join(), w.in, w.tracked, tooBig(mtu))
	default:
		if w.cut != 0 {
			mtu = min(mtu, w.cut)
		}
		ns.decide(p, w.in, to.link, "cut: %d bytes, MTU %d", len(p), mtu)
		for _, piece := range ns.fragments(w.join(), mtu) {
			lost := w.in == nil && to.loses(piece)
			to.send(parcel{packet: piece, mark: w.facts.mark}, w.tracked)
			if lost {
				return kernel.ENOBUFS // the rest is not sent: ip_do_fragment, ip6_fragment
			}
		}
	}
	return 0
}

// loses reports whether a message of ICMP is lost at once, because the other end of a veth does not take what is that long,
// which its socket is told. (drivers/net/veth.c: veth_xmit, NET_XMIT_DROP; net/ipv4/ip_output.c: ip_send_skb, net_xmit_errno.)
// Those of UDP hear of it only if they want to (IP_RECVERR), and TCP sends again.
func (to way) loses(p packet) bool {
	peer := to.link.peer
	if peer == nil || len(p) <= peer.mtu+vlanHeader || p.protocol() != protoICMP && p.protocol() != protoICMPv6 {
		return false
	}
	n := to.link.neighbours[to.next]
	return n != nil && n.state != kernel.Incomplete && n.state != kernel.Failed // else it waits
}

// send puts a packet on its link, addressed to the next hop. (net/ipv4/ip_output.c: ip_finish_output2.) By the loopback
// device it keeps what conntrack knows of it.
func (to way) send(p parcel, known tracked) {
	l := to.link
	switch {
	case l.loopback():
		f := p.frame(l.mac, l.mac)
		f.tracked = known
		l.transmit(f)
	case to.kind == kernel.Broadcast:
		l.transmitIP(broadcastMAC, p.join())
	case to.next.IsMulticast():
		l.transmitIP(multicastMAC(to.next), p.join())
	default:
		l.sendTo(to.next, p)
	}
}

// A parcel is a packet that leaves a namespace, or waits to, with its mark, and with what it has beside where it is a train.
type parcel struct {
	packet
	train
	mark   uint32
	bridge func(to mac) // sends it, where it is no packet of the link's own but a bridge's that was translated; else nil
}

// join is the packet in one piece.
func (p parcel) join() packet { return p.packet.join(&p.train) }

// frame is the frame of a parcel.
func (p parcel) frame(dst, src mac) frame {
	f := frameOf(dst, src, p.packet)
	f.train, f.mark = p.train, p.mark
	return f
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
