package kernel

import "strconv"

func (s *namespaceView) link(l Link, ends vethEnds) Object {
	o := Object{Noun: NounLink, Name: l.Name}
	o.add("type", typeName(l))
	if l.Kind == KindVeth {
		o.add("peer", s.peerName(l, ends))
	}
	o.add("mac", l.MAC.String())
	o.add("mtu", strconv.Itoa(l.MTU))
	o.add("admin", map[bool]string{true: "up", false: "down"}[l.Up])
	o.add("oper", string(l.Oper))
	if l.Master != 0 {
		o.add("master", s.linkName(l.Master))
	}
	switch l.Kind {
	case KindVLAN:
		o.add("parent", s.parentName(l))
		o.add("id", strconv.Itoa(l.VLAN))
	case KindVXLAN:
		s.addVXLAN(&o, l)
	}
	o.addFlag("hairpin", l.Port.Hairpin)
	o.addFlag("isolated", l.Port.Isolated)
	o.add("alias", l.Alias)
	o.addFlag("promisc", l.Promisc)
	if l.Promiscuity != 0 {
		o.add("promiscuity", strconv.Itoa(l.Promiscuity))
	}
	o.addFlag("vlan_filtering", l.Bridge.Filtering)
	if l.Kind == KindBridge && l.Bridge.DefaultPVID != StandardPVID && l.Bridge.DefaultPVID != NoVLANs {
		o.add("vlan_default_pvid", strconv.Itoa(l.Bridge.DefaultPVID))
	}
	return o
}

// loopbackIndex is LOOPBACK_IFINDEX of include/net/flow.h: a namespace's first link.
const loopbackIndex = 1

// typeName is the kind of a link. What has none, ip(8) tells apart behind "link/".
func typeName(l Link) string {
	switch {
	case l.Kind != "":
		return l.Kind
	case l.Index == loopbackIndex:
		return "loopback"
	}
	return "ether"
}

func (s *namespaceView) addVXLAN(o *Object, l Link) {
	if l.Parent != 0 {
		o.add("parent", s.parentName(l))
	}
	o.add("id", strconv.Itoa(l.VXLAN.ID))
	if l.VXLAN.Local.IsValid() {
		o.add("local", l.VXLAN.Local.String())
	}
	o.add("dstport", strconv.Itoa(l.VXLAN.Port))
}

// unknownPeer stands for a veth's other end that is in none of the host's named namespaces.
const unknownPeer = "?"

// peerName names the other end of a veth: by its name, and by its namespace where that is another one. Two ends know
// each other's index only, so that an end whose peer could be one of several is unknown too.
func (s *namespaceView) peerName(l Link, ends vethEnds) string {
	if l.PeerHere {
		return s.linkName(l.Peer)
	}
	var found []string
	for _, end := range ends[vethEnd{l.Peer, l.Index}] {
		if end.in != s {
			found = append(found, end.name+"@"+end.in.name)
		}
	}
	if len(found) != 1 {
		return unknownPeer
	}
	return found[0]
}

// parentName names the link that a vlan is on.
func (s *namespaceView) parentName(l Link) string {
	if !l.ParentHere {
		return unknownPeer
	}
	return s.linkName(l.Parent)
}

func (s *namespaceView) linkName(index int) string {
	if name, ok := s.names[index]; ok {
		return name
	}
	return unknownPeer
}
