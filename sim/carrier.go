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
	switch {
	case l.peer != nil && l.peer.up: // veth_open
		l.setCarrier(true)
		l.peer.setCarrier(true)
	case l.card != nil: // e1000_open
		l.card.cable.refreshCarriers()
	case l.bridge != nil: // br_dev_open
		l.startPorts()
	case l.vlan != nil && l.vlan.parent.carrier(): // vlan_dev_open
		l.setCarrier(true)
	}
	l.active = l.carrier() // dev_activate
	l.ip4Up()
	l.ip6Up()
	l.tellVLANsUp()
	l.checkPort() // br_device_event: NETDEV_UP
	return nil
}

// close is __dev_close, and NETDEV_DOWN.
func (l *link) close() {
	if !l.up {
		return
	}
	l.up, l.active = false, false // dev_deactivate
	switch {
	case l.vlan != nil: // vlan_dev_stop
		l.setCarrier(false)
		l.vlan.parent.filterFrames()
	case l.kind == kernel.KindVeth: // veth_close
		l.setCarrier(false)
		if l.peer != nil {
			l.peer.setCarrier(false)
		}
	case l.card != nil: // e1000_close
		l.card.cable.refreshCarriers()
	case l.bridge != nil: // br_dev_stop
		l.stopPorts()
	}
	l.checkPort()
	l.ip4Down()
	l.ip6Down()
	l.tellVLANsDown()
	l.dropNeighbours(anyNeighbour) // neigh_ifdown
}

// setCarrier is netif_carrier_on and netif_carrier_off.
func (l *link) setCarrier(on bool) {
	if on != l.carrier() {
		l.lowOff = !on
		l.fire()
	}
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
	lower := l.ns.link(on.index)
	if lower == nil || lower.carrier() {
		return kernel.OperDown
	}
	return kernel.OperLowerLayerDown
}
