package kernel

import "net/netip"

// A VXLAN is what a link of the kind vxlan is told: it carries frames in UDP packets to other hosts. Which host a frame is
// for, its FDB entries alone say: it does not learn (IFLA_VXLAN_LEARNING is 0).
type VXLAN struct {
	ID    int        // 0 to MaxVXLAN
	Local netip.Addr // the IPv4 address that its packets come from; not valid: that of their route
	Port  int        // of UDP, on all hosts; 0 in a LinkSpec: VXLANPort
}

// Limits of VXLAN.
const (
	MaxVXLAN      = 1<<24 - 1
	VXLANPort     = 8472 // drivers/net/vxlan/vxlan_core.c: vxlan_port
	VXLANHeadroom = 50   // the bytes that a frame needs more on the way, over IPv4
)
