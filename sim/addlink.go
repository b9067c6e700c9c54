package sim

import "github.com/cnilab/cnilab/kernel"

// A newLink is RTM_NEWLINK with NLM_F_CREATE|NLM_F_EXCL: attributes that are absent have their zero value.
type newLink struct {
	name   string
	kind   string
	mtu    int
	mac    []byte
	master *int
	up     bool
	peer   *newPeer // VETH_INFO_PEER
	bridge kernel.BridgeChange
	parent int // IFLA_LINK
	vlan   int // IFLA_VLAN_ID
	vxlan  kernel.VXLAN
}

type newPeer struct {
	name string
	mtu  int
	mac  []byte
	ns   *namespace
}

// addLink carries the request out or leaves nothing behind. (net/core/rtnetlink.c: rtnl_newlink.)
func (ns *namespace) addLink(req newLink) *refusal {
	if r := req.check(ns.world().config.Profile.Features); r != nil {
		return r
	}
	if ns.named(req.name) != nil {
		return refuse(kernel.EEXIST) // __rtnl_newlink: NLM_F_EXCL
	}
	l, r := ns.newOfKind(req)
	if r != nil {
		return r
	}
	return l.configure(req)
}

// newOfKind makes the link, and both ends of a veth.
func (ns *namespace) newOfKind(req newLink) (*link, *refusal) {
	switch {
	case !ns.world().config.Profile.Features.hasKind(req.kind):
		return nil, refuse(kernel.EOPNOTSUPP, "Unknown device type") // __rtnl_newlink: no rtnl_link_ops
	case req.kind == kernel.KindBridge:
		return ns.newBridge(req)
	case req.kind == kernel.KindVeth:
		return ns.newVeth(req)
	case req.kind == kernel.KindVLAN:
		return ns.newVLAN(req)
	case req.kind == kernel.KindVXLAN:
		return ns.newVXLAN(req)
	}
	return ns.create(kernel.KindDummy, req.name, req.mtu, req.mac) // drivers/net/dummy.c
}

// hasKind reports whether a kernel has links of a kind.
func (f Features) hasKind(kind string) bool {
	switch kind {
	case kernel.KindBridge, kernel.KindVeth:
		return true
	case kernel.KindDummy:
		return !f.NoDummies
	case kernel.KindVLAN:
		return !f.NoVLANLinks
	case kernel.KindVXLAN:
		return !f.NoVXLANs
	}
	return false
}

// check is what is looked at before the tables are: the netlink policy, then the kind's validate (veth_validate,
// br_validate), where there is one.
func (req newLink) check(f Features) *refusal {
	if r := checkNameLength(req.name); r != nil || !f.hasKind(req.kind) {
		return r
	}
	if r := checkNewMAC(req.mac); r != nil {
		return r
	}
	if r := req.checkVLAN(); r != nil {
		return r
	}
	if r := req.checkVXLAN(); r != nil {
		return r
	}
	if r := checkBridge(req.bridge, !f.NoBridgeVLANs); r != nil {
		return r
	}
	if req.peer == nil {
		return nil
	}
	if r := checkNewMTU(req.mtu); r != nil || !f.PeersFirst {
		return r
	}
	return req.peer.check()
}

func (p *newPeer) check() *refusal {
	if r := checkNameLength(p.name); r != nil {
		return r
	}
	if r := checkNewMAC(p.mac); r != nil {
		return r
	}
	return checkNewMTU(p.mtu)
}

// checkNewMTU is is_valid_veth_mtu of veth_validate. The MTU of a bridge is looked at later, in rtnl_create_link.
func checkNewMTU(mtu int) *refusal {
	if mtu != 0 && checkMTU(kernel.KindVeth, mtu) != nil {
		return refuse(kernel.EINVAL)
	}
	return nil
}

