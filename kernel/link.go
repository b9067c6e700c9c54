package kernel

import (
	"net"
	"strings"
)

// Links are the network devices of a namespace.
type Links interface {
	// Links returns all links, by ascending index.
	Links() ([]Link, error)

	// LinkByName returns one link. ENODEV where no link has the name.
	LinkByName(name string) (Link, error)

	// AddLink makes a link in one RTM_NEWLINK request (NLM_F_CREATE|NLM_F_EXCL); for a veth both of its ends.
	//
	//	EEXIST         the name, or the peer's in the peer's namespace, is taken; the parent has a vlan of the ID; the
	//	               namespace has made a vxlan of the ID and port
	//	EINVAL         a name that is empty, ".", ".." or has a slash, a colon, a zero or white space; an MTU out of
	//	               the kind's range, or greater than that of a vlan's parent; a MAC of another length; no link has
	//	               the master's index; a vlan without a parent; a bridge's DefaultPVID that is not 0 to 4094
	//	ERANGE         a name of more than 15 bytes; a vlan's ID that is not 0 to 4094, a vxlan's that is above MaxVXLAN
	//	EAFNOSUPPORT   a vxlan's local address that is not IPv4
	//	ENODEV         no link has the parent's index
	//	EADDRNOTAVAIL  a multicast or all-zero MAC
	//	EOPNOTSUPP     this kernel has no links of this kind; the master is no bridge
	//	EXFULL         the master has 1023 ports already
	//	EBADF          the peer's namespace is closed
	AddLink(spec LinkSpec) error

	// ChangeLink sets what the change names, in one request and in Linux's order of attributes; a failure may leave
	// the earlier ones set.
	//
	//	ENODEV         no link has the index
	//	EEXIST         the new name is taken, here or in the namespace it is moved to
	//	EINVAL         the new name or MTU is not valid for the link; no link has the master's index; a loopback device
	//	               cannot be a port; loopback devices and bridges cannot be moved
	//	ERANGE         a name of more than 15 bytes, an alias of more than 255
	//	EADDRNOTAVAIL  a multicast or all-zero MAC
	//	EOPNOTSUPP     the master is no bridge
	//	ELOOP          a bridge cannot be a port of a bridge, itself included
	//	EXFULL         the master has 1023 ports already
	//	EBADF          the namespace to move to is closed
	ChangeLink(index int, change LinkChange) error

	// DeleteLink deletes a link, and of a veth both ends. ENODEV where no link has the index; EOPNOTSUPP for one that
	// cannot be deleted, such as lo.
	DeleteLink(index int) error
}

// RefuseName returns why no link can be asked for by such a name, which is EINVAL before anything is asked; "" where
// nothing is wrong with it, or Linux says so itself. For an empty one Linux makes up another when it adds a link
// (net/core/rtnetlink.c: rtnl_newlink_create), and changes none when it sets one (do_setlink); one with a zero it cuts.
func RefuseName(name string) (why string) {
	if name == "" || strings.Contains(name, "\x00") {
		return "a link needs a name without zeros"
	}
	return ""
}

// The kinds of links, by the names of ip-link(8). A loopback device, which has the index 1, and an Ethernet card have the
// kind "".
const (
	KindBridge = "bridge"
	KindVeth   = "veth"
	KindDummy  = "dummy"
	KindVLAN   = "vlan"
	KindVXLAN  = "vxlan"
)

// Limits of Linux.
const (
	MaxNameLen = 15 // bytes of a link's name: IFNAMSIZ - 1
	MinMTU     = 68 // of bridge and veth: ETH_MIN_MTU
	MaxMTU     = 65535
)

// A LinkSpec says what link to make.
type LinkSpec struct {
	Name   string
	Kind   string           // of those above
	MTU    int              // 0: the kind's default
	MAC    net.HardwareAddr // nil: random
	Master int              // index of the bridge it becomes a port of; 0: none
	Up     bool
	Peer   PeerSpec     // the other end of a veth
	Bridge BridgeChange // of a bridge
	Parent int          // of a vlan: the index of the link it is on; of a vxlan: of the one its packets go by, 0: any
	VLAN   int          // of a vlan: the ID of the tag that its frames have on the parent
	VXLAN  VXLAN        // of a vxlan
}

// A PeerSpec says what the other end of a new veth is.
type PeerSpec struct {
	Name  string
	MTU   int              // 0: the default
	MAC   net.HardwareAddr // nil: random
	NetNS NetNS            // nil: the namespace of the first end
}

// A LinkChange says what to set. A nil field stays as it is. (new(true), new(1400) make the pointers.)
type LinkChange struct {
	NetNS   NetNS // move the link there
	Name    *string
	MAC     net.HardwareAddr
	MTU     *int
	Alias   *string // "" takes it away
	Master  *int    // index of the bridge it becomes a port of; 0: of none
	Promisc *bool
	Up      *bool
}

// A Link is a network device as it was when it was read.
type Link struct {
	Index   int // positive; unique in its namespace, never used again there
	Name    string
	Kind    string
	Alias   string
	MTU     int
	MAC     net.HardwareAddr
	Up      bool      // IFF_UP: the administrator wants it up
	LowerUp bool      // IFF_LOWER_UP: it has a carrier
	Oper    OperState // may lag behind a change for some time on Linux
	Promisc bool      // IFF_PROMISC was asked for; see Promiscuity for the number of users
	// Promiscuity counts who needs the link promiscuous: the flag, a bridge, packet sockets.
	Promiscuity int
	Master      int  // index of the bridge it is a port of; 0: of none
	Port        Port // of a bridge's port: how the bridge treats it
	Peer        int  // of a veth: index of the other end, in the other end's namespace
	PeerHere    bool // of a veth: the other end is in the same namespace
	Bridge      Bridge
	VLAN        int  // of a vlan: its ID
	Parent      int  // of a vlan or vxlan: index of the link it is on, in that link's namespace
	ParentHere  bool // of a vlan or vxlan with a parent: that is the same namespace
	VXLAN       VXLAN
}

// An OperState is a link's operational state, by the names of RFC 2863 that ip-link(8) prints.
type OperState string

// The operational states.
const (
	OperUnknown        OperState = "UNKNOWN"
	OperNotPresent     OperState = "NOTPRESENT"
	OperDown           OperState = "DOWN"
	OperLowerLayerDown OperState = "LOWERLAYERDOWN"
	OperTesting        OperState = "TESTING"
	OperDormant        OperState = "DORMANT"
	OperUp             OperState = "UP"
)
