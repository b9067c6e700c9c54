package sim

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// deliver hands a packet to the namespace's sockets once the tables are unlocked. Who has none gets them, since echo
// requests are answered by them.
func (ns *namespace) deliver(w *passage) {
	p := w.packet
	if ns.unwrap(p, w.facts.mark) {
		return
	}
	ns.learnMTU(p)
	if ns.ignoresEcho(p) {
		ns.decide(p, nil, nil, "icmp_echo_ignore_all: no answer")
		return
	}
	ns.handUp(Packet{Data: p, Segment: w.segment, Body: w.body, Shared: w.shared})
}

// ignoresEcho reports whether the namespace does not answer a packet that asks for an echo. (net/ipv4/icmp.c: icmp_echo.)
func (ns *namespace) ignoresEcho(p packet) bool {
	return !p.v6() && p.protocol() == protoICMP && ns.sysctls.plain.get("net/ipv4/icmp_echo_ignore_all") != 0 &&
		len(p.payload()) > 0 && p.payload()[0] == icmpEcho
}

// deliverToMany hands up what is for everybody on the link. It makes nobody sockets: who has none does not listen.
func (ns *namespace) deliverToMany(w *passage) {
	if ns.transport != nil {
		ns.deliver(w)
	}
}

// sockets returns the namespace's transport, made where there is none yet, and up to date with its addresses.
// EOPNOTSUPP in a world that has no transport, ENETDOWN where nobody would end it any more. The tables are not locked.
func (ns *namespace) sockets() (Transport, error) { return ns.socketsAt(netip.Addr{}) }

// socketsAt is sockets, for one who is called by an address that no link may have: a route of type local can make a whole
// subnet the namespace's own, and of that the transport is told what is used.
func (ns *namespace) socketsAt(called netip.Addr) (Transport, error) {
	t, err := ns.transportOrNew()
	if err != nil {
		return nil, err
	}
	if addrs, changed := ns.changedAddresses(called); changed {
		t.SetAddresses(addrs)
	}
	return t, nil
}

func (ns *namespace) transportOrNew() (t Transport, err error) {
	w := ns.world()
	if w.config.Transport == nil {
		return nil, kernel.EOPNOTSUPP
	}
	w.locked(func() { t = ns.transport })
	if t != nil {
		return t, nil
	}
	made, err := w.config.Transport(layer3{ns})
	if err != nil {
		return nil, err
	}
	w.locked(func() {
		if ns.transport == nil && !ns.dead && !w.closed {
			ns.transport, made = made, nil
		}
		t = ns.transport
	})
	if made != nil {
		made.Close()
	}
	if t == nil {
		return nil, kernel.ENETDOWN
	}
	return t, nil
}

// changedAddresses returns the addresses of the namespace, and whether they may be others than when it was last asked.
// Each of them has a route of type local, so that they stay the same as long as those tables do.
func (ns *namespace) changedAddresses(called netip.Addr) (addrs []netip.Addr, changed bool) {
	ns.world().locked(func() {
		now := ns.fib4.table(kernel.TableLocal).changes + ns.fib6.table(kernel.TableLocal).changes
		changed = ns.told != now
		ns.told = now
		if changed {
			addrs = ns.tell()
		}
		if ns.isUntold(called) {
			ns.known[called], changed = false, true
			addrs = ns.tell()
		}
	})
	return addrs, changed
}

// isUntold reports whether an address is the namespace's own, and its transport does not know. It knows all of 127.0.0.0/8.
func (ns *namespace) isUntold(a netip.Addr) bool {
	_, known := ns.known[a]
	return !known && a.IsValid() && !a.IsLoopback() && ns.local(a)
}

// tell returns the addresses of links, and those called that are no link's, and notes that the transport knows them.
func (ns *namespace) tell() []netip.Addr {
	addrs := ns.ownAddresses()
	known := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		known[a] = true
	}
	for _, a := range slices.SortedFunc(maps.Keys(ns.known), netip.Addr.Compare) {
		if !ns.known[a] && !known[a] && ns.local(a) {
			known[a] = false
			addrs = append(addrs, a)
		}
	}
	ns.known = known
	return addrs
}

// ownAddresses returns the addresses that sockets can have.
func (ns *namespace) ownAddresses() (addrs []netip.Addr) {
	for _, l := range ns.sorted() {
		for _, a := range l.addresses4 {
			addrs = append(addrs, a.ip())
		}
		for _, a := range l.addresses6 {
			if !a.Tentative {
				addrs = append(addrs, a.ip())
			}
		}
	}
	return addrs
}

// closeSockets ends the namespace's sockets once the tables are unlocked.
func (ns *namespace) closeSockets() {
	if t := ns.transport; t != nil {
		ns.transport = nil
		ns.world().post(t.Close)
	}
}
