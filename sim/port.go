package sim

import "github.com/cnilab/cnilab/kernel"

// ChangePort is kernel.Ports'.
func (n *handle) ChangePort(link int, c kernel.PortChange) error {
	return n.do("port set", n.label(link), func() *refusal { return n.ns.changePort(link, c) })
}

// changePort is net/core/rtnetlink.c: rtnl_bridge_setlink, which goes to the link's master, and
// net/bridge/br_netlink.c: br_setlink.
func (ns *namespace) changePort(index int, c kernel.PortChange) *refusal {
	l := ns.link(index)
	switch {
	case l == nil:
		return refuse(kernel.ENODEV, "unknown ifindex")
	case l.master == nil:
		return refuse(kernel.EOPNOTSUPP)
	}
	set(&l.port.flags.Hairpin, c.Hairpin)
	set(&l.port.flags.Isolated, c.Isolated)
	return nil
}

func set(flag *bool, to *bool) {
	if to != nil {
		*flag = *to
	}
}
