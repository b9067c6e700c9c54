package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// deliver hands a packet to the namespace's sockets once the tables are unlocked. Who has none gets them, since echo
// requests are answered by them.
func (ns *namespace) deliver(p packet) {
	ns.learnMTU(p)
	ns.world().post(func() {
		t, err := ns.sockets()
		if err != nil {
			return // a world without transport: nobody is there to hear
		}
		t.Deliver(Packet{Data: p})
		ns.world().locked(func() { ns.world().disturb(ns) })
	})
}

// deliverToMany hands up what is for everybody on the link. It makes nobody sockets: who has none does not listen.
func (ns *namespace) deliverToMany(p packet) {
	if ns.transport != nil {
		ns.deliver(p)
	}
}

// sockets returns the namespace's transport, made where there is none yet, and up to date with its addresses.
// EOPNOTSUPP in a world that has no transport. The tables are not locked.
func (ns *namespace) sockets() (Transport, error) {
	t, err := ns.transportOrNew()
	if err != nil {
		return nil, err
	}
	if addrs, changed := ns.changedAddresses(); changed {
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
		if ns.transport == nil && !ns.dead {
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
func (ns *namespace) changedAddresses() (addrs []netip.Addr, changed bool) {
	ns.world().locked(func() {
		now := ns.fib4.table(kernel.TableLocal).changes + ns.fib6.table(kernel.TableLocal).changes
		changed = ns.told != now
		ns.told = now
		if changed {
			addrs = ns.ownAddresses()
		}
	})
	return addrs, changed
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
