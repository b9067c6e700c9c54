//go:build linux

package linux

import (
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// vethPeer is VETH_INFO_PEER of include/uapi/linux/veth.h.
const vethPeer = 1

// AddLink implements kernel.Links: one RTM_NEWLINK makes, names, addresses, enslaves and starts.
func (ns *NetNS) AddLink(spec kernel.LinkSpec) error {
	object := spec.Name
	if spec.Kind == kernel.KindVeth {
		object += " peer " + spec.Peer.Name
	}
	return ns.fail("link add", object, ns.addLink(spec))
}

func (ns *NetNS) addLink(spec kernel.LinkSpec) error {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddChild(attrString(unix.IFLA_INFO_KIND, spec.Kind))
	switch spec.Kind {
	case kernel.KindVeth:
		return ns.addVeth(0, spec, info)
	case kernel.KindBridge:
		describeBridge(info, spec.Bridge)
		return ns.sendLink(spec, info)
	case kernel.KindVXLAN:
		if err := describeVXLAN(info, spec); err != nil {
			return err
		}
		return ns.sendLink(spec, info)
	case kernel.KindVLAN:
		info.AddRtAttr(unix.IFLA_INFO_DATA, nil).AddRtAttr(unix.IFLA_VLAN_ID, nl.Uint16Attr(vlanID(spec.VLAN)))
		return ns.sendLink(spec, info)
	default:
		return ns.sendLink(spec, info)
	}
}

// addVeth makes a pair whose ends both have the index, each in its own namespace; 0 leaves that to the kernel.
func (ns *NetNS) addVeth(index int, spec kernel.LinkSpec, info *nl.RtAttr) error {
	head, peerHead := upOrNot(spec.Up), nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index, peerHead.Index = int32(index), int32(index)
	return useNetNS(spec.Peer.NetNS, func(fd int) error {
		peer := info.AddRtAttr(unix.IFLA_INFO_DATA, nil).AddRtAttr(vethPeer, nil)
		if err := describePeer(peer, peerHead, spec.Peer, fd); err != nil {
			return err
		}
		return ns.sendLinkWith(head, spec, info, oneQueue()...)
	})
}

// oneQueue has an end of a veth made with one queue each way. No more are in use anyhow; but unless told, Linux makes one for
// each processor there may ever be, then takes all but one out of use and waits, with all others who want to change links,
// until no processor sees them any more (veth_init_queues, drivers/net/veth.c). "ethtool -L" cannot have more used later.
func oneQueue() []nl.NetlinkRequestData {
	return []nl.NetlinkRequestData{attrUint32(unix.IFLA_NUM_TX_QUEUES, 1), attrUint32(unix.IFLA_NUM_RX_QUEUES, 1)}
}

// sendLink sends the request for a link of the kind that info describes.
func (ns *NetNS) sendLink(spec kernel.LinkSpec, info *nl.RtAttr) error {
	return ns.sendLinkWith(upOrNot(spec.Up), spec, info)
}

// sendLinkWith is sendLink with another head, where more is to be said.
func (ns *NetNS) sendLinkWith(
	head *nl.IfInfomsg, spec kernel.LinkSpec, info *nl.RtAttr, more ...nl.NetlinkRequestData,
) error {
	parts, err := linkEnd(head, spec.Name, spec.MTU, spec.MAC)
	if err != nil {
		return err
	}
	if spec.Master != 0 {
		parts = append(parts, attrUint32(unix.IFLA_MASTER, uint32(spec.Master)))
	}
	if spec.Kind == kernel.KindVLAN && spec.Parent != 0 {
		parts = append(parts, attrUint32(unix.IFLA_LINK, uint32(spec.Parent)))
	}
	return ns.change(unix.RTM_NEWLINK, create, append(append(parts, more...), info)...)
}

// describePeer puts the other end of a veth into its attribute; a negative netns leaves it where the first end is.
func describePeer(attr *nl.RtAttr, head *nl.IfInfomsg, peer kernel.PeerSpec, netns int) error {
	parts, err := linkEnd(head, peer.Name, peer.MTU, peer.MAC)
	if err != nil {
		return err
	}
	for _, part := range append(parts, oneQueue()...) {
		attr.AddChild(part)
	}
	if netns >= 0 {
		attr.AddChild(attrUint32(unix.IFLA_NET_NS_FD, uint32(netns)))
	}
	return nil
}

// linkEnd is what the two ends of a veth, and any other link, are described by.
func linkEnd(head *nl.IfInfomsg, name string, mtu int, mac net.HardwareAddr) ([]nl.NetlinkRequestData, error) {
	if err := requireName(name); err != nil {
		return nil, err
	}
	parts := []nl.NetlinkRequestData{head, attrString(unix.IFLA_IFNAME, name)}
	if mtu != 0 {
		parts = append(parts, attrUint32(unix.IFLA_MTU, uint32(mtu)))
	}
	if mac != nil {
		parts = append(parts, nl.NewRtAttr(unix.IFLA_ADDRESS, mac))
	}
	return parts, nil
}

func requireName(name string) error {
	if why := kernel.RefuseName(name); why != "" {
		return because(unix.EINVAL, why)
	}
	return nil
}

func upOrNot(up bool) *nl.IfInfomsg {
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	setFlag(head, unix.IFF_UP, &up)
	return head
}

// setFlag asks for a flag to be set or cleared; with nil it stays as it is.
func setFlag(head *nl.IfInfomsg, flag uint32, on *bool) {
	if on == nil {
		return
	}
	head.Change |= flag
	if *on {
		head.Flags |= flag
	}
}

// useNetNS runs work with a descriptor of the namespace that stays open meanwhile, and with -1 for nil.
func useNetNS(other kernel.NetNS, work func(fd int) error) error {
	if other == nil {
		return work(-1)
	}
	ns, ok := other.(*NetNS)
	if !ok {
		return because(unix.EINVAL, "a namespace that another backend opened")
	}
	return ns.lease.use(func() error { return work(ns.file.fd) })
}
