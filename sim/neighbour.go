package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// A neighbour is an entry that says which MAC an IP address has on a link.
type neighbour struct {
	ip    netip.Addr
	mac   mac
	known bool                  // mac is
	state kernel.NeighbourState // as it was last looked at: see now
	resolution
}
