package sim

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

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

// A sighting of a MAC, or what somebody said of it.
type sighting struct {
	port  *link
	at    time.Duration
	state kernel.FDBState
}

// learn notes the source of a frame, or that it has moved. A MAC of the bridge's own is never learnt.
// (net/bridge/br_fdb.c: br_fdb_update.)
func (l *link) learn(f frame, port *link) {
	at := station{f.src, l.bridge.vlanOf(f)}
	s, known := l.bridge.fdb[at]
	if !known && l.ownsStation(at) || s.state == kernel.FDBPermanent {
		return
	}
	if !known {
		s.state = kernel.FDBDynamic
	}
	s.port, s.at = port, l.world().clock.elapsed() // what is static moves, too
	l.bridge.note(at, s)
}

// whereabouts returns the port behind which a MAC was seen lately, nil where none is known. Linux deletes the
// old ones by a timer (br_fdb_cleanup).
func (l *link) whereabouts(f frame) *link {
	dst := station{f.dst, l.bridge.vlanOf(f)}
	s, known := l.bridge.fdb[dst]
	if !known {
		return nil
	}
	if s.state == kernel.FDBDynamic && l.world().clock.elapsed()-s.at >= ageing {
		delete(l.bridge.fdb, dst)
		return nil
	}
	return s.port
}

// note makes or changes an entry.
func (b *bridge) note(at station, s sighting) {
	if b.fdb == nil {
		b.fdb = fdb{}
	}
	b.fdb[at] = s
}

// forget drops what was learnt behind a port that is disabled. (br_fdb_delete_by_port.)
func (b *bridge) forget(port *link) {
	b.drop(func(_ station, s sighting) bool { return s.port == port && s.state == kernel.FDBDynamic })
}

func (b *bridge) drop(which func(station, sighting) bool) {
	for at, s := range b.fdb {
		if which(at, s) {
			delete(b.fdb, at)
		}
	}
}

// listFDB returns the entries of all bridges. (net/bridge/br_fdb.c: br_fdb_dump.)
func (ns *namespace) listFDB() (list []kernel.FDBEntry) {
	for _, l := range ns.sorted() {
		if l.bridge == nil {
			continue
		}
		for at, s := range l.bridge.fdb {
			if !l.ownsStation(station{mac: at.mac}) && !l.expired(s) {
				list = append(list, kernel.FDBEntry{Link: s.port.index, MAC: at.mac.hardwareAddr(), VLAN: at.vlan, State: s.state})
			}
		}
	}
	slices.SortFunc(list, func(a, b kernel.FDBEntry) int {
		return cmp.Or(a.Link-b.Link, a.VLAN-b.VLAN, bytes.Compare(a.MAC, b.MAC))
	})
	return list
}

// expired is net/bridge/br_fdb.c: has_expired.
func (l *link) expired(s sighting) bool {
	return s.state == kernel.FDBDynamic && l.world().clock.elapsed()-s.at >= ageing
}

// addFDB is net/core/rtnetlink.c: rtnl_fdb_add and net/bridge/br_fdb.c: br_fdb_add.
func (ns *namespace) addFDB(e kernel.FDBEntry) *refusal {
	p, r := ns.portOf(e)
	switch {
	case r != nil:
		return r
	case mac(e.MAC) == mac{}:
		return refuse(kernel.EINVAL)
	case e.VLAN != 0 && !p.port.vlans.has(e.VLAN):
		return refuse(kernel.EINVAL) // br_fdb_add: unconfigured vlan
	}
	for _, at := range p.stations(e) {
		if r := p.addStation(at, cmp.Or(e.State, kernel.FDBPermanent)); r != nil {
			return r
		}
	}
	return nil
}

// addStation is net/bridge/br_fdb.c: fdb_add_entry.
func (l *link) addStation(at station, state kernel.FDBState) *refusal {
	if state == kernel.FDBDynamic && !l.port.forwarding {
		return refuse(kernel.EPERM)
	}
	if s, known := l.master.bridge.fdb[at]; known && !l.master.expired(s) || l.master.ownsStation(at) {
		return refuse(kernel.EEXIST) // NLM_F_EXCL
	}
	l.master.bridge.note(at, sighting{port: l, at: l.world().clock.elapsed(), state: state})
	return nil
}

// deleteFDB is net/core/rtnetlink.c: rtnl_fdb_del and net/bridge/br_fdb.c: br_fdb_delete.
func (ns *namespace) deleteFDB(e kernel.FDBEntry) *refusal {
	p, r := ns.portOf(e)
	switch {
	case r != nil:
		return r
	case mac(e.MAC) == p.mac:
		return refuse(kernel.EOPNOTSUPP, "not simulated: a bridge without the MAC of its own port")
	case e.VLAN != 0 && !p.port.vlans.has(e.VLAN) && !ns.world().config.Profile.Features.FDBDeleteAnyVLAN:
		return refuse(kernel.EINVAL)
	}
	r = refuse(kernel.ENOENT)
	for _, at := range p.stations(e) {
		if s, known := p.master.bridge.fdb[at]; known && s.port == p {
			delete(p.master.bridge.fdb, at)
			r = nil
		}
	}
	return r
}

// portOf returns the port of an entry, behind what rtnl_fdb_add and rtnl_fdb_del look at.
func (ns *namespace) portOf(e kernel.FDBEntry) (*link, *refusal) {
	l := ns.links[e.Link]
	switch {
	case l == nil:
		return nil, refuse(kernel.ENODEV, "unknown ifindex")
	case len(e.MAC) != len(mac{}):
		return nil, refuse(kernel.EINVAL, "invalid address")
	case l.loopback():
		return nil, refuse(kernel.EINVAL, "FDB only supported for Ethernet devices")
	case e.VLAN < 0 || e.VLAN > kernel.MaxVLAN:
		return nil, refuse(kernel.EINVAL, "invalid vlan id")
	case l.port == nil:
		return nil, refuse(kernel.EOPNOTSUPP)
	}
	return l, nil
}

// stations are those of an entry: in its VLAN, or in none and all that the port is a member of.
func (l *link) stations(e kernel.FDBEntry) []station {
	list := []station{{mac(e.MAC), e.VLAN}}
	if e.VLAN == 0 {
		for _, v := range l.port.vlans.describe(l.index) {
			list = append(list, station{mac(e.MAC), v.ID})
		}
	}
	return list
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
