package sim

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// A passage is a packet on its way through a namespace, with what is known of it beside what it says.
type passage struct {
	packet packet
	train
	cut     int    // how long the longest fragment was that it came in; 0: it came whole
	own     bool   // nobody else has the packet: it may be written to
	shared  bool   // others may have the body of the train
	steered bool   // at output: it is to be routed anew,
	by      uint32 // by the mark that it had then
	in, out *link  // nil: the namespace sends it itself; it is not known yet where it goes
	to      way    // at postrouting
	tracked
	bridged origin
	facts   facts // with the mark
	known   bool  // what the packet says, as it is now, stands in the facts
}

// An origin is where a packet comes from that has come by a bridge which has chains of IP asked: the port, and between which
// MACs. The zero origin is none.
type origin struct {
	port     *link
	src, dst mac
}

// passage is the way of a frame's packet through a namespace, at its beginning.
func (f frame) passage(p packet, in *link) passage {
	w := passage{
		packet: p, train: f.train, cut: f.cut, own: !f.shared && !in.world().watched(), shared: f.shared, in: in, tracked: f.tracked,
		facts: facts{flow: flow{mark: f.mark}},
	}
	if f.port != nil {
		w.bridged = origin{f.port, f.src, f.dst}
	}
	return w
}

// A tracked is what conntrack knows of a packet: nf_ct_get.
type tracked struct {
	connection *connection // nil: not followed
	isReply    bool        // it goes back
	isRelated  bool        // it is an ICMP error about a packet that goes the other way
	state      kernel.FlowStates
}

// length is how long the packet is, or those are that it stands for or was put together of. (include/linux/skbuff.h:
// skb_gso_network_seglen; net/ipv6/ip6_output.c: ip6_pkt_too_big.)
func (w *passage) length() int {
	switch {
	case w.segment != 0:
		return w.segment
	case w.cut != 0:
		return w.cut
	}
	return len(w.packet)
}

// take makes the packet the passage's own.
func (w *passage) take() packet {
	if !w.own {
		w.packet, w.own = slices.Clone(w.packet), true
	}
	return w.packet
}

// join makes the packet one piece.
func (w *passage) join() packet {
	if w.body != nil {
		w.packet, w.own = w.packet.join(&w.train), true
	}
	return w.packet
}
