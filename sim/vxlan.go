package sim

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// A vxlan is what makes a link one of the kind vxlan.
type vxlan struct {
	kernel.VXLAN
	home   *namespace // where its packets are sent and received: that in which it was made
	parent *link      // nil: none
	fdb    map[mac]netip.Addr
}

// vxlanHeader is what is between the UDP header and the frame: struct vxlanhdr.
const (
	vxlanHeader = 8
	udpHeader   = 8
	vxlanHasVNI = 0x08
)

// checkVXLAN is drivers/net/vxlan/vxlan_core.c: vxlan_validate.
func (req newLink) checkVXLAN() *refusal {
	switch {
	case req.kind != kernel.KindVXLAN:
		return nil
	case req.vxlan.Local.Is6():
		return refuse(kernel.EAFNOSUPPORT) // as the netlink backend does
	case req.mtu != 0 && checkMTU(req.kind, req.mtu) != nil:
		return refuse(kernel.EINVAL, "MTU must be between 68 and 65535")
	case req.vxlan.ID < 0 || req.vxlan.ID > kernel.MaxVXLAN:
		return refuse(kernel.ERANGE, "VXLAN ID must be lower than 16777216")
	}
	return nil
}

// newVXLAN is vxlan_newlink: vxlan_config_validate, vxlan_config_apply.
func (ns *namespace) newVXLAN(req newLink) (*link, *refusal) {
	v := &vxlan{VXLAN: req.vxlan, home: ns, parent: ns.link(req.parent), fdb: map[mac]netip.Addr{}}
	v.Port = cmp.Or(v.Port, kernel.VXLANPort)
	switch {
	case req.parent != 0 && v.parent == nil:
		return nil, refuse(kernel.ENODEV, "Invalid local interface, device not found")
	case slices.ContainsFunc(ns.vxlans(), func(l *link) bool { return l.vxlan.ID == v.ID && l.vxlan.Port == v.Port }):
		return nil, refuse(kernel.EEXIST, "A VXLAN device with the specified VNI already exists")
	}
	mtu := cmp.Or(req.mtu, defaultMTU)
	if v.parent != nil {
		most := max(v.parent.mtu-kernel.VXLANHeadroom, kernel.MinMTU)
		mtu = min(cmp.Or(req.mtu, most), most)
	}
	l, r := ns.register(kernel.KindVXLAN, req.name, mtu, req.mac)
	if r != nil {
		return nil, r
	}
	l.vxlan = v
	ns.setVXLANs(append(ns.vxlans(), l))
	return l, nil
}

// vxlans are those that were made in the namespace. Few have any, so that the machine keeps them.
func (ns *namespace) vxlans() []*link { return ns.machine.vxlans[ns] }

func (ns *namespace) setVXLANs(list []*link) {
	switch {
	case len(list) == 0:
		delete(ns.machine.vxlans, ns)
		return
	case ns.machine.vxlans == nil:
		ns.machine.vxlans = map[*namespace][]*link{}
	}
	ns.machine.vxlans[ns] = list
}

// forgetVXLAN is told of a vxlan that is deleted.
func (l *link) forgetVXLAN() {
	home := l.vxlan.home
	home.setVXLANs(slices.DeleteFunc(home.vxlans(), func(other *link) bool { return other == l }))
}

// deleteVXLANs deletes those on a link that goes, or leaves the namespace. (vxlan_netdevice_event: NETDEV_UNREGISTER.)
func (l *link) deleteVXLANs() {
	for _, other := range slices.Clone(l.ns.vxlans()) {
		if other.vxlan.parent == l {
			other.unregister()
		}
	}
}

// checkMTUChange is vxlan_change_mtu.
func (v *vxlan) checkMTUChange(mtu int) *refusal {
	if v.parent != nil && mtu > v.parent.mtu-kernel.VXLANHeadroom {
		return refuse(kernel.EINVAL)
	}
	return nil
}

// wrap sends a frame to the host that its MAC is behind, or to that of the entry for all others. (vxlan_xmit,
// vxlan_xmit_one.)
func (l *link) wrap(f frame) {
	v := l.vxlan
	to, known := v.fdb[f.dst]
	if !known {
		to, known = v.fdb[mac{}]
	}
	if !known {
		l.drop(f, DropNoTarget, "fdb: nobody knows "+f.dst.String())
		return
	}
	l.decide(f, "fdb: %s is behind %s", f.dst, to)
	mark := f.mark
	if v.home != l.ns {
		mark = 0 // net/ipv4/ip_tunnel_core.c iptunnel_xmit: skb_scrub_packet
	}
	way, errno := v.home.route(flow{src: v.Local, dst: to, mark: mark})
	switch {
	case errno != 0:
		l.drop(f, DropNoRouteOut, "route to "+to.String()+": "+errno.Error())
	case way.link == l:
		l.drop(f, DropNotSpecified, "its own packets would go by itself")
	default:
		for _, one := range f.segments() {
			v.home.outputParcel(parcel{packet: v.packet(one, to), mark: mark})
		}
	}
}

