package sim

// addPromiscuity changes how many need all frames of the link. A vlan gets them by its parent, be it up or down; what a
// vlan asks for by hand its parent keeps when the vlan is deleted, as measured on 6.1.176. (net/core/dev.c:
// __dev_set_promiscuity; net/8021q/vlan_dev.c: vlan_dev_change_rx_flags.)
func (l *link) addPromiscuity(n int) {
	was := l.promiscuity > 0
	l.promiscuity += int16(n)
	is := l.promiscuity > 0
	if l.vlan != nil && is != was {
		l.vlan.parent.addPromiscuity(n)
	}
	if l.bridge != nil && is != was {
		l.managePromiscuity() // br_dev_change_rx_flags
	}
}

// managePromiscuity is net/bridge/br_if.c: br_manage_promisc. Ports take all frames, but for the only port of a bridge that
// filters VLANs and takes not all itself: that is told the MACs that the bridge needs, where it can filter frames by
// several.
func (l *link) managePromiscuity() {
	needed := l.promiscuity > 0 || !l.bridge.filtering || len(l.bridge.ports) > 1
	for _, p := range l.bridge.ports {
		p.takeAllFrames(needed || !p.filtersMACs())
	}
}

// filtersMACs is IFF_UNICAST_FLT: the link can be told several MACs whose frames it is to take.
func (l *link) filtersMACs() bool { return l.vlan != nil || l.card != nil }

// takeAllFrames is br_port_set_promisc and br_port_clear_promisc.
func (l *link) takeAllFrames(all bool) {
	if l.port.promisc == all {
		return
	}
	l.port.promisc = all
	if all {
		l.addPromiscuity(1)
	} else {
		l.addPromiscuity(-1)
	}
	l.filterFrames()
}

// filterFrames is net/core/dev.c: __dev_set_rx_mode. A link that cannot filter frames by several MACs
// takes all for as long as a vlan on it that is up has a MAC of its own (vlan_dev_open, vlan_dev_stop,
// vlan_sync_address: dev_uc_add and dev_uc_del) or was told those of a bridge (net/bridge/br_fdb.c: br_fdb_sync_static).
// While it is down, it stays as it was.
func (l *link) filterFrames() {
	if !l.up {
		return
	}
	if l.vlan != nil {
		l.vlan.parent.filterFrames() // a vlan can, by its parent: vlan_dev_set_rx_mode
		return
	}
	needed := l.hasOtherMACs()
	if needed == l.forVLANs || l.filtersMACs() {
		return
	}
	l.forVLANs = needed
	if needed {
		l.addPromiscuity(1)
	} else {
		l.addPromiscuity(-1)
	}
}

func (l *link) hasOtherMACs() bool {
	for _, v := range l.vlans {
		if v.up && (v.mac != l.mac || v.port != nil && !v.port.promisc || v.hasOtherMACs()) {
			return true
		}
	}
	return false
}
