package sim

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// deleteLink is net/core/rtnetlink.c: rtnl_dellink.
func (ns *namespace) deleteLink(index int) *refusal {
	l := ns.link(index)
	if l == nil {
		return refuse(kernel.ENODEV) // rtnl_dellink: __dev_get_by_index
	}
	if l.kind == "" {
		return refuse(kernel.EOPNOTSUPP) // rtnl_delete_link: no rtnl_link_ops
	}
	l.unregister()
	return nil
}

// unregister deletes a link, of a veth both ends. (net/core/dev.c: unregister_netdevice_many; veth_dellink.)
func (l *link) unregister() {
	if l.gone {
		return
	}
	l.gone = true
	peer := l.peer
	l.detach()
	for _, v := range l.vlansByID() {
		v.unregister() // vlan_device_event: NETDEV_UNREGISTER
	}
	if l.vxlan != nil {
		l.forgetVXLAN()
	}
	if l.vlan != nil {
		delete(l.vlan.parent.vlans, l.vlan.id)
	}
	l.peer = nil
	if peer != nil {
		peer.unregister()
	}
	l.ns.forget(l)
}

// detach takes the link out of everything that refers to it: what NETDEV_UNREGISTER makes of it.
func (l *link) detach() {
	l.deleteVXLANs()
	l.close()
	if l.master != nil {
		l.master.removePort(l)
	}
	if l.bridge != nil {
		for _, p := range slices.Clone(l.bridge.ports) {
			l.removePort(p)
		}
	}
	l.ip4Unregister()
	l.ip6Destroy()
	l.dropNeighbours(anyNeighbour)
}
