package sim

import "time"

// ageing is how long a bridge remembers where a MAC was seen: BR_DEFAULT_AGEING_TIME.
const ageing = 300 * time.Second

// A forwarding database says behind which port of a bridge a MAC is. The bridge's own entries, for its ports' and its
// own MAC, are not in it: they are the links themselves. (net/bridge/br_fdb.c.)
type fdb map[station]sighting

// A station is a MAC in a VLAN; in VLAN 0 where the bridge does not filter.
type station struct {
	mac  mac
	vlan int
}

// A sighting of a MAC.
type sighting struct {
	port *link
	at   time.Duration
}

// learn notes the source of a frame, or that it has moved. A MAC of the bridge's own is never learnt.
// (net/bridge/br_fdb.c: br_fdb_update.)
func (l *link) learn(f frame, port *link) {
	at := station{f.src, l.bridge.vlanOf(f)}
	if _, known := l.bridge.fdb[at]; !known && l.ownsStation(at) {
		return
	}
	if l.bridge.fdb == nil {
		l.bridge.fdb = fdb{}
	}
	l.bridge.fdb[at] = sighting{port: port, at: l.world().clock.elapsed()}
}

// whereabouts returns the port behind which a MAC was seen lately, nil where none is known. An entry whose port was
// disabled or taken away meanwhile is worth nothing; Linux deletes those at once (br_fdb_delete_by_port), and the old
// ones by a timer (br_fdb_cleanup).
func (l *link) whereabouts(f frame) *link {
	dst := station{f.dst, l.bridge.vlanOf(f)}
	s, known := l.bridge.fdb[dst]
	if !known {
		return nil
	}
	if s.port.master != l || !s.port.forwards() || l.world().clock.elapsed()-s.at >= ageing {
		delete(l.bridge.fdb, dst)
		return nil
	}
	return s.port
}

// forget drops what was learnt behind a port that is disabled or leaves. (br_fdb_delete_by_port.)
func (b *bridge) forget(port *link) {
	for m, s := range b.fdb {
		if s.port == port {
			delete(b.fdb, m)
		}
	}
}

// owns reports whether a frame is for the bridge itself.
func (l *link) owns(f frame) bool { return l.ownsStation(station{f.dst, l.bridge.vlanOf(f)}) }

// ownsStation reports whether the MAC is the bridge's or one of its ports', in one of the VLANs that it is a member of:
// what is sent there is for the bridge itself. (br_fdb_add_local, br_fdb_change_mac_address; br_vlan.c: __vlan_add.)
func (l *link) ownsStation(s station) bool {
	if s.mac == l.mac && (s.vlan == 0 || l.bridge.vlans.has(s.vlan)) {
		return true
	}
	for _, p := range l.bridge.ports {
		if p.mac == s.mac && (s.vlan == 0 || p.port.vlans.has(s.vlan)) {
			return true
		}
	}
	return false
}
