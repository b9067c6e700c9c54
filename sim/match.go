package sim

import (
	"encoding/binary"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// A test is a match with what it compares with at hand.
type test struct {
	on       testKind
	not      bool
	protocol uint8
	ports    kernel.PortRange
	list     *kernel.PortList
	states   kernel.FlowStates
	mac      mac
	link     string
	prefix   netip.Prefix
	bits     uint32 // of an IPv4 prefix, the same as a number; or of a mark
	mask     uint32
}

// A testKind is what a test looks at.
type testKind uint8

const (
	bySource testKind = iota
	bySource4
	byDestination
	byDestination4
	byInLink
	byOutLink
	byProtocol
	bySourcePort
	byDestinationPort
	byFlow
	byLocal
	bySourceMAC
	byMark
	byFlowMark
	bySourcePorts
	byDestinationPorts
)

var testKinds = map[kernel.MatchKey]testKind{
	kernel.MatchSource: bySource, kernel.MatchDestination: byDestination, kernel.MatchInLink: byInLink,
	kernel.MatchOutLink: byOutLink, kernel.MatchProtocol: byProtocol, kernel.MatchSourcePort: bySourcePort,
	kernel.MatchDestinationPort: byDestinationPort, kernel.MatchFlow: byFlow, kernel.MatchLocal: byLocal,
	kernel.MatchSourceMAC: bySourceMAC, kernel.MatchMark: byMark, kernel.MatchFlowMark: byFlowMark,
	kernel.MatchSourcePorts: bySourcePorts, kernel.MatchDestinationPorts: byDestinationPorts,
}

func newTest(m kernel.FilterMatch) test {
	t := test{
		on: testKinds[m.On], not: m.Not, protocol: m.Protocol.Number(), ports: m.Ports, states: m.States, link: m.Link, prefix: m.Prefix,
		bits: m.Mark.Value, mask: m.Mark.Mask,
	}
	if m.List != nil {
		t.list = &m.List
	}
	copy(t.mac[:], m.MAC)
	if t.prefix.IsValid() && t.prefix.Addr().Is4() {
		t.on++ // bySource4, byDestination4
		a := t.prefix.Addr().As4()
		t.mask = ^uint32(0) << (32 - t.prefix.Bits())
		t.bits = binary.BigEndian.Uint32(a[:])
	}
	return t
}

// holds reports whether a match is true. One about an address is true of no packet of the other IP version, negated or
// not, and one about a port of none of another protocol.
func (t *test) holds(f *facts) bool {
	switch t.on {
	case bySource4:
		return (f.src4&t.mask == t.bits) != t.not && f.src.Is4()
	case byDestination4:
		return (f.dst4&t.mask == t.bits) != t.not && f.dst.Is4()
	case bySource:
		return f.src.Is6() && t.prefix.Contains(f.src) != t.not
	case byDestination:
		return f.dst.Is6() && t.prefix.Contains(f.dst) != t.not
	case byInLink:
		return (nameOf(f.in) == t.link) != t.not
	case byOutLink:
		return (nameOf(f.out) == t.link) != t.not
	case byProtocol:
		return (f.protocol == t.protocol) != t.not
	case bySourcePort:
		return f.hasPorts && f.protocol == t.protocol && t.ports.Contains(f.source) != t.not
	case byDestinationPort:
		return f.hasPorts && f.protocol == t.protocol && t.ports.Contains(f.target) != t.not
	case bySourcePorts: // multiport_mt
		return f.hasPorts && f.protocol == t.protocol && t.list.Contains(f.source) != t.not
	case byDestinationPorts:
		return f.hasPorts && f.protocol == t.protocol && t.list.Contains(f.target) != t.not
	case byFlow:
		return (f.state&t.states != 0) != t.not
	case byLocal:
		return f.ns.local(f.dst) != t.not
	case bySourceMAC:
		return (f.mac == t.mac) != t.not
	case byMark:
		return (f.mark&t.mask == t.bits) != t.not
	case byFlowMark: // nft_ct_get_eval, connmark_mt
		return f.connection != nil && (f.connection.mark&t.mask == t.bits) != t.not
	}
	return false
}
