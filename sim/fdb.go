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

// A forwarding database says behind which port of a bridge a MAC is. The bridge has entries of its own for its MAC and
// for those of its ports. (net/bridge/br_fdb.c.)
type fdb map[station]sighting

// A station is a MAC in a VLAN; in VLAN 0 where the bridge does not filter.
type station struct {
	mac  mac
	vlan uint16
}

func newStation(m mac, vlan int) station { return station{m, uint16(vlan)} }

// A sighting of a MAC, or what somebody said of it.
type sighting struct {
	port   *link // nil: the bridge itself
	at     time.Duration
	state  fdbState
	byUser bool // somebody said so: BR_FDB_ADDED_BY_USER
}

// An fdbState is a kernel.FDBState, small.
type fdbState uint8

const (
	fdbLocal fdbState = iota + 1 // BR_FDB_LOCAL
	fdbStatic
	fdbDynamic
)

// fdbStates are those that there are; the first is what is meant by none.
var fdbStates = [...]kernel.FDBState{
	"", fdbLocal: kernel.FDBPermanent, fdbStatic: kernel.FDBStatic, fdbDynamic: kernel.FDBDynamic,
}

// local reports whether what is sent to the MAC is for the bridge itself.
func (s sighting) local() bool { return s.state == fdbLocal }

// learn notes the source of a frame, or that it has moved; what is static moves, too. A MAC of the machine's own is never
// learnt. (net/bridge/br_fdb.c: br_fdb_update.)
func (l *link) learn(f frame, port *link) {
	at := newStation(f.src, l.bridge.vlanOf(f))
	s, known := l.bridge.fdb[at]
	switch {
	case known && s.local():
		return
	case !known:
		s.state = fdbDynamic
	}
	s.port, s.at = port, l.world().clock.elapsed()
	l.bridge.note(at, s)
}

// whereabouts returns what a bridge knows of the destination of a frame. Linux deletes what is old by a timer
// (br_fdb_cleanup).
func (l *link) whereabouts(f frame) (s sighting, known bool) {
	dst := newStation(f.dst, l.bridge.vlanOf(f))
	s, known = l.bridge.fdb[dst]
	if known && l.expired(s) {
		l.bridge.drop(dst)
		return sighting{}, false
	}
	return s, known
}

// note makes or changes an entry.
func (b *bridge) note(at station, s sighting) {
	if b.fdb == nil {
		b.fdb = fdb{}
	}
	b.fdb[at].count(-1)
	s.count(1)
	b.fdb[at] = s
}

// drop takes an entry out.
func (b *bridge) drop(at station) {
	b.fdb[at].count(-1)
	delete(b.fdb, at)
}

// count notes that an entry has come or gone.
func (s sighting) count(n int32) {
	if s.learnt() {
		s.port.port.learnt += n
	}
}

// learnt reports whether the entry goes with what forget drops.
func (s sighting) learnt() bool { return s.state == fdbDynamic }

// forget drops what was learnt behind a port, in a VLAN or with 0 in all. (br_fdb_delete_by_port.)
func (b *bridge) forget(port *link, vlan int) {
	if port.port.learnt == 0 {
		return
	}
	for at, s := range b.fdb {
		if s.port == port && s.learnt() && (vlan == 0 || int(at.vlan) == vlan) {
			b.drop(at)
		}
	}
}

// forgetPort drops all entries of a port that is none any more. (br_fdb_delete_by_port of all.)
func (l *link) forgetPort(p *link) {
	for at, s := range l.bridge.fdb {
		switch {
		case s.port != p:
		case s.local():
			l.passLocal(at, p)
		default:
			l.bridge.drop(at)
		}
	}
}

// addLocal makes the entry for the MAC of a port, or with nil of the bridge itself, unless there is one that is local. Any
// other gives way. (br_fdb.c: fdb_add_local.)
func (l *link) addLocal(port *link, m mac, vlan int) {
	at := newStation(m, vlan)
	if m.valid() && !l.bridge.fdb[at].local() {
		l.bridge.note(at, sighting{port: port, at: l.world().clock.elapsed(), state: fdbLocal})
	}
}

// dropLocal ends the bridge's own entry for the MAC of a port, or with nil of the bridge itself.
// (br_fdb.c: br_fdb_find_delete_local.)
func (l *link) dropLocal(port *link, m mac, vlan int) {
	at := newStation(m, vlan)
	if s, known := l.bridge.fdb[at]; known && s.local() && !s.byUser && s.port == port {
		l.passLocal(at, port)
	}
}

// passLocal hands a local entry on to whoever else has the MAC: another port, or the bridge. With nobody it goes.
// (br_fdb.c: fdb_delete_local.)
func (l *link) passLocal(at station, from *link) {
	to := sighting{at: l.bridge.fdb[at].at, state: fdbLocal}
	for _, p := range l.bridge.ports {
		if p != from && p.mac == at.mac && (at.vlan == 0 || p.port.vlans.has(int(at.vlan))) {
			to.port = p
			l.bridge.note(at, to)
			return
		}
	}
	if from != nil && l.mac == at.mac && (at.vlan == 0 || l.bridge.vlans.has(int(at.vlan))) {
		l.bridge.note(at, to)
		return
	}
	l.bridge.drop(at)
}

