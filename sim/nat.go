package sim

import (
	"encoding/binary"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// A passage is what is known of a packet on its way through a namespace, beside what it says.
type passage struct {
	in         *link       // nil: the namespace sends it itself
	connection *connection // nil: not followed
	isReply    bool
}

// arrived is what netfilter does with a packet that came in by a link, before its route is looked up: nil where it is
// dropped. A reply to what was translated gets the address that it was meant for.
func (l *link) arrived(p packet) (packet, passage) {
	ns, by := l.ns, passage{in: l}
	if !ns.admits(preRouting, p, l, nil) {
		return nil, by
	}
	if !ns.tracks(p.v6()) {
		return p, by
	}
	if p.isICMPError() && p.first() {
		return ns.untranslateError(p), by
	}
	t, ok := p.tuple()
	if !ok {
		return p, by
	}
	now := ns.world().clock.elapsed()
	c, isReply := ns.connections.find(t, now)
	if c == nil {
		c = &connection{orig: t, reply: t.inverse(), fresh: true}
		ns.note(c)
	}
	c.seen = now
	by.connection, by.isReply = c, isReply
	c.replied = c.replied || isReply
	if isReply && c.translated() {
		ns.decide(p, l, nil, "nat: a reply, to %s", c.orig.from)
		return p.sentTo(c.orig.from), by
	}
	return p, by
}

// departs is what netfilter does with a packet that is about to leave: nil where it is dropped. The chains of type nat are asked once for each connection. (net/netfilter/nf_nat_core.c:
// nf_nat_inet_fn.)
func (ns *namespace) departs(p packet, to way, by passage) packet {
	if !ns.admits(postRouting, p, by.in, to.link) {
		return nil
	}
	if !ns.tracks(p.v6()) {
		return p
	}
	t, ok := p.tuple()
	if !ok {
		return p
	}
	now := ns.world().clock.elapsed()
	c, isReply := by.connection, by.isReply
	if c == nil {
		c, isReply = ns.connections.find(t, now)
	}
	if c == nil {
		c = &connection{orig: t, reply: t.inverse(), fresh: true}
	}
	if c.fresh && !isReply && !ns.connect(c, p, to, by) {
		return nil
	}
	c.seen = now
	if isReply || !c.translated() {
		return p
	}
	ns.decide(p, by.in, to.link, "nat: from %s", c.reply.to)
	return p.sentFrom(c.reply.to)
}

// connect notes a connection of which the first packet leaves, by what the chains of type nat say; false where they drop
// it.
func (ns *namespace) connect(c *connection, p packet, to way, by passage) bool {
	f := factsOf(p, by.in, to.link)
	delete(ns.connections, c.reply)
	for _, base := range ns.filter.chains(hookPoint{f.family, postRouting, true}) {
		action, rule := base.ask(f)
		if action == kernel.Drop {
			ns.drop(p, by.in, to.link, DropNetfilter, base.describe(rule))
			return false
		}
		if action != kernel.Masquerade {
			continue
		}
		source := ns.masqueradeAs(to, f.dst)
		if !source.IsValid() {
			ns.drop(p, by.in, to.link, DropNetfilter, to.link.name+" has no address to masquerade as")
			return false // net/netfilter/nf_nat_masquerade.c: "ate my IP address"
		}
		c.reply.to = ns.connections.freePort(c.reply, source)
		break
	}
	c.fresh = false
	ns.note(c)
	return true
}

// masqueradeAs is the address of the link that a packet leaves by. (net/netfilter/nf_nat_masquerade.c:
// nf_nat_masquerade_ipv4: inet_select_addr; nf_nat_masquerade_ipv6: ipv6_dev_get_saddr.)
func (ns *namespace) masqueradeAs(to way, dst netip.Addr) netip.Addr {
	if dst.Is6() {
		return ns.source6(dst, to.link)
	}
	if a := to.link.sourceFor(to.next, kernel.ScopeGlobal); a.IsValid() {
		return a
	}
	return ns.source4(to.by)
}

// freePort keeps the port of who asks where nobody else has it, and takes the next one otherwise. (nf_nat_core.c:
// get_unique_tuple; Linux goes on from a random one.)
func (all connections) freePort(reply tuple, source netip.Addr) netip.AddrPort {
	port := reply.to.Port()
	for range 1 << 16 {
		reply.to = netip.AddrPortFrom(source, port)
		if all[reply] == nil {
			break
		}
		if port++; port < firstFreePort {
			port = firstFreePort
		}
	}
	return reply.to
}

const firstFreePort = 1024

// sentFrom returns a copy of the packet with another source.
func (p packet) sentFrom(a netip.AddrPort) packet { return p.rewritten(a, true) }

// sentTo returns a copy of the packet with another destination.
func (p packet) sentTo(a netip.AddrPort) packet { return p.rewritten(a, false) }

func (p packet) rewritten(a netip.AddrPort, source bool) packet {
	q := append(packet(nil), p...)
	address := q.addressPlace(source)
	old := append([]byte(nil), address...)
	copy(address, a.Addr().AsSlice())
	if q.protocol() != protoICMP { // whose checksum is over the message alone
		q.adjust(old, address)
	}
	if port := q.portPlace(source); port != nil {
		old := append([]byte(nil), port...)
		binary.BigEndian.PutUint16(port, a.Port())
		q.adjust(old, port)
	}
	q.seal()
	return q
}

func (p packet) addressPlace(source bool) []byte {
	switch {
	case p.v6() && source:
		return p[8:24]
	case p.v6():
		return p[24:40]
	case source:
		return p[12:16]
	}
	return p[16:20]
}

// portPlace is where the packet has the port of its source or destination, which of an echo is its identifier.
func (p packet) portPlace(source bool) []byte {
	data := p.payload()
	switch p.protocol() {
	case protoTCP, protoUDP:
		if source {
			return data[0:2]
		}
		return data[2:4]
	case protoICMP, protoICMPv6:
		return data[4:6]
	}
	return nil
}

// adjust corrects the checksum above IP for bytes that have changed: RFC 1624. A UDP packet may have none.
func (p packet) adjust(old, now []byte) {
	place := p.checksumPlace()
	if place == nil || p.protocol() == protoUDP && binary.BigEndian.Uint16(place) == 0 {
		return
	}
	sum := uint32(^binary.BigEndian.Uint16(place))
	for i := 0; i+1 < len(old); i += 2 {
		sum += uint32(^binary.BigEndian.Uint16(old[i:])) + uint32(binary.BigEndian.Uint16(now[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	result := ^uint16(sum)
	if p.protocol() == protoUDP && result == 0 {
		result = 0xffff
	}
	binary.BigEndian.PutUint16(place, result)
}

func (p packet) checksumPlace() []byte {
	at, ok := map[int]int{protoTCP: 16, protoUDP: 6, protoICMP: 2, protoICMPv6: 2}[p.protocol()]
	if data := p.payload(); ok && len(data) >= at+2 {
		return data[at : at+2]
	}
	return nil
}

// untranslateError gives an ICMP error about a packet that was translated to who has sent that packet, as it sent it.
// (net/netfilter/nf_nat_proto.c: nf_nat_icmp_reply_translation.)
func (ns *namespace) untranslateError(p packet) packet {
	message := p.payload()
	if len(message) < icmpHeader {
		return p
	}
	about, ok := parseQuoted(message[icmpHeader:])
	if !ok {
		return p
	}
	t, ok := about.tuple()
	if !ok {
		return p
	}
	c, isReply := ns.connections.find(t.inverse(), ns.world().clock.elapsed())
	if c == nil || !isReply || !c.translated() {
		return p
	}
	q := append(packet(nil), p...)
	copy(q.addressPlace(false), c.orig.from.Addr().AsSlice())
	quoted := packet(q.payload()[icmpHeader:])
	copy(quoted.addressPlace(true), c.orig.from.Addr().AsSlice())
	if port := quoted.portPlace(true); port != nil {
		binary.BigEndian.PutUint16(port, c.orig.from.Port())
	}
	if !quoted.v6() {
		binary.BigEndian.PutUint16(quoted[10:], 0)
		binary.BigEndian.PutUint16(quoted[10:], sum16(quoted[:quoted.headerLen()]))
	}
	body := q.payload()
	binary.BigEndian.PutUint16(body[2:], 0)
	if q.v6() {
		binary.BigEndian.PutUint16(body[2:], sumICMPv6(q.src(), q.dst(), body))
	} else {
		binary.BigEndian.PutUint16(body[2:], sum16(body))
	}
	q.seal()
	return q
}

// parseQuoted reads the beginning of a packet that an ICMP error quotes, which may be cut.
func parseQuoted(data []byte) (packet, bool) {
	p := packet(data)
	switch {
	case len(p) >= headerLen4+icmpHeader && p[0]>>4 == 4:
		return p, p.headerLen() >= headerLen4 && len(p) >= p.headerLen()+icmpHeader
	case len(p) >= headerLen6+icmpHeader && p[0]>>4 == 6:
		return p, len(p) >= p.headerLen()+icmpHeader
	}
	return nil, false
}