func checkNewMAC(b []byte) *refusal {
	if b == nil {
		return nil
	}
	if len(b) != len(mac{}) {
		return refuse(kernel.EINVAL) // veth_validate, br_validate: nla_len != ETH_ALEN
	}
	if !mac(b).valid() {
		return refuse(kernel.EADDRNOTAVAIL) // veth_validate, br_validate: !is_valid_ether_addr
	}
	return nil
}

// configure is the second half of rtnl_newlink_create: flags, then the master; what fails deletes the link again.
func (l *link) configure(req newLink) (r *refusal) {
	if req.up {
		r = l.setUp(true)
	}
	if r == nil && req.master != nil && *req.master != 0 {
		r = l.setMaster(*req.master)
	}
	if r != nil {
		l.unregister()
	}
	return r
}

// create makes and registers a link with what all kinds have in common. (rtnl_create_link, register_netdevice.)
func (ns *namespace) create(kind, name string, mtu int, address []byte) (*link, *refusal) {
	if mtu != 0 {
		if r := checkMTU(kind, mtu); r != nil {
			return nil, r
		}
	} else {
		mtu = defaultMTU
	}
	return ns.register(kind, name, mtu, address)
}

// register makes a link of an MTU that nobody looks at any more. (net/core/dev.c: register_netdevice.)
func (ns *namespace) register(kind, name string, mtu int, address []byte) (*link, *refusal) {
	name, r := ns.newName(name)
	if r != nil {
		return nil, r
	}
	if !hasSysctls(name) {
		ns.freeIndex()                    // register_netdevice: dev_index_reserve
		return nil, refuse(kernel.EINVAL) // inetdev_init: devinet_sysctl_register
	}
	l := newDevice(kind, name, mtu)
	if address != nil {
		l.mac = mac(address)
	} else {
		l.mac = ns.world().randomMAC()
	}
	ns.insert(l, 0)
	return l, nil
}

// randomMAC is eth_random_addr of include/linux/etherdevice.h: unicast and locally administered.
func (w *World) randomMAC() mac {
	var m mac
	for i := range m {
		m[i] = byte(w.rand.Uint32())
	}
	m[0] = m[0]&^1 | 2
	return m
}

// newVeth makes both ends; the peer is first and has the lower index. (drivers/net/veth.c: veth_newlink.)
func (ns *namespace) newVeth(req newLink) (*link, *refusal) {
	if r := req.peer.check(); r != nil {
		return nil, r
	}
	peer, r := req.peer.ns.create(kernel.KindVeth, req.peer.name, req.peer.mtu, req.peer.mac)
	if r != nil {
		return nil, r
	}
	peer.setCarrier(false)
	l, r := ns.create(kernel.KindVeth, req.name, req.mtu, req.mac)
	if r != nil {
		peer.unregister()
		return nil, r
	}
	l.setCarrier(false)
	l.peer, peer.peer = peer, l
	return l, nil
}

// newBridge is net/bridge/br_netlink.c: br_dev_newlink. An address given at creation pins it, and makes the bridge
// look for ports as every change of its address does; an MTU pins nothing (measured on Linux 6.18: the first port
// changes it).
func (ns *namespace) newBridge(req newLink) (*link, *refusal) {
	l, r := ns.create(kernel.KindBridge, req.name, req.mtu, req.mac)
	if r != nil {
		return nil, r
	}
	l.bridge = &bridge{pinnedMAC: req.mac != nil, defaultPVID: kernel.NoVLANs}
	known := !ns.world().config.Profile.Features.NoBridgeVLANs
	if known {
		l.bridge.defaultPVID = kernel.StandardPVID
	}
	l.addLocal(nil, l.mac, 0) // measured on Linux 6.18 and 6.1, with and without an address in the request
	l.joinDefault(nil)
	if r := l.changeVLANSettings(req.bridge, known); r != nil {
		l.unregister()
		return nil, r
	}
	if l.bridge.pinnedMAC {
		l.selectCarrier()
	}
	return l, nil
}
