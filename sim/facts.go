package sim

import (
	"encoding/binary"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// facts is what rules can ask of a packet.
type facts struct {
	flow
	ns             *namespace
	src4, dst4     uint32 // of IPv4, the same as numbers
	mac            mac    // of the sender of a frame
	protocol       uint8  // above IP; 0: none
	hasPorts       bool
	source, target uint16 // ports
	state          kernel.FlowStates
	connection     *connection // nil: conntrack was not asked, or knows none
}

// look notes what the packet says. A fragment but the first has no ports.
func (f *facts) look(p packet) {
	f.src, f.dst = p.src(), p.dst()
	if !p.v6() {
		f.src4, f.dst4 = binary.BigEndian.Uint32(p[12:]), binary.BigEndian.Uint32(p[16:])
	}
	f.protocol = uint8(p.protocol())
	f.hasPorts, f.source, f.target = false, 0, 0
	if f.protocol != protoTCP && f.protocol != protoUDP || !p.first() {
		return
	}
	if data := p.payload(); len(data) >= 4 {
		f.hasPorts = true
		f.source, f.target = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	}
}

// number4 is an IPv4 address as a number, 0 for any other.
func number4(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// nameOf is what rules see of a link; "" where there is none.
func nameOf(l *link) string {
	if l == nil {
		return ""
	}
	return l.name
}
