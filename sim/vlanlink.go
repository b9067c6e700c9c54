package sim

import "github.com/cnilab/cnilab/kernel"

// A vlanLink is what makes a link one of the kind vlan.
type vlanLink struct {
	parent  *link
	id      int
	inherit bool // its MAC is the parent's: NET_ADDR_STOLEN
}

// checkVLAN is net/8021q/vlan_netlink.c: vlan_validate.
func (req newLink) checkVLAN() *refusal {
	if req.kind == kernel.KindVLAN && (req.vlan < 0 || req.vlan > kernel.MaxVLAN) {
		return refuse(kernel.ERANGE, "Invalid VLAN id")
	}
	return nil
}

// newVLAN is net/8021q/vlan_netlink.c: vlan_newlink, vlan.c: vlan_check_real_dev, register_vlan_dev, and vlan_dev.c:
// vlan_dev_init.
func (ns *namespace) newVLAN(req newLink) (*link, *refusal) {
	if req.mtu != 0 {
		if r := checkMTU(kernel.KindVLAN, req.mtu); r != nil {
			return nil, r // rtnl_create_link
		}
	}
	parent := ns.link(req.parent)
	switch {
	case req.parent == 0:
		return nil, refuse(kernel.EINVAL, "link not specified")
	case parent == nil:
		return nil, refuse(kernel.ENODEV, "link does not exist")
	case parent.loopback():
		return nil, refuse(kernel.EOPNOTSUPP, "VLANs not supported on device") // NETIF_F_VLAN_CHALLENGED
	case parent.vlans[req.vlan] != nil:
		return nil, refuse(kernel.EEXIST, "VLAN device already exists")
	case req.mtu > parent.mtu:
		return nil, refuse(kernel.EINVAL)
	case req.mtu == 0:
		req.mtu = parent.mtu
	}
	l, r := ns.register(kernel.KindVLAN, req.name, req.mtu, req.mac)
	if r != nil {
		return nil, r
	}
	l.vlan = &vlanLink{parent: parent, id: req.vlan, inherit: req.mac == nil}
	if l.vlan.inherit {
		l.mac = parent.mac
	}
	if l.ip6.conf != nil && l.noARP() {
		l.ip6.conf.set("accept_dad", -1) // ipv6_add_dev
	}
	if parent.vlans == nil {
		parent.vlans = map[int]*link{}
	}
	parent.vlans[req.vlan] = l
	l.lowOff = true // vlan_dev_init, before there is anybody to tell
	l.refreshOper() // linkwatch_init_dev
	l.transferState()
	return l, nil
}

// vlansByID returns the links of the kind vlan that are on this one, in the order of their IDs.
func (l *link) vlansByID() (list []*link) {
	if len(l.vlans) == 0 {
		return nil
	}
	for id := range kernel.MaxVLAN + 1 {
		if v := l.vlans[id]; v != nil {
			list = append(list, v)
		}
	}
	return list
}

// transferState gives a vlan its parent's carrier. (net/core/dev.c: netif_stacked_transfer_operstate.)
func (l *link) transferState() { l.setCarrier(l.vlan.parent.carrier()) }

// tellVLANsOfCarrier is NETDEV_CHANGE in net/8021q/vlan.c: vlan_device_event.
func (l *link) tellVLANsOfCarrier() {
	for _, v := range l.vlansByID() {
		v.transferState()
	}
}

// tellVLANsOfMAC is NETDEV_CHANGEADDR in vlan_device_event; one that is down looks when it comes up (vlan_dev_open).
func (l *link) tellVLANsOfMAC() {
	for _, v := range l.vlansByID() {
		if v.up {
			v.inheritMAC()
		}
	}
}

// inheritMAC is net/8021q/vlan_dev.c: vlan_dev_inherit_address.
func (l *link) inheritMAC() {
	if l.vlan.inherit {
		l.changeMAC(l.vlan.parent.mac)
	}
}

// tellVLANsOfMTU is NETDEV_CHANGEMTU in vlan_device_event.
func (l *link) tellVLANsOfMTU() {
	for _, v := range l.vlansByID() {
		if v.mtu > l.mtu {
			v.changeMTU(l.mtu)
		}
	}
}

// tellVLANsUp is NETDEV_UP in vlan_device_event: what is on the link comes up with it.
func (l *link) tellVLANsUp() {
	for _, v := range l.vlansByID() {
		v.setUp(true)
		v.transferState()
	}
}

// tellVLANsDown is NETDEV_DOWN in vlan_device_event.
func (l *link) tellVLANsDown() {
	for _, v := range l.vlansByID() {
		v.close()
	}
}

// lower is the link that another one is made on: dev_get_iflink.
func (l *link) lower() *link {
	if l.vlan != nil {
		return l.vlan.parent
	}
	return l.peer
}

// isOn reports whether the link is a vlan on the other one, or on one that is. (net/core/dev.c: __netdev_has_upper_dev.)
func (l *link) isOn(other *link) bool {
	return l.vlan != nil && (l.vlan.parent == other || l.vlan.parent.isOn(other))
}
