package kernel

import (
	"net"
	"net/netip"
)

// FDB are the forwarding databases of bridges, which MAC is behind which port, and of vxlans: behind which host.
type FDB interface {
	// FDB returns the entries of all bridges and vxlans, by link, VLAN and MAC. What a bridge has for its own MAC and for those of
	// its ports is left out: the links say it.
	FDB() ([]FDBEntry, error)

	// AddFDB makes an entry (RTM_NEWNEIGH of the family AF_BRIDGE with NTF_MASTER and NLM_F_CREATE|NLM_F_EXCL). Without a
	// VLAN it also makes one in each VLAN that the port is a member of, up to the first that is refused.
	//
	//	ENODEV      no link has the index
	//	EINVAL      the MAC is of another length or zero; the VLAN is not 0 to 4094, or the port is no member of it; the
	//	            link is a loopback device
	//	EOPNOTSUPP  the link is no bridge's port
	//	EPERM       FDBDynamic, and the port does not forward
	//	EEXIST      the bridge has an entry for the MAC in the VLAN, at whichever port
	//
	// With a Dst the entry is a vxlan's (NTF_SELF), its MAC may be zero, for all that have no entry, and it has no VLAN.
	//
	//	ENODEV        no link has the index
	//	EINVAL        the MAC is of another length, the State not FDBPermanent
	//	EOPNOTSUPP    the link is no vxlan
	//	EAFNOSUPPORT  the Dst is not IPv4
	//	EEXIST        the vxlan has an entry for the MAC, with whichever Dst
	AddFDB(e FDBEntry) error

	// DeleteFDB deletes the entry of the Link, MAC and VLAN; without a VLAN also those in the VLANs that the port is a
	// member of. ENOENT where the port has none, also of a zero MAC; ENODEV, EINVAL and EOPNOTSUPP otherwise as AddFDB.
	// A vxlan's entry with another Dst stays, which is no error (vxlan_core.c: __vxlan_fdb_delete).
	// Linux 6.18 does not ask whether the port is a member of the VLAN (ENOENT), 6.1 does (EINVAL).
	DeleteFDB(e FDBEntry) error
}

// An FDBEntry says that a MAC is behind a port.
type FDBEntry struct {
	Link  int // the port, or the vxlan
	MAC   net.HardwareAddr
	VLAN  int // 0: of frames that are of none, because the bridge does not filter
	State FDBState
	Dst   netip.Addr // of a vxlan: the host that the MAC is behind; not valid: the entry is a bridge's
}

// An FDBState is the state of an entry, by the names of bridge(8).
type FDBState string

// The states; "" for AddFDB is FDBPermanent.
const (
	FDBPermanent FDBState = "permanent" // the MAC is the machine's own: frames to it go no further than the bridge
	FDBStatic    FDBState = "static"    // it does not age
	FDBDynamic   FDBState = "dynamic"   // learnt, or as if it were
)
