package kernel

import "strconv"

// VLANs are the VLANs of bridges and of their ports (IEEE 802.1Q): a bridge that filters takes a frame in, and lets it
// out, only by ports that are members of the frame's VLAN. The tables are there whether a bridge filters or not.
type VLANs interface {
	// ChangeBridge sets how a bridge treats VLANs (RTM_NEWLINK for a link that is there, with IFLA_LINKINFO).
	//
	//	ENODEV      no link has the index
	//	EOPNOTSUPP  the link is no bridge; Filtering, and this kernel's bridges know no VLANs
	//	EINVAL      DefaultPVID is not 0 to 4094
	ChangeBridge(index int, c BridgeChange) error

	// VLANs returns the members of all VLANs, by link and VLAN. Where this kernel's bridges know no VLANs there are none.
	VLANs() ([]VLAN, error)

	// AddVLANs makes a link a member of VLANs (RTM_SETLINK of the family AF_BRIDGE). For one that it is a member of already,
	// PVID and Untagged become what is asked for.
	//
	//	ENODEV      no link has the index
	//	EOPNOTSUPP  the link is no bridge's port, or with Self no bridge; this kernel's bridges know no VLANs
	//	EINVAL      First or Last is not 1 to 4094, or Last is not behind First; a PVID for more than one
	AddVLANs(v VLANRange) error

	// DeleteVLANs ends memberships (RTM_DELLINK of the family AF_BRIDGE); those that there are not do not matter. The
	// errors are those of AddVLANs.
	DeleteVLANs(v VLANRange) error
}

// MaxVLAN is the greatest VLAN ID.
const MaxVLAN = 4094

// A VLAN is the membership of a bridge or port in a VLAN.
type VLAN struct {
	Link     int
	ID       int
	PVID     bool // frames that come in without a tag are of this VLAN
	Untagged bool // frames of this VLAN leave without a tag
}

// A VLANRange says which memberships to make or end.
type VLANRange struct {
	Link           int
	Self           bool // of the bridge itself (BRIDGE_FLAGS_SELF), instead of a port
	First, Last    int  // VLAN IDs; Last 0: First alone
	PVID, Untagged bool // not for DeleteVLANs
}

// IDs names the VLANs as bridge(8) does: "7" or "100-199".
func (v VLANRange) IDs() string {
	if v.Last == 0 {
		return strconv.Itoa(v.First)
	}
	return strconv.Itoa(v.First) + "-" + strconv.Itoa(v.Last)
}

// A Bridge says what a bridge does about VLANs.
type Bridge struct {
	Filtering   bool
	DefaultPVID int // the VLAN that new ports are untagged members of, as their PVID; 0: none; or NoVLANs
}

// NoVLANs is the DefaultPVID of bridges that know no VLANs, of a kernel built without (CONFIG_BRIDGE_VLAN_FILTERING).
const NoVLANs = -1

// StandardPVID is the DefaultPVID of a new bridge.
const StandardPVID = 1

// A BridgeChange says what to set. A nil field stays as it is.
type BridgeChange struct {
	Filtering   *bool
	DefaultPVID *int
}
