package sim

import (
	"github.com/cnilab/cnilab/kernel"
)

// setUp is IFF_UP. (net/core/dev.c: __dev_change_flags, __dev_open, __dev_close.)
func (l *link) setUp(up bool) *refusal {
	switch {
	case up == l.up:
		return nil
	case up:
		return l.open()
	}
	l.close()
	return nil
}

// open is __dev_open: the driver's ndo_open, and NETDEV_UP for those who want to know.
func (l *link) open() *refusal {
	if l.kind == kernel.KindVeth && l.peer == nil {
		return refuse(kernel.ENOTCONN) // veth_open
	}
	if l.vlan != nil {
		if !l.vlan.parent.up {
			return refuse(kernel.ENETDOWN) // vlan_dev_open
		}
		l.inheritMAC()
	}
	l.up = true
	l.filterFrames()
	if l.vlan != nil {
		l.vlan.parent.filterFrames()
	}
	var changed []*link
	switch {
	case l.peer != nil && l.peer.up: // veth_open
		l.lowOff, l.peer.lowOff = false, false
		changed = []*link{l, l.peer}
	case l.bridge != nil && l.startPorts(): // br_dev_open
		changed = []*link{l}
	case l.vlan != nil && l.lowOff && l.vlan.parent.carrier(): // vlan_dev_open
		l.lowOff = false
		changed = []*link{l}
	}
	l.ip4Up()
	l.ip6Up()
	l.tellVLANsUp()
	for _, c := range changed {
		c.carrierChanged()
	}
	return nil
}

// close is __dev_close, and NETDEV_DOWN.
func (l *link) close() {
	if !l.up {
		return
	}
	l.up = false
	had := l.carrier()
	switch {
	case l.vlan != nil: // vlan_dev_stop
		l.lowOff = true
		l.vlan.parent.filterFrames()
	case l.kind == kernel.KindVeth: // veth_close
		l.lowOff = true
	case l.bridge != nil: // br_dev_stop
		l.stopPorts()
	}
	l.checkPort()
	l.ip4Down()
	l.ip6Down()
	l.tellVLANsDown()
	l.dropNeighbours(anyNeighbour) // neigh_ifdown
	if had != l.carrier() {
		l.refreshOper()
	}
	if l.peer != nil && l.peer.carrier() {
		l.peer.lowOff = true
		l.peer.carrierChanged()
	}
}

// carrierChanged is what follows once the lower layer has come or gone. Linux does it a little later
// (net/core/link_watch.c: linkwatch_do_dev); here it is at once.
func (l *link) carrierChanged() {
	l.refreshOper()
	l.tellVLANsOfCarrier()
	if !l.up {
		return
	}
	if !l.carrier() {
		l.dropNeighbours(func(n *neighbour) bool { return n.state != kernel.Permanent }) // neigh_carrier_down
	}
	l.checkPort()
	l.ip6Change()
}

// refreshOper is net/core/link_watch.c: rfc2863_policy.
func (l *link) refreshOper() {
	l.oper = kernel.OperUp
	switch {
	case l.kind == kernel.KindDummy:
		l.oper = kernel.OperUnknown // nothing ever fires linkwatch
	case !l.carrier():
		l.oper = l.operWithoutCarrier()
	}
}

// operWithoutCarrier is net/core/link_watch.c: default_operstate. It looks the index of the peer, or of a vlan's parent, up in the
// link's own namespace, whatever link has it there.
func (l *link) operWithoutCarrier() kernel.OperState {
	on := l.lower()
	if on == nil || on.index == l.index {
		return kernel.OperDown
	}
	if !l.world().config.Profile.Features.LowerLayerHasCarrier {
		return kernel.OperLowerLayerDown
	}
	lower := l.ns.links[on.index]
	if lower == nil || lower.carrier() {
		return kernel.OperDown
	}
	return kernel.OperLowerLayerDown
}

// ready is net/ipv6/addrconf.c: addrconf_link_ready, and netif_oper_up with it.
func (l *link) ready() bool {
	return l.running() && (l.oper == kernel.OperUp || l.oper == kernel.OperUnknown)
}
