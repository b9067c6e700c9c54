//go:build linux

package linux

import (
	"net"
	"slices"
	"sort"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// withoutStatistics is RTEXT_FILTER_SKIP_STATS of include/uapi/linux/rtnetlink.h. Without the counters of IPv6 the
// description of lo has 1084 bytes instead of 1452 (Linux 6.18).
const withoutStatistics = 1 << 3

// Links implements kernel.Links.
func (ns *NetNS) Links() ([]kernel.Link, error) {
	var links []kernel.Link
	err := ns.dump(unix.RTM_GETLINK, func(m []byte) { links = append(links, parseLink(m)) },
		nl.NewIfInfomsg(unix.AF_UNSPEC), attrUint32(unix.IFLA_EXT_MASK, withoutStatistics))
	// Package slices would sort each type by functions of its own: 14 KB of the plugin's binary.
	sort.Slice(links, func(i, j int) bool { return links[i].Index < links[j].Index })
	return links, ns.fail("link list", "", err)
}

// LinkByName implements kernel.Links.
func (ns *NetNS) LinkByName(name string) (kernel.Link, error) {
	link, err := ns.linkByName(name)
	return link, ns.fail("link get", name, err)
}

func (ns *NetNS) linkByName(name string) (link kernel.Link, err error) {
	if requireName(name) != nil {
		return link, unix.ENODEV
	}
	messages, err := ns.exchange(unix.RTM_GETLINK, 0, nl.NewIfInfomsg(unix.AF_UNSPEC),
		attrUint32(unix.IFLA_EXT_MASK, withoutStatistics), attrString(unix.IFLA_IFNAME, name))
	switch {
	case is(err, unix.ERANGE):
		return link, unix.ENODEV // too long for any link to have it
	case err != nil:
		return link, err
	case len(messages) == 0:
		return link, because(unix.EPROTO, "the kernel answered nothing")
	}
	return parseLink(messages[0]), nil
}

// DeleteLink implements kernel.Links.
func (ns *NetNS) DeleteLink(index int) error {
	return ns.fail("link delete", dev(index), ns.deleteLink(index))
}

func (ns *NetNS) deleteLink(index int) error {
	at, err := linkAt(index)
	if err != nil {
		return err
	}
	return ns.change(unix.RTM_DELLINK, change, at)
}

// linkAt is the head of a request about one link. An index that no link can have is answered here: to the kernel,
// 0 means that a name says which (rtnl_dellink, rtnl_setlink), and a negative one is EINVAL.
func linkAt(index int) (*nl.IfInfomsg, error) {
	if index <= 0 {
		return nil, unix.ENODEV
	}
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index = int32(index)
	return head, nil
}

// parseLink reads an RTM_NEWLINK message; rtnl_fill_ifinfo writes it.
func parseLink(m []byte) kernel.Link {
	head := nl.DeserializeIfInfomsg(m)
	link := kernel.Link{
		Index:   int(head.Index),
		Up:      head.Flags&unix.IFF_UP != 0,
		LowerUp: head.Flags&unix.IFF_LOWER_UP != 0,
		Promisc: head.Flags&unix.IFF_PROMISC != 0,
	}
	lower, elsewhere := link.Index, false // IFLA_LINK may be left out where it equals the link's own index
	attributes(m[head.Len():], func(kind uint16, value []byte) {
		switch kind {
		case unix.IFLA_IFNAME:
			link.Name = stringOf(value)
		case unix.IFLA_LINKINFO:
			readInfo(&link, value)
		case unix.IFLA_IFALIAS:
			link.Alias = stringOf(value)
		case unix.IFLA_MTU:
			link.MTU = intOf(value)
		case unix.IFLA_ADDRESS:
			link.MAC = net.HardwareAddr(slices.Clone(value))
		case unix.IFLA_OPERSTATE:
			link.Oper = operState(value[0])
		case unix.IFLA_PROMISCUITY:
			link.Promiscuity = intOf(value)
		case unix.IFLA_MASTER:
			link.Master = intOf(value)
		case unix.IFLA_LINK:
			lower = intOf(value)
		case unix.IFLA_LINK_NETNSID:
			elsewhere = true
		}
	})
	switch link.Kind {
	case kernel.KindVeth:
		link.Peer, link.PeerHere = lower, !elsewhere
	case kernel.KindVLAN:
		link.Parent, link.ParentHere = lower, !elsewhere
	case kernel.KindVXLAN:
		link.ParentHere = link.Parent != 0 && !elsewhere
	}
	return link
}

// readInfo reads IFLA_LINKINFO: the kind with what belongs to it, and what a bridge says of a link that is its port.
func readInfo(link *kernel.Link, info []byte) {
	slave := ""
	attributes(info, func(kind uint16, value []byte) {
		switch kind {
		case unix.IFLA_INFO_KIND:
			link.Kind = stringOf(value)
		case unix.IFLA_INFO_DATA: // comes after its kind (rtnl_link_info_fill)
			readKindData(link, value)
		case unix.IFLA_INFO_SLAVE_KIND:
			slave = stringOf(value)
		case unix.IFLA_INFO_SLAVE_DATA: // comes after its kind (rtnl_link_slave_info_fill)
			if slave == kernel.KindBridge {
				link.Port = portOf(value)
			}
		}
	})
}

func readKindData(link *kernel.Link, data []byte) {
	switch link.Kind {
	case kernel.KindBridge:
		link.Bridge = bridgeOf(data)
	case kernel.KindVXLAN:
		readVXLAN(link, data)
	case kernel.KindVLAN:
		attributes(data, func(kind uint16, value []byte) {
			if kind == unix.IFLA_VLAN_ID {
				link.VLAN = int(uint16Of(value))
			}
		})
	}
}

// operState names IFLA_OPERSTATE; the IF_OPER_ constants of include/uapi/linux/if.h.
func operState(n uint8) kernel.OperState {
	states := [...]kernel.OperState{
		kernel.OperUnknown, kernel.OperNotPresent, kernel.OperDown, kernel.OperLowerLayerDown,
		kernel.OperTesting, kernel.OperDormant, kernel.OperUp,
	}
	if int(n) < len(states) {
		return states[n]
	}
	return kernel.OperUnknown
}
