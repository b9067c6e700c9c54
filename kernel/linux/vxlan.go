//go:build linux

package linux

import (
	"cmp"
	"encoding/binary"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// describeVXLAN puts what belongs to a vxlan into IFLA_LINKINFO.
func describeVXLAN(info *nl.RtAttr, spec kernel.LinkSpec) error {
	v := spec.VXLAN
	data := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	data.AddRtAttr(unix.IFLA_VXLAN_ID, nl.Uint32Attr(uint32(v.ID)))
	switch {
	case v.Local.Is4():
		data.AddRtAttr(unix.IFLA_VXLAN_LOCAL, v.Local.AsSlice())
	case v.Local.IsValid():
		return because(unix.EAFNOSUPPORT, "a vxlan's local address is IPv4")
	}
	if spec.Parent != 0 {
		data.AddRtAttr(unix.IFLA_VXLAN_LINK, nl.Uint32Attr(uint32(spec.Parent)))
	}
	port := binary.BigEndian.AppendUint16(nil, uint16(cmp.Or(v.Port, kernel.VXLANPort)))
	data.AddRtAttr(unix.IFLA_VXLAN_PORT, port)
	data.AddRtAttr(unix.IFLA_VXLAN_LEARNING, []byte{0})
	return nil
}

// readVXLAN reads what vxlan_fill_info of drivers/net/vxlan/vxlan_core.c writes.
func readVXLAN(link *kernel.Link, data []byte) {
	attributes(data, func(kind uint16, value []byte) {
		switch kind {
		case unix.IFLA_VXLAN_ID:
			link.VXLAN.ID = intOf(value)
		case unix.IFLA_VXLAN_LOCAL:
			link.VXLAN.Local, _ = netip.AddrFromSlice(value)
		case unix.IFLA_VXLAN_LINK:
			link.Parent = intOf(value)
		case unix.IFLA_VXLAN_PORT:
			link.VXLAN.Port = int(binary.BigEndian.Uint16(value))
		}
	})
}

// checkVXLANEntry refuses what to another link would be another request, or to Linux one that is none of the contract.
func (ns *NetNS) checkVXLANEntry(e kernel.FDBEntry) error {
	links, err := ns.Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		switch {
		case l.Index != e.Link:
			continue
		case l.Kind != kernel.KindVXLAN:
			return because(unix.EOPNOTSUPP, "no vxlan")
		case cmp.Or(e.State, kernel.FDBPermanent) != kernel.FDBPermanent:
			return because(unix.EINVAL, "what is behind a host is permanent")
		}
	}
	return nil
}
