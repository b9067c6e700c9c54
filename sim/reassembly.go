package sim

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// How long a namespace waits for the rest of a packet: include/net/ip.h, IP_FRAG_TIME; include/net/ipv6.h,
// IPV6_FRAG_TIMEOUT.
const (
	fragmentTime4 = 30 * time.Second
	fragmentTime6 = 60 * time.Second
)

// A fragmentKey tells packets in fragments apart. (net/ipv4/ip_fragment.c: ip4_frag_key; include/net/ipv6_frag.h.)
type fragmentKey struct {
	src, dst netip.Addr
	id       uint32
	protocol int  // of IPv4
	here     bool // put together to be delivered, not for conntrack
}

// A reassembly is what there is of a packet so far.
type reassembly struct {
	pieces []packet // by their offsets
	mark   uint32   // that of the first
	stop   func() bool
}

// assemble puts the fragments of a packet together, and reports whether the passage is of all of it now, or always was.
// Until the last one has come they stay here. (net/ipv4/ip_fragment.c: ip_defrag; net/ipv6/reassembly.c: ipv6_frag_rcv; for
// conntrack net/ipv4/netfilter/nf_defrag_ipv4.c: ipv4_conntrack_defrag, net/ipv6/netfilter/nf_conntrack_reasm.c.)
func (ns *namespace) assemble(w *passage, here bool) bool {
	p := w.packet
	if !p.isFragment() {
		return true
	}
	key := p.fragmentKey(here)
	r := ns.reassemblyOf(key, w.in)
	if !r.add(p) {
		ns.giveUp(key, w.in, "fragments overlap")
		return false
	}
	if p.first() {
		r.mark = w.facts.mark
	}
	whole := r.whole()
	if whole == nil {
		ns.decide(p, w.in, w.out, "fragment: waits for the rest")
		return false
	}
	r.stop()
	delete(ns.reassemblies, key)
	ns.decide(p, w.in, w.out, "fragment: the last of %d", len(r.pieces))
	w.packet, w.own, w.cut, w.known = whole, true, r.longest(), false
	w.facts.mark = r.mark // net/ipv4/inet_fragment.c inet_frag_reasm_prepare: skb_morph
	return true
}

// reassemblyOf returns what there is of a packet. With the first that comes of it the time begins to run.
func (ns *namespace) reassemblyOf(key fragmentKey, in *link) *reassembly {
	if r := ns.reassemblies[key]; r != nil {
		return r
	}
	limit := fragmentTime4
	if key.src.Is6() {
		limit = fragmentTime6
	}
	r := &reassembly{}
	r.stop = ns.world().after(limit, func() { ns.giveUp(key, in, "the rest does not come") })
	if ns.reassemblies == nil {
		ns.reassemblies = map[fragmentKey]*reassembly{}
	}
	ns.reassemblies[key] = r
	return r
}

// giveUp drops what there is of a packet. The sender is told where it would have been delivered and its beginning is there.
// (net/ipv4/ip_fragment.c: ip_expire; include/net/ipv6_frag.h: ip6frag_expire_frag_queue.)
func (ns *namespace) giveUp(key fragmentKey, in *link, why string) {
	r := ns.reassemblies[key]
	r.stop()
	delete(ns.reassemblies, key)
	for _, p := range r.pieces {
		ns.drop(p, nil, in, DropReassembly, why)
	}
	if len(r.pieces) > 0 && key.here {
		ns.report(r.pieces[0], nil, tracked{}, reassemblyTimeExceeded)
	}
}

// add puts a fragment in its place; one that is there already is no matter. It reports false where two differ in what they
// say: all are worth nothing then. (net/ipv4/inet_fragment.c: inet_frag_queue_insert.)
func (r *reassembly) add(p packet) (ok bool) {
	at, there := slices.BinarySearchFunc(r.pieces, p.fragmentOffset(), func(q packet, offset int) int {
		return cmp.Compare(q.fragmentOffset(), offset)
	})
	if there {
		return len(r.pieces[at].payload()) == len(p.payload())
	}
	r.pieces = slices.Insert(r.pieces, at, p)
	return (at == 0 || r.pieces[at-1].fragmentEnd() <= p.fragmentOffset()) &&
		(at+1 == len(r.pieces) || p.fragmentEnd() <= r.pieces[at+1].fragmentOffset())
}

// whole is the packet; nil where something is missing.
func (r *reassembly) whole() packet {
	end := 0
	for _, p := range r.pieces {
		if p.fragmentOffset() != end {
			return nil
		}
		end = p.fragmentEnd()
	}
	if r.pieces[len(r.pieces)-1].moreFragments() {
		return nil
	}
	q := r.pieces[0].unfragmentedHeader()
	for _, p := range r.pieces {
		q = append(q, p.payload()...)
	}
	q.seal()
	return q
}

// longest is how long the longest fragment was: who sends the packet on cuts it so again. (IPCB: frag_max_size.)
func (r *reassembly) longest() (n int) {
	for _, p := range r.pieces {
		n = max(n, len(p))
	}
	return n
}

func (p packet) isFragment() bool {
	if p.v6() {
		return p[6] == protoFragment && len(p) >= headerLen6+fragmentHeader
	}
	return binary.BigEndian.Uint16(p[6:])&(moreFragment|offsetMask) != 0
}

func (p packet) fragmentKey(here bool) fragmentKey {
	key := fragmentKey{src: p.src(), dst: p.dst(), here: here}
	if p.v6() {
		key.id = binary.BigEndian.Uint32(p[headerLen6+4:])
	} else {
		key.id, key.protocol = uint32(binary.BigEndian.Uint16(p[4:])), p.protocol()
	}
	return key
}

// fragmentOffset is where in the payload of all a fragment belongs.
func (p packet) fragmentOffset() int {
	if p.v6() {
		return int(binary.BigEndian.Uint16(p[headerLen6+2:]) &^ 7)
	}
	return int(binary.BigEndian.Uint16(p[6:])&offsetMask) * 8
}

func (p packet) fragmentEnd() int { return p.fragmentOffset() + len(p.payload()) }

func (p packet) moreFragments() bool {
	if p.v6() {
		return p[headerLen6+3]&1 != 0
	}
	return binary.BigEndian.Uint16(p[6:])&moreFragment != 0
}

// unfragmentedHeader is a copy of the header without what makes the packet a fragment.
func (p packet) unfragmentedHeader() packet {
	if p.v6() {
		q := slices.Clone(p[:headerLen6])
		q[6] = p[headerLen6]
		return q
	}
	q := slices.Clone(p[:p.headerLen()])
	binary.BigEndian.PutUint16(q[6:], 0)
	return q
}

// reassemblyTimeExceeded says that fragments of a packet did not come: RFC 792, RFC 4443, 3.3.
var reassemblyTimeExceeded = report{v4: icmpKind{icmpTimeExceeded, 1}, v6: icmpKind{icmpv6TimeExceeded, 1}}
