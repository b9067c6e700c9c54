package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// sideOf is which address is translated at a hook for the first packet of a connection, and all that go its way.
// (include/net/netfilter/nf_nat.h: HOOK2MANIP.)
func sideOf(h hook) side {
	if h == atPostRouting || h == atLocalIn {
		return sourceSide
	}
	return destinationSide
}

func (s side) other() side { return destinationSide - s }

// translate gives a packet the addresses that its connection has on the other side. The chains of type nat are asked once
// for each connection. (net/netfilter/nf_nat_core.c: nf_nat_inet_fn, nf_nat_packet.)
func (ns *namespace) translate(h hook, w *passage) (ok bool) {
	c, at := w.connection, sideOf(h)
	switch {
	case c == nil:
		return true
	case w.state == kernel.FlowNew && !c.asked[at]:
		if c.asked[at] = true; !ns.bind(c, h, w) {
			return false
		}
	case h == atPostRouting && !w.isReply && c.masquerading != nil && c.masquerading != w.out:
		ns.connections.forget(c) // nf_nat_oif_changed
		ns.end(w, "nat: the flow has the address of "+c.masquerading.name)
		return false
	}
	moved := at
	if w.isReply {
		moved = at.other()
	}
	if !c.moved[moved] {
		return true
	}
	back := c.tuple(!w.isReply)
	as := back.from
	if at == sourceSide {
		as = back.to
	}
	if w.isRelated {
		w.take().rewriteError(as, at == sourceSide)
	} else {
		w.take().rewrite(as, at == sourceSide)
	}
	if ns.world().watched() {
		direction := map[side]string{sourceSide: "from", destinationSide: "to"}[at]
		ns.decide(w.packet, w.in, w.out, "nat: %s %s", direction, as.addrPort(back.v6))
	}
	w.known, w.by = false, w.facts.mark
	return true
}

// bind decides about one address of a connection, by what the chains of type nat say; false where they drop it. One that was
// confirmed before there was such a chain stays as it is. (nf_nat_core.c: nf_nat_setup_info.)
func (ns *namespace) bind(c *connection, h hook, w *passage) (ok bool) {
	family := ofIPv4
	if w.packet.v6() {
		family = ofIPv6
	}
	by, asked, f := &askedRule{}, (*askedChain)(nil), ns.look(w)
	for _, s := range ns.filter.course().nat[family][h] {
		if by, asked = s.chain.decide(f), s.chain; by.action != kernel.Accept {
			break
		}
	}
	switch by.action {
	case kernel.Drop, kernel.Reject:
		ns.refuse(w, asked, by)
		return false
	}
	return c.confirmed || ns.bindBy(by, c, h, w)
}

func (ns *namespace) bindBy(by *askedRule, c *connection, h hook, w *passage) (ok bool) {
	switch by.action {
	case kernel.DNAT:
		c.comeFrom(peerOf(by.to))
	case kernel.SNAT:
		ns.goTo(c, peerOf(by.to), by.rule.Random)
	case kernel.Masquerade:
		source := ns.masqueradeAs(w.to, w.packet.dst())
		if !source.IsValid() {
			ns.end(w, w.out.name+" has no address to masquerade as")
			return false // net/netfilter/nf_nat_masquerade.c: "ate my IP address"
		}
		c.masquerading = w.out
		ns.goTo(c, peerOf(netip.AddrPortFrom(source, 0)), by.rule.Random)
	default:
		if sideOf(h) == sourceSide {
			ns.goTo(c, peer{addr: c.reply.to.addr}, false) // nf_nat_alloc_null_binding: another port, where it is taken
		}
	}
	return true
}

// comeFrom translates the destination: replies come from another address.
func (c *connection) comeFrom(to peer) {
	if to.port == 0 {
		to.port = c.reply.from.port
	}
	c.reply.from = to
	c.moved[destinationSide] = c.reply.from != c.orig.to
}

// goTo translates the source: replies go to another address, and to a free port of it unless one is asked for. At random it
// is any.
func (ns *namespace) goTo(c *connection, to peer, random bool) {
	switch {
	case to.port != 0:
	case random && c.reply.tellsApart():
		to = ns.randomPort(c.reply, to)
	default:
		to = ns.connections.freePort(c.reply, to)
	}
	c.reply.to = to
	c.moved[sourceSide] = c.reply.to != c.orig.from
}

// masqueradeAs is the address of the link that a packet leaves by. (net/netfilter/nf_nat_masquerade.c:
// nf_nat_masquerade_ipv4: inet_select_addr; nf_nat_masquerade_ipv6: ipv6_dev_get_saddr.)
func (ns *namespace) masqueradeAs(to way, dst netip.Addr) netip.Addr {
	if dst.Is6() {
		return ns.source6(dst, to.link)
	}
	return ns.selectAddress(to.link, to.next, kernel.ScopeGlobal)
}

// freePort keeps the port of who asks where nobody else has it, and takes the one after that which was given out last
// otherwise. (nf_nat_core.c: get_unique_tuple; Linux goes on from a random one.)
func (all *connections) freePort(reply tuple, source peer) peer {
	reply.to.addr = source.addr
	for range 1 << 16 {
		if c, _ := all.tuples.find(&reply); c == nil {
			break
		}
		all.lastPort = max(all.lastPort+1, firstFreePort)
		reply.to.port = all.lastPort
	}
	return reply.to
}

const firstFreePort = 1024

// tellsApart reports whether there is a number by which connections between the same hosts are told apart.
func (t *tuple) tellsApart() bool {
	return t.protocol == protoTCP || t.protocol == protoUDP || t.isPing()
}

func (t *tuple) isPing() bool { return t.protocol == protoICMP || t.protocol == protoICMPv6 }

// randomPort is any port that nobody else has, of those like the one that there was: the well-known ones, the other
// privileged ones, or the rest; of a ping any identifier. (nf_nat_core.c: nf_nat_l4proto_unique_tuple,
// NF_NAT_RANGE_PROTO_RANDOM_FULLY.)
func (ns *namespace) randomPort(reply tuple, source peer) peer {
	first, ports := uint32(firstFreePort), uint32(1<<16-firstFreePort)
	switch port := reply.to.port; {
	case reply.isPing():
		first, ports = 0, 1<<16
	case port < 512:
		first, ports = 1, 511
	case port < firstFreePort:
		first, ports = 600, firstFreePort-600
	}
	reply.to.addr = source.addr
	offset := ns.world().rand.Uint32N(ports)
	for range ports {
		reply.to.port = uint16(first + offset%ports)
		if c, _ := ns.connections.tuples.find(&reply); c == nil {
			break
		}
		offset++
	}
	return reply.to
}

// forgetMasqueraded has the connections end that got their source from a link that goes down. (nf_nat_masquerade.c:
// masq_device_event.)
func (l *link) forgetMasqueraded() {
	l.ns.connections.drop(func(c *connection) bool { return c.masquerading == l })
}
