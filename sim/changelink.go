package sim

import (
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// A linkChange is RTM_SETLINK: attributes that are absent are nil.
type linkChange struct {
	ns          *namespace
	name        *string
	mac         []byte
	mtu         *int
	alias       *string
	master      *int
	promisc, up *bool
}

// maxAliasLen is IFALIASZ - 1.
const maxAliasLen = 255

// changeLink sets one attribute after the other, and leaves those set that came before a refusal.
// (net/core/rtnetlink.c: rtnl_setlink, do_setlink.)
func (ns *namespace) changeLink(index int, req linkChange) *refusal {
	if r := req.check(); r != nil {
		return r
	}
	l := ns.link(index)
	if l == nil {
		return refuse(kernel.ENODEV) // rtnl_setlink: __dev_get_by_index
	}
	if req.mac != nil && len(req.mac) < len(mac{}) {
		return refuse(kernel.EINVAL) // do_setlink: validate_linkmsg: nla_len < dev->addr_len
	}
	for _, step := range []func(linkChange) *refusal{
		l.applyNetNS, l.applyMAC, l.applyMTU, l.applyName, l.applyAlias, l.applyFlags, l.applyMaster,
	} {
		if r := step(req); r != nil {
			return r
		}
	}
	if req.alias != nil && l.up { // DO_SETLINK_NOTIFY, which a MAC is not
		l.tellOfChange()
	}
	return nil
}

// check is ifla_policy, which is looked at before the link.
func (req linkChange) check() *refusal {
	if req.name != nil {
		if r := checkNameLength(*req.name); r != nil {
			return r
		}
	}
	if req.alias != nil && len(*req.alias) > maxAliasLen {
		return refuse(kernel.ERANGE) // ifla_policy: NLA_STRING of IFALIASZ-1
	}
	return nil
}

func (l *link) applyNetNS(req linkChange) *refusal {
	if req.ns == nil {
		return nil
	}
	return l.move(req.ns, req.name)
}

func (l *link) applyMAC(req linkChange) *refusal {
	if req.mac == nil {
		return nil
	}
	return l.setMAC(mac(req.mac))
}

func (l *link) applyMTU(req linkChange) *refusal {
	if req.mtu == nil {
		return nil
	}
	return l.setMTU(*req.mtu)
}

// applyName ignores an empty name, as do_setlink does.
func (l *link) applyName(req linkChange) *refusal {
	if req.name == nil || *req.name == "" {
		return nil
	}
	return l.rename(*req.name)
}

func (l *link) applyAlias(req linkChange) *refusal {
	if req.alias != nil {
		l.alias, _, _ = strings.Cut(*req.alias, "\x00") // dev_set_alias takes all, dev_get_alias reads up to a zero
	}
	return nil
}

func (l *link) applyMaster(req linkChange) *refusal {
	if req.master == nil {
		return nil
	}
	return l.setMaster(*req.master)
}

// applyFlags is net/core/dev.c: __dev_change_flags, up and down before promiscuity; a link that cannot be
// brought up gets the promiscuity nevertheless.
func (l *link) applyFlags(req linkChange) (r *refusal) {
	if req.up != nil {
		r = l.setUp(*req.up)
	}
	if req.promisc != nil && *req.promisc != l.promisc {
		l.promisc = *req.promisc
		if l.promisc {
			l.addPromiscuity(1)
		} else {
			l.addPromiscuity(-1)
		}
	}
	return r
}

// setMAC is net/core/dev.c: netif_set_mac_address. What the link has already is not looked at again; it pins the
// address of a bridge nevertheless (NET_ADDR_SET).
func (l *link) setMAC(m mac) *refusal {
	unasked := m == l.mac && l.world().config.Profile.Features.SameMACUnasked
	if !unasked && !m.valid() {
		return refuse(kernel.EADDRNOTAVAIL) // eth_prepare_mac_addr_change, br_set_mac_address
	}
	if m == l.mac {
		l.dropNeighbours(anyNeighbour) // NETDEV_CHANGEADDR is told all the same: neigh_changeaddr
		if l.master != nil {
			l.master.portMACChanged(l)
		}
	}
	if l.bridge != nil {
		l.bridge.pinnedMAC = true
		l.changeBridgeMAC(m)
		return nil
	}
	if l.vlan != nil {
		l.vlan.inherit = false // dev_set_mac_address: NET_ADDR_SET
	}
	l.changeMAC(m)
	return nil
}

// changeMAC sets a MAC and tells who has to know (NETDEV_CHANGEADDR).
func (l *link) changeMAC(m mac) {
	if m == l.mac {
		return
	}
	l.mac = m
	l.dropNeighbours(anyNeighbour) // neigh_changeaddr
	if l.master != nil {
		l.master.portMACChanged(l)
		l.master.recalculateMAC()
	}
	l.tellVLANsOfMAC()
	l.filterFrames()
	if l.vlan != nil {
		l.vlan.parent.filterFrames()
	}
	if l.up {
		l.announce()
	}
}

// rename is net/core/dev.c: netif_change_name.
func (l *link) rename(name string) *refusal {
	if l.up && !l.world().config.Profile.Features.RenameWhileUp {
		return refuse(kernel.EBUSY) // dev_change_name before 6.2: IFF_UP without IFF_LIVE_RENAME_OK
	}
	if name == l.name {
		return nil
	}
	name, r := l.ns.newName(name)
	if r != nil {
		return r
	}
	if !hasSysctls(name) && l.ip6.conf != nil {
		return refuse(kernel.EINVAL) // NETDEV_CHANGENAME: addrconf_sysctl_register, whereas IPv4's is not looked at
	}
	l.ns.forgetName(l)
	l.name = name
	l.ns.noteName(l)
	return nil
}

// move is net/core/dev.c: __dev_change_net_namespace. The link is taken out of everything, as if it were deleted,
// and put into the other namespace, down and without addresses; it keeps its index there if that is free.
func (l *link) move(to *namespace, name *string) *refusal {
	stays := to == l.ns
	if (l.loopback() || l.bridge != nil) && !(stays && l.world().config.Profile.Features.StaysUnasked) {
		return refuse(kernel.EINVAL, "The interface netns is immutable") // dev->netns_immutable: lo and bridges
	}
	if stays {
		return nil
	}
	moved := l.name
	if to.named(l.name) != nil {
		if name == nil || *name == "" {
			return refuse(kernel.EEXIST, "An interface with the same name exists in the target netns")
		}
		var r *refusal
		if moved, r = to.newName(*name); r != nil {
			return r
		}
	}
	l.detach()
	l.ns.forget(l)
	l.name = moved
	to.insert(l, l.index)
	return nil
}
