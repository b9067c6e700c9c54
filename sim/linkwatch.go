package sim

import "github.com/cnilab/cnilab/kernel"

// Carriers come and go at once. What follows from that is the work of net/core/link_watch.c, which takes the RTNL lock:
// it is done when the request is over, and until then a link has the operational state that it had before. Linux does
// some of it up to a second later (linkwatch_schedule_work), and then what was fired last, first
// (linkwatch_urgent_event); here all is done at once, and in order.

// fire is linkwatch_fire_event: the carrier has come or gone.
func (l *link) fire() {
	if l.fired {
		return
	}
	l.fired = true
	w := l.world()
	w.fired = append(w.fired, l)
}

// watchLinks is linkwatch_event. What is done for one link may fire others.
func (w *World) watchLinks() {
	for len(w.fired) > 0 {
		l := w.fired[0]
		w.fired = w.fired[1:]
		if l.fired = false; !l.gone {
			l.watch()
		}
	}
}

// watch is linkwatch_do_dev.
func (l *link) watch() {
	l.refreshOper()
	if !l.up {
		return
	}
	l.active = l.carrier() // dev_activate, dev_deactivate
	l.tellOfChange()
}

// tellOfChange is NETDEV_CHANGE, of a link that is up. (net/core/dev.c: netdev_state_change.)
func (l *link) tellOfChange() {
	l.tellVLANsOfCarrier()
	if !l.carrier() {
		l.dropNeighbours(func(n *neighbour) bool { return n.state != kernel.Permanent }) // neigh_carrier_down
	}
	l.checkPort()
	l.ip6Change()
}

// operUp is netif_oper_up.
func (l *link) operUp() bool { return l.oper == kernel.OperUp || l.oper == kernel.OperUnknown }

// ready is net/ipv6/addrconf.c: addrconf_link_ready.
func (l *link) ready() bool { return l.operUp() && l.active }
