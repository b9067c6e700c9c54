package kernel

import (
	"net"
	"net/netip"
)

// Neighbours are the entries that say which MAC has an IP address on a link: ARP and NDP.
type Neighbours interface {
	// Neighbours returns the entries of the link with the index, or of all links for index 0, without the NOARP
	// entries that the kernel keeps for multicast and loopback.
	Neighbours(link int) ([]Neighbour, error)

	// AddNeighbour makes an entry (NLM_F_CREATE|NLM_F_EXCL). EEXIST where the link has one for the address; ENODEV
	// where no link has the index; EINVAL without an address.
	AddNeighbour(n Neighbour) error

	// DeleteNeighbour deletes the entry of n's Link and IP. ENOENT where there is none.
	DeleteNeighbour(n Neighbour) error
}

// A Neighbour entry.
type Neighbour struct {
	Link  int
	IP    netip.Addr
	MAC   net.HardwareAddr // nil while it is not known
	State NeighbourState   // "" for AddNeighbour: Permanent
}

// A NeighbourState is the state of an entry, by the names of ip-neighbour(8).
type NeighbourState string

// The states.
const (
	Permanent  NeighbourState = "PERMANENT"
	Reachable  NeighbourState = "REACHABLE"
	Stale      NeighbourState = "STALE"
	Delay      NeighbourState = "DELAY"
	Probe      NeighbourState = "PROBE"
	Incomplete NeighbourState = "INCOMPLETE"
	Failed     NeighbourState = "FAILED"
	NoARP      NeighbourState = "NOARP"
)