// portMACChanged makes entries for the new MAC of a port in place of those for the old one, whatever that was.
// (br_fdb.c: br_fdb_changeaddr.)
func (l *link) portMACChanged(p *link) {
	for at, s := range l.bridge.fdb {
		if s.port == p && s.local() && !s.byUser {
			l.passLocal(at, p)
		}
	}
	l.addLocal(p, p.mac, 0)
	for _, m := range p.port.vlans.members {
		l.addLocal(p, p.mac, int(m.id))
	}
}

// ownMACChanges is done before a bridge has a new MAC. (br_fdb.c: br_fdb_change_mac_address.)
func (l *link) ownMACChanges(to mac) {
	l.dropLocal(nil, l.mac, 0)
	l.addLocal(nil, to, 0)
	for _, m := range l.bridge.vlans.members {
		l.dropLocal(nil, l.mac, int(m.id))
		l.addLocal(nil, to, int(m.id))
	}
}

// listFDB returns the entries of all bridges and vxlans. (net/bridge/br_fdb.c: br_fdb_dump.)
func (ns *namespace) listFDB() (list []kernel.FDBEntry) {
	for _, l := range ns.sorted() {
		if l.vxlan != nil {
			list = append(list, l.listVXLAN()...)
		}
		if l.bridge == nil {
			continue
		}
		for at, s := range l.bridge.fdb {
			if !l.hasMAC(at.mac) && !l.expired(s) {
				list = append(list, kernel.FDBEntry{
					Link: cmp.Or(s.port, l).index, MAC: at.mac.hardwareAddr(), VLAN: int(at.vlan), State: fdbStates[s.state],
				})
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
	return s.state == fdbDynamic && l.world().clock.elapsed()-s.at >= ageing
}

// addFDB is net/core/rtnetlink.c: rtnl_fdb_add and net/bridge/br_fdb.c: br_fdb_add.
func (ns *namespace) addFDB(e kernel.FDBEntry) *refusal {
	if e.Dst.IsValid() {
		return ns.addVXLANEntry(e)
	}
	p, r := ns.portOf(e)
	state := slices.Index(fdbStates[:], e.State)
	switch {
	case r != nil:
		return r
	case state < 0:
		return refuse(kernel.EINVAL, "no such state of an entry: "+string(e.State)) // as the netlink backend does
	case mac(e.MAC) == mac{}:
		return refuse(kernel.EINVAL)
	case e.VLAN != 0 && !p.port.vlans.has(e.VLAN):
		return refuse(kernel.EINVAL) // br_fdb_add: unconfigured vlan
	}
	for _, at := range p.stations(e) {
		if r := p.addStation(at, cmp.Or(fdbState(state), fdbLocal)); r != nil {
			return r
		}
	}
	return nil
}

// addStation is net/bridge/br_fdb.c: fdb_add_entry.
func (l *link) addStation(at station, state fdbState) *refusal {
	if state == fdbDynamic && !l.port.forwarding {
		return refuse(kernel.EPERM)
	}
	if s, known := l.master.bridge.fdb[at]; known && !l.master.expired(s) {
		return refuse(kernel.EEXIST) // NLM_F_EXCL
	}
	l.master.bridge.note(at, sighting{port: l, at: l.world().clock.elapsed(), state: state, byUser: true})
	return nil
}

// deleteFDB is net/core/rtnetlink.c: rtnl_fdb_del and net/bridge/br_fdb.c: br_fdb_delete.
func (ns *namespace) deleteFDB(e kernel.FDBEntry) *refusal {
	if e.Dst.IsValid() {
		return ns.deleteVXLANEntry(e)
	}
	p, r := ns.portOf(e)
	switch {
	case r != nil:
		return r
	case e.VLAN != 0 && !p.port.vlans.has(e.VLAN) && !ns.world().config.Profile.Features.FDBDeleteAnyVLAN:
		return refuse(kernel.EINVAL)
	}
	r = refuse(kernel.ENOENT)
	for _, at := range p.stations(e) {
		if s, known := p.master.bridge.fdb[at]; known && s.port == p {
			p.master.bridge.drop(at)
			r = nil
		}
	}
	return r
}

// portOf returns the port of an entry, behind what rtnl_fdb_add and rtnl_fdb_del look at.
func (ns *namespace) portOf(e kernel.FDBEntry) (*link, *refusal) {
	l := ns.link(e.Link)
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
	list := []station{newStation(mac(e.MAC), e.VLAN)}
	if e.VLAN == 0 {
		for _, v := range l.port.vlans.describe(l.index) {
			list = append(list, newStation(mac(e.MAC), v.ID))
		}
	}
	return list
}

// hasMAC reports whether the MAC is the bridge's or one of its ports'.
func (l *link) hasMAC(m mac) bool {
	return l.mac == m || slices.ContainsFunc(l.bridge.ports, func(p *link) bool { return p.mac == m })
}
