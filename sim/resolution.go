package sim

import (
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// The timing of neighbour entries, by their names below net/ipv4/neigh. (net/ipv4/arp.c: arp_tbl.) The time for which
// an entry is reachable is base_reachable_time; Linux varies it by half (neigh_rand_reach_time).
const (
	reachableTime = 30 * time.Second
	delayTime     = 5 * time.Second // delay_first_probe_time
	retransTime   = time.Second     // retrans_time
	lockTime      = time.Second     // locktime
	maxProbes     = 3               // mcast_solicit and ucast_solicit
	maxWaiting    = 101             // unres_qlen
)

// A resolution is what a neighbour entry goes through on its own: net/core/neighbour.c.
type resolution struct {
	waiting   []parcel      // packets that wait for the MAC
	probes    int           // requests sent since the entry was last sure
	confirmed time.Duration // when the neighbour last answered
	updated   time.Duration // when the MAC was last set
	stop      func() bool   // takes the next step back; nil where none is to come
}

// sendTo sends a packet to a neighbour, as soon as its MAC is known. (net/core/neighbour.c: neigh_resolve_output,
// __neigh_event_send.)
func (l *link) sendTo(ip netip.Addr, p parcel) {
	if l.noARP() {
		return // dummy_xmit: nothing is behind it
	}
	n := l.neighbourAt(ip)
	switch n.now(l.world().clock.elapsed()) {
	case kernel.Incomplete, kernel.Failed:
		l.resolve(n, p)
		return
	case kernel.Stale:
		n.state = kernel.Delay
		l.stepAfter(n, delayTime)
	}
	if p.bridge != nil {
		p.bridge(n.mac)
		return
	}
	l.transmit(p.frame(n.mac, l.mac))
}

// neighbourAt returns the entry of an address, made where there is none.
func (l *link) neighbourAt(ip netip.Addr) *neighbour {
	n := l.neighbours[ip]
	if n == nil {
		if l.neighbours == nil {
			l.neighbours = map[netip.Addr]*neighbour{}
		}
		n = &neighbour{ip: ip, state: kernel.Failed}
		l.neighbours[ip] = n
	}
	return n
}

// now returns the state of the entry at a time: one that was not confirmed for long is stale.
// (neigh_timer_handler does that by a timer, which nobody can tell apart.)
func (n *neighbour) now(t time.Duration) kernel.NeighbourState {
	if n.state == kernel.Reachable && t-n.confirmed >= reachableTime {
		n.state = kernel.Stale
	}
	return n.state
}

// resolve lets a packet wait, the oldest making room, and asks for the MAC unless that is under way.
func (l *link) resolve(n *neighbour, p parcel) {
	if len(n.waiting) == maxWaiting {
		l.ns.drop(n.waiting[0].join(), nil, l, DropNeighbourQueue, "neighbour: "+n.ip.String())
		n.waiting = n.waiting[1:]
	}
	n.waiting = append(n.waiting, p)
	l.ns.decide(p.packet, nil, l, "neighbour: %s %s", n.ip, l.howAsked(n))
	if n.state == kernel.Incomplete {
		return
	}
	n.state, n.probes = kernel.Incomplete, 0
	l.probe(n)
}

// probe asks for the MAC once more: the neighbour itself where its MAC was known, else everybody.
// (net/ipv4/arp.c: arp_solicit; net/ipv6/ndisc.c: ndisc_solicit.)
func (l *link) probe(n *neighbour) {
	n.probes++
	if src := l.solicitor(n); src.IsValid() {
		l.ask(n, src)
	}
	l.stepAfter(n, retransTime)
}

func (l *link) ask(n *neighbour, src netip.Addr) {
	var to *mac
	if n.state == kernel.Probe {
		to = &n.mac
	}
	if n.ip.Is6() {
		l.solicit(src, n.ip, to)
		return
	}
	if to == nil {
		to = &broadcastMAC
	}
	l.sendARP(*to, arp{op: arpRequest, senderIP: src, targetIP: n.ip})
}

// solicitor is the address that asks, for the packet that has come last of those that wait; the zero Addr where nobody may.
// (net/core/neighbour.c: neigh_probe.)
func (l *link) solicitor(n *neighbour) netip.Addr {
	var src netip.Addr
	if last := len(n.waiting) - 1; last >= 0 {
		src = n.waiting[last].src()
	}
	if n.ip.Is6() {
		return l.solicitor6(src)
	}
	return l.solicitor4(src, n.ip)
}

// solicitor4 is the packet's source, if that is the namespace's own. (net/ipv4/arp.c: arp_solicit; arp_announce is 0.)
func (l *link) solicitor4(src, target netip.Addr) netip.Addr {
	if src.IsValid() && l.ns.local(src) {
		return src
	}
	return l.ns.selectAddress(l, target, kernel.ScopeLink)
}

// solicitor6 is the packet's source, if that is the link's own, and else its link-local address. Neither asks before it is
// checked: what a node forwards waits for that. (net/ipv6/ndisc.c: ndisc_solicit, ndisc_send_ns.)
func (l *link) solicitor6(src netip.Addr) netip.Addr {
	if a := l.find(src); a != nil && !a.Tentative {
		return src
	}
	if a := l.checkedLinkLocal(); a != nil {
		return a.ip()
	}
	return netip.Addr{}
}

// howAsked tells of a neighbour that is looked for whether it can be asked.
func (l *link) howAsked(n *neighbour) string {
	if l.solicitor(n).IsValid() {
		return "is asked for its MAC"
	}
	return "cannot be asked for its MAC: " + l.name + " has no address to ask from yet"
}

// stepAfter asks for the entry's next step, in place of the one that was to come.
func (l *link) stepAfter(n *neighbour, d time.Duration) {
	n.halt()
	n.stop = l.world().after(d, func() {
		n.stop = nil
		if l.neighbours[n.ip] == n && !l.gone {
			l.step(n)
		}
	})
}

func (n *neighbour) halt() {
	if n.stop != nil {
		n.stop()
		n.stop = nil
	}
}

// step is what time does to an entry that is not sure. (neigh_timer_handler.)
func (l *link) step(n *neighbour) {
	switch n.state {
	case kernel.Delay:
		n.state, n.probes = kernel.Probe, 0
		l.probe(n)
	case kernel.Incomplete, kernel.Probe:
		if n.probes < maxProbes {
			l.probe(n)
		} else {
			l.giveUp(n)
		}
	}
}

// giveUp tells the senders of the packets that waited that there is nobody. (neigh_invalidate; net/ipv4/arp.c:
// arp_error_report; net/ipv6/ndisc.c: ndisc_error_report.)
func (l *link) giveUp(n *neighbour) {
	waiting := n.waiting
	n.state, n.known, n.waiting = kernel.Failed, false, nil
	for _, p := range waiting {
		l.ns.drop(p.join(), nil, l, DropNeighbourFailed, "neighbour: "+n.ip.String()+" does not answer")
		l.ns.report(p.join(), nil, tracked{}, hostUnreachable)
	}
}

// confirm is neigh_update: somebody said that m is the neighbour's MAC. Another MAC than the one known counts only
// with override. Entries that an administrator made stay as they are.
func (l *link) confirm(n *neighbour, m mac, state kernel.NeighbourState, override bool) {
	now := l.world().clock.elapsed()
	old := n.now(now)
	valid := old != kernel.Incomplete && old != kernel.Failed
	same := valid && n.mac == m
	switch {
	case old == kernel.Permanent, old == kernel.NoARP, valid && !same && !override:
		return
	case same && state == kernel.Stale:
		return // nothing new
	}
	n.halt()
	if !same {
		n.updated = now
	}
	if state == kernel.Reachable {
		n.confirmed = now
	}
	n.mac, n.known, n.state = m, true, state
	l.flushWaiting(n)
}

func (l *link) flushWaiting(n *neighbour) {
	waiting := n.waiting
	n.waiting = nil
	for _, p := range waiting {
		l.sendTo(n.ip, p)
	}
}
