//go:build linux

package linux

import (
	"sort"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// ChangeBridge implements kernel.VLANs.
func (ns *NetNS) ChangeBridge(index int, c kernel.BridgeChange) error {
	return ns.fail("bridge set", dev(index), ns.changeBridge(index, c))
}

func (ns *NetNS) changeBridge(index int, c kernel.BridgeChange) error {
	head, err := linkAt(index)
	if err != nil {
		return err
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddChild(attrString(unix.IFLA_INFO_KIND, kernel.KindBridge))
	describeBridge(info, c)
	return ns.change(unix.RTM_NEWLINK, change, head, info)
}

// describeBridge puts into IFLA_LINKINFO what is to be set.
func describeBridge(info *nl.RtAttr, c kernel.BridgeChange) {
	data := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	if c.Filtering != nil {
		data.AddRtAttr(unix.IFLA_BR_VLAN_FILTERING, nl.Uint8Attr(boolByte(*c.Filtering)))
	}
	if c.DefaultPVID != nil {
		data.AddRtAttr(unix.IFLA_BR_VLAN_DEFAULT_PVID, nl.Uint16Attr(vlanID(*c.DefaultPVID)))
	}
}

// vlanID makes what does not fit into an attribute an ID that the kernel refuses.
func vlanID(id int) uint16 {
	if id < 0 || id > kernel.MaxVLAN {
		return kernel.MaxVLAN + 1
	}
	return uint16(id)
}

// bridgeOf reads the IFLA_INFO_DATA of a bridge. A kernel without VLANs on bridges does not tell the default PVID
// (br_fill_info).
func bridgeOf(data []byte) kernel.Bridge {
	b := kernel.Bridge{DefaultPVID: kernel.NoVLANs}
	attributes(data, func(kind uint16, value []byte) {
		switch kind {
		case unix.IFLA_BR_VLAN_FILTERING:
			b.Filtering = value[0] != 0
		case unix.IFLA_BR_VLAN_DEFAULT_PVID:
			b.DefaultPVID = int(uint16Of(value))
		}
	})
	return b
}

// VLANs implements kernel.VLANs.
func (ns *NetNS) VLANs() ([]kernel.VLAN, error) {
	var all []kernel.VLAN
	err := ns.dump(unix.RTM_GETLINK, func(m []byte) { all = append(all, parseVLANs(m)...) },
		nl.NewIfInfomsg(unix.AF_BRIDGE), attrUint32(unix.IFLA_EXT_MASK, uint32(nl.RTEXT_FILTER_BRVLAN)))
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return a.Link < b.Link || a.Link == b.Link && a.ID < b.ID
	})
	return all, ns.fail("vlan list", "", err)
}

// AddVLANs implements kernel.VLANs.
func (ns *NetNS) AddVLANs(v kernel.VLANRange) error {
	return ns.fail("vlan add", describeVLANs(v), ns.sendVLANs(unix.RTM_SETLINK, v))
}

// DeleteVLANs implements kernel.VLANs.
func (ns *NetNS) DeleteVLANs(v kernel.VLANRange) error {
	v.PVID, v.Untagged = false, false
	return ns.fail("vlan delete", describeVLANs(v), ns.sendVLANs(unix.RTM_DELLINK, v))
}

func (ns *NetNS) sendVLANs(kind int, v kernel.VLANRange) error {
	head, err := linkAt(v.Link)
	if err != nil {
		return err
	}
	head.Family = unix.AF_BRIDGE
	where := nl.BRIDGE_FLAGS_MASTER
	if v.Self {
		where = nl.BRIDGE_FLAGS_SELF
	}
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC|unix.NLA_F_NESTED, nil)
	spec.AddRtAttr(nl.IFLA_BRIDGE_FLAGS, nl.Uint16Attr(uint16(where)))
	for _, info := range vlanInfos(v) {
		spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, info.Serialize())
	}
	return ns.change(kind, change, head, spec)
}

// vlanInfos are the struct bridge_vlan_info of a request: one, or the ends of a range.
func vlanInfos(v kernel.VLANRange) []nl.BridgeVlanInfo {
	var flags uint16
	if v.PVID {
		flags |= nl.BRIDGE_VLAN_INFO_PVID
	}
	if v.Untagged {
		flags |= nl.BRIDGE_VLAN_INFO_UNTAGGED
	}
	if v.Last == 0 {
		return []nl.BridgeVlanInfo{{Flags: flags, Vid: vlanID(v.First)}}
	}
	return []nl.BridgeVlanInfo{
		{Flags: flags | nl.BRIDGE_VLAN_INFO_RANGE_BEGIN, Vid: vlanID(v.First)},
		{Flags: flags | nl.BRIDGE_VLAN_INFO_RANGE_END, Vid: vlanID(v.Last)},
	}
}

func describeVLANs(v kernel.VLANRange) string { return v.IDs() + " " + dev(v.Link) }

// parseVLANs reads an RTM_NEWLINK message of the family AF_BRIDGE; br_fill_ifvlaninfo writes it.
func parseVLANs(m []byte) (vlans []kernel.VLAN) {
	head := nl.DeserializeIfInfomsg(m)
	attributes(m[head.Len():], func(kind uint16, spec []byte) {
		if kind != unix.IFLA_AF_SPEC {
			return
		}
		attributes(spec, func(kind uint16, value []byte) {
			if kind == nl.IFLA_BRIDGE_VLAN_INFO && len(value) >= nl.SizeofBridgeVlanInfo {
				info := nl.DeserializeBridgeVlanInfo(value)
				vlans = append(vlans, kernel.VLAN{
					Link: int(head.Index), ID: int(info.Vid),
					PVID: info.PortVID(), Untagged: info.EngressUntag(),
				})
			}
		})
	})
	return vlans
}
