//go:build linux

package linux

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// ChangeLink implements kernel.Links. The order in which the kernel sets things is that of do_setlink: namespace, MAC,
// MTU, name, alias, flags, master.
func (ns *NetNS) ChangeLink(index int, c kernel.LinkChange) error {
	return ns.fail("link set", dev(index), ns.changeLink(index, c))
}

func (ns *NetNS) changeLink(index int, c kernel.LinkChange) error {
	head, err := linkAt(index)
	if err != nil {
		return err
	}
	if c.Name != nil {
		if err := requireName(*c.Name); err != nil {
			return err
		}
	}
	return useNetNS(c.NetNS, func(fd int) error {
		return ns.change(unix.RTM_SETLINK, change, changeParts(head, fd, c)...)
	})
}

// changeParts are the parts of the request; a negative netns leaves the link where it is.
func changeParts(head *nl.IfInfomsg, netns int, c kernel.LinkChange) []nl.NetlinkRequestData {
	setFlag(head, unix.IFF_PROMISC, c.Promisc)
	setFlag(head, unix.IFF_UP, c.Up)
	parts := []nl.NetlinkRequestData{head}
	if netns >= 0 {
		parts = append(parts, attrUint32(unix.IFLA_NET_NS_FD, uint32(netns)))
	}
	if c.Name != nil {
		parts = append(parts, attrString(unix.IFLA_IFNAME, *c.Name))
	}
	if c.MAC != nil {
		parts = append(parts, nl.NewRtAttr(unix.IFLA_ADDRESS, c.MAC))
	}
	if c.MTU != nil {
		parts = append(parts, attrUint32(unix.IFLA_MTU, uint32(*c.MTU)))
	}
	if c.Alias != nil {
		// Without a final zero: an empty attribute takes the alias away.
		parts = append(parts, nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(*c.Alias)))
	}
	if c.Master != nil {
		parts = append(parts, attrUint32(unix.IFLA_MASTER, uint32(*c.Master)))
	}
	return parts
}
