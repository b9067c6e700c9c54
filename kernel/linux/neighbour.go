//go:build linux

package linux

import (
	"encoding/binary"
	"net"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// An ndMsg is struct ndmsg, the head of a request about neighbours, which nl lacks.
type ndMsg struct {
	family uint8
	link   int
	state  uint16
	flags  uint8
}

const sizeofNdMsg = 12

// Len implements nl.NetlinkRequestData.
func (*ndMsg) Len() int { return sizeofNdMsg }

// Serialize implements nl.NetlinkRequestData.
func (m *ndMsg) Serialize() []byte {
	b := make([]byte, sizeofNdMsg)
	b[0] = m.family
	binary.NativeEndian.PutUint32(b[4:], uint32(m.link))
	binary.NativeEndian.PutUint16(b[8:], m.state)
	b[10] = m.flags
	return b
}

func parseNdMsg(b []byte) ndMsg {
	return ndMsg{
		family: b[0],
		link:   intOf(b[4:]),
		state:  binary.NativeEndian.Uint16(b[8:]),
	}
}

// Neighbours implements kernel.Neighbours. The kernel's order is that of a hash; ours is by link and address.
func (ns *NetNS) Neighbours(link int) ([]kernel.Neighbour, error) {
	var all []kernel.Neighbour
	err := ns.dump(unix.RTM_GETNEIGH, func(m []byte) {
		if n, ok := parseNeighbour(m); ok && (link == 0 || n.Link == link) {
			all = append(all, n)
		}
	}, &ndMsg{})
	slices.SortFunc(all, func(a, b kernel.Neighbour) int {
		if a.Link != b.Link {
			return a.Link - b.Link
		}
		return a.IP.Compare(b.IP)
	})
	return all, ns.fail("neighbour list", dev(link), err)
}

// AddNeighbour implements kernel.Neighbours.
func (ns *NetNS) AddNeighbour(n kernel.Neighbour) error {
	return ns.fail("neighbour add", describeNeighbour(n), ns.addNeighbour(n))
}

func (ns *NetNS) addNeighbour(n kernel.Neighbour) error {
	state, err := neighbourStateNumber(n.State)
	if err != nil {
		return err
	}
	parts, err := neighbourParts(n, state)
	if err != nil {
		return err
	}
	if n.MAC != nil {
		parts = append(parts, nl.NewRtAttr(unix.NDA_LLADDR, n.MAC))
	}
	return ns.change(unix.RTM_NEWNEIGH, create, parts...)
}

// DeleteNeighbour implements kernel.Neighbours.
func (ns *NetNS) DeleteNeighbour(n kernel.Neighbour) error {
	return ns.fail("neighbour delete", describeNeighbour(n), ns.deleteNeighbour(n))
}

func (ns *NetNS) deleteNeighbour(n kernel.Neighbour) error {
	parts, err := neighbourParts(n, 0)
	if err != nil {
		return err
	}
	return ns.change(unix.RTM_DELNEIGH, change, parts...)
}

// neighbourParts name an entry.
func neighbourParts(n kernel.Neighbour, state uint16) ([]nl.NetlinkRequestData, error) {
	if !n.IP.IsValid() {
		return nil, because(unix.EINVAL, "no address given")
	}
	if n.Link == 0 {
		return nil, unix.ENODEV // the kernel: EINVAL, for a request without a device (neigh_add)
	}
	head := &ndMsg{family: family(n.IP), link: n.Link, state: state}
	return []nl.NetlinkRequestData{head, attrAddr(unix.NDA_DST, n.IP)}, nil
}

func describeNeighbour(n kernel.Neighbour) string { return n.IP.String() + " " + dev(n.Link) }

// parseNeighbour reads an RTM_NEWNEIGH message; neigh_fill_info writes it. Entries without a state, and those that
// need no resolution, are left out, as ip-neighbour(8) does.
func parseNeighbour(m []byte) (kernel.Neighbour, bool) {
	head := parseNdMsg(m)
	n := kernel.Neighbour{Link: head.link, State: neighbourState(head.state)}
	attributes(m[sizeofNdMsg:], func(kind uint16, value []byte) {
		switch kind {
		case unix.NDA_DST:
			n.IP = addrOf(value)
		case unix.NDA_LLADDR:
			n.MAC = net.HardwareAddr(slices.Clone(value))
		}
	})
	return n, n.IP.IsValid() && n.State != "" && n.State != kernel.NoARP
}

// neighbourStates returns the names by the number of the bit of NUD_; include/uapi/linux/neighbour.h.
func neighbourStates() []kernel.NeighbourState {
	return []kernel.NeighbourState{
		kernel.Incomplete, kernel.Reachable, kernel.Stale, kernel.Delay,
		kernel.Probe, kernel.Failed, kernel.NoARP, kernel.Permanent,
	}
}

func neighbourState(bits uint16) kernel.NeighbourState {
	for i, state := range neighbourStates() {
		if bits == 1<<i {
			return state
		}
	}
	return ""
}

func neighbourStateNumber(state kernel.NeighbourState) (uint16, error) {
	if state == "" {
		state = kernel.Permanent
	}
	bit := slices.Index(neighbourStates(), state)
	if bit < 0 {
		return 0, because(unix.EINVAL, "no such state: "+string(state))
	}
	return 1 << bit, nil
}
