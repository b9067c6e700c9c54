package sim

// addPromiscuity changes how many need all frames of the link. A vlan gets them by its parent, be it up or down; what a
// vlan asks for by hand its parent keeps when the vlan is deleted, as measured on 6.1.176. (net/core/dev.c:
// __dev_set_promiscuity; net/8021q/vlan_dev.c: vlan_dev_change_rx_flags.)
func (l *link) addPromiscuity(n int) {
	was := l.promiscuity > 0
	l.promiscuity += n
	is := l.promiscuity > 0
	if l.vlan != nil && is != was {
		l.vlan.parent.addPromiscuity(n)
	}
}

// filterFrames is net/core/dev.c: __dev_set_rx_mode. A link that cannot filter frames by several MACs, as none can here
// (IFF_UNICAST_FLT), takes all for as long as a vlan on it that is up has a MAC of its own (vlan_dev_open, vlan_dev_stop,
// vlan_sync_address: dev_uc_add and dev_uc_del). While it is down, it stays as it was.
func (l *link) filterFrames() {
	if !l.up {
		return
	}
	if l.vlan != nil {
		l.vlan.parent.filterFrames() // a vlan can, by its parent: vlan_dev_set_rx_mode
		return
	}
	needed := l.hasOtherMACs()
	if needed == l.forVLANs {
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
		if v.up && (v.mac != l.mac || v.hasOtherMACs()) {
			return true
		}
	}
	return false
}