// packet is a frame on its way to another host: RFC 7348, 5.
func (v *vxlan) packet(f frame, to netip.Addr) packet {
	src := v.Local
	if !src.IsValid() {
		src, _ = v.home.sourceTo(to)
	}
	inner := f.bytes()
	datagram := make([]byte, udpHeader+vxlanHeader, udpHeader+vxlanHeader+len(inner))
	binary.BigEndian.PutUint16(datagram, flowPort(inner))
	binary.BigEndian.PutUint16(datagram[2:], uint16(v.Port))
	binary.BigEndian.PutUint16(datagram[4:], uint16(cap(datagram)))
	datagram[udpHeader] = vxlanHasVNI
	binary.BigEndian.PutUint32(datagram[udpHeader+4:], uint32(v.ID)<<8)
	datagram = append(datagram, inner...)
	binary.BigEndian.PutUint16(datagram[6:], cmp.Or(sumPseudo(src, to, protoUDP, datagram), 0xffff)) // zero means "none"
	return newPacket(src, to, protoUDP, datagram)
}

// flowPort is the port that packets of a flow come from, so that routers keep them on one path. (include/net/udp.h:
// udp_flow_src_port, whose hash nobody can foresee.)
func flowPort(inner []byte) uint16 {
	const first, last = 32768, 60999 // net.ipv4.ip_local_port_range
	hash := fnv.New32a()
	hash.Write(inner[:min(len(inner), 12)]) // the MACs
	return uint16(first + hash.Sum32()%(last-first+1))
}

// unwrap takes a packet that is for a vxlan of the namespace, which has no other receiver then. What is in it has the mark
// of the whole, unless the vxlan was moved to another namespace. (vxlan_rcv; net/ipv4/ip_tunnel_core.c:
// __iptunnel_pull_header.)
func (ns *namespace) unwrap(p packet, mark uint32) (taken bool) {
	if len(ns.vxlans()) == 0 || p.v6() || p.protocol() != protoUDP || len(p.payload()) < udpHeader+vxlanHeader || !p.first() {
		return false
	}
	datagram := p.payload()
	port := int(binary.BigEndian.Uint16(datagram[2:]))
	id := int(binary.BigEndian.Uint32(datagram[udpHeader+4:]) >> 8)
	for _, l := range ns.vxlans() {
		if l.vxlan.Port != port || !l.up {
			continue
		}
		taken = true
		f, ok := parseFrame(datagram[udpHeader+vxlanHeader:])
		if ok && l.vxlan.ID == id && f.src != l.mac { // vxlan_set_mac
			f.shared = true // with the packet that it came in
			if l.ns == ns {
				f.mark = mark
			}
			l.receive(f)
			return true
		}
	}
	if taken {
		ns.drop(p, nil, nil, DropNotSpecified, "no vxlan takes it")
	}
	return taken
}

// addVXLANEntry is vxlan_fdb_add, of one who says where a MAC is.
func (ns *namespace) addVXLANEntry(e kernel.FDBEntry) *refusal {
	v, r := ns.vxlanOf(e)
	switch {
	case r != nil:
		return r
	case cmp.Or(e.State, kernel.FDBPermanent) != kernel.FDBPermanent:
		return refuse(kernel.EINVAL, "what is behind a host is permanent") // as the netlink backend does
	case v.fdb[mac(e.MAC)].IsValid():
		return refuse(kernel.EEXIST) // vxlan_fdb_update_existing: NLM_F_EXCL
	}
	v.fdb[mac(e.MAC)] = e.Dst
	return nil
}

// deleteVXLANEntry is vxlan_fdb_delete.
func (ns *namespace) deleteVXLANEntry(e kernel.FDBEntry) *refusal {
	v, r := ns.vxlanOf(e)
	switch {
	case r != nil:
		return r
	case !v.fdb[mac(e.MAC)].IsValid():
		return refuse(kernel.ENOENT)
	case v.fdb[mac(e.MAC)] == e.Dst: // __vxlan_fdb_delete is content where it is another
		delete(v.fdb, mac(e.MAC))
	}
	return nil
}

// vxlanOf returns the vxlan of an entry, behind what rtnl_fdb_add and vxlan_fdb_parse look at.
func (ns *namespace) vxlanOf(e kernel.FDBEntry) (*vxlan, *refusal) {
	l := ns.link(e.Link)
	switch {
	case l == nil:
		return nil, refuse(kernel.ENODEV, "unknown ifindex")
	case l.vxlan == nil:
		return nil, refuse(kernel.EOPNOTSUPP) // as the netlink backend does
	case len(e.MAC) != len(mac{}):
		return nil, refuse(kernel.EINVAL, "invalid address")
	case !e.Dst.Is4():
		return nil, refuse(kernel.EAFNOSUPPORT)
	}
	return l.vxlan, nil
}

// listVXLAN returns the entries of a vxlan.
func (l *link) listVXLAN() (list []kernel.FDBEntry) {
	for _, m := range slices.SortedFunc(maps.Keys(l.vxlan.fdb), func(a, b mac) int { return slices.Compare(a[:], b[:]) }) {
		list = append(list, kernel.FDBEntry{Link: l.index, MAC: m.hardwareAddr(), Dst: l.vxlan.fdb[m], State: kernel.FDBPermanent})
	}
	return list
}
