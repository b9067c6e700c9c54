package sim

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// An index finds those of a list of rules that can be about a packet, without a look at each of them: a rule is filed under
// one thing that it wants of a packet, the one that the fewest others want. A packet is asked about by what is filed under
// the things that it has, and by the rules that want nothing that could be filed, such as all packets but some.
//
// To file rules takes as long as to ask them of some packets. So all are asked of the first ones: most lists are short,
// or are changed before they meet many.
type index struct {
	always  []int32 // the places of rules that are filed under nothing, in order: all of them in the beginning
	drawers []drawer
	met     int // packets
}

// A drawer has rules that look at the same part of packets, each under the beginnings of it that the rule wants.
type drawer struct {
	part
	files shelf // places in order
}

// A part is that of a packet which tests of one kind look at, or the first bits of it.
type part struct {
	on   testKind
	bits int
}

// A label is a beginning that a part can have, as a number. Where two have the same number, a rule is asked in vain.
type label struct {
	part
	start uint64
}

const (
	worthFiling = 16 // packets
	fewRules    = 8
)

// newIndex makes one of so many rules.
func newIndex(n int) index {
	x := index{always: make([]int32, n)}
	for i := range x.always {
		x.always[i] = int32(i)
	}
	return x
}

// find appends to lists those that the rules are in which can be about a packet. tests are what a rule at a place asks, each
// of which has to hold.
func (x *index) find(f *facts, tests func(place int) []test, lists candidates) candidates {
	if len(x.always) > fewRules {
		if x.met++; x.met == worthFiling {
			x.file(tests)
		}
	}
	if len(x.always) > 0 {
		lists = append(lists, x.always)
	}
	for i := range x.drawers {
		d := &x.drawers[i]
		if found := d.files.at(d.startIn(f)); len(found) > 0 {
			lists = append(lists, found)
		}
	}
	return lists
}

// candidates are lists of places in order.
type candidates [][]int32

// next takes the first place out of all lists; not ok where they are empty.
func (c candidates) next() (place int, ok bool) {
	first := -1
	for i, list := range c {
		if len(list) > 0 && (first < 0 || list[0] < c[first][0]) {
			first = i
		}
	}
	if first < 0 {
		return 0, false
	}
	place, c[first] = int(c[first][0]), c[first][1:]
	return place, true
}

// file puts all rules where they belong.
func (x *index) file(tests func(place int) []test) {
	all, wanted := x.always, map[label]int{}
	for _, place := range all {
		for _, t := range tests(int(place)) {
			for _, l := range t.labels() {
				wanted[l]++
			}
		}
	}
	x.always = nil
	var parts []part // in the order in which they come
	filed := map[part]map[uint64][]int32{}
	for _, place := range all {
		labels := rarest(tests(int(place)), wanted)
		if labels == nil {
			x.always = append(x.always, place)
		}
		for _, l := range labels {
			if filed[l.part] == nil {
				parts, filed[l.part] = append(parts, l.part), map[uint64][]int32{}
			}
			filed[l.part][l.start] = append(filed[l.part][l.start], place)
		}
	}
	for _, p := range parts {
		x.drawers = append(x.drawers, drawer{p, newShelf(filed[p])})
	}
}

// rarest returns the labels of that test which the fewest rules share; nil where none has any.
func rarest(tests []test, wanted map[label]int) (labels []label) {
	least := 0
	for _, t := range tests {
		these, most := t.labels(), 0
		for _, l := range these {
			most = max(most, wanted[l])
		}
		if these != nil && (labels == nil || most < least) {
			labels, least = these, most
		}
	}
	return labels
}

// labels are those of which a packet has one if the test holds; nil where that cannot be said.
func (t *test) labels() []label {
	if t.not {
		return nil
	}
	switch l := (label{part: part{t.on, 64}}); t.on {
	case bySource4, byDestination4:
		l.bits = t.prefix.Bits()
		l.start = uint64(t.bits) << 32
		return []label{l}
	case bySource, byDestination:
		l.bits = t.prefix.Bits()
		l.start = start6(t.prefix.Addr(), l.bits)
		return []label{l}
	case byInLink, byOutLink:
		l.start = startOfName(t.link)
		return []label{l}
	case byProtocol:
		l.bits = protocolBits
		l.start = startOfPort(t.protocol, 0)
		return []label{l}
	case bySourcePort, byDestinationPort:
		return portLabels(t.on, t.protocol, t.ports)
	case bySourceMAC:
		l.start = startOfMAC(t.mac)
		return []label{l}
	}
	return nil
}

// startIn is how the part begins in a packet.
func (p part) startIn(f *facts) (start uint64) {
	switch p.on {
	case bySource4:
		start = uint64(f.src4) << 32
	case byDestination4:
		start = uint64(f.dst4) << 32
	case bySource:
		return start6(f.src, p.bits)
	case byDestination:
		return start6(f.dst, p.bits)
	case byInLink:
		return startOfName(nameOf(f.in))
	case byOutLink:
		return startOfName(nameOf(f.out))
	case byProtocol, bySourcePort:
		start = startOfPort(f.protocol, f.source)
	case byDestinationPort:
		start = startOfPort(f.protocol, f.target)
	case bySourceMAC:
		return startOfMAC(f.mac)
	}
	return start &^ (1<<(64-p.bits) - 1)
}

const protocolBits, portBits = 8, 16

// startOfPort has the protocol before the port, of which the first bits are a range of ports.
func startOfPort(protocol uint8, port uint16) uint64 {
	return uint64(protocol)<<(64-protocolBits) | uint64(port)<<(64-protocolBits-portBits)
}

// portLabels are the beginnings of all ports of a range, as few as there can be.
func portLabels(on testKind, protocol uint8, r kernel.PortRange) (list []label) {
	for first, end := int(r.First), int(r.Last)+1; first < end; {
		free := min(bits.TrailingZeros32(uint32(first)|1<<portBits), bits.Len32(uint32(end-first))-1)
		list = append(list, label{part{on, protocolBits + portBits - free}, startOfPort(protocol, uint16(first))})
		first += 1 << free
	}
	return list
}

// An odd number whose product with another tells much of it.
const golden = 0x9e3779b97f4a7c15

func start6(a netip.Addr, n int) uint64 {
	b := a.As16()
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if n <= 64 {
		return high &^ (1<<(64-n) - 1)
	}
	return high*golden ^ low&^(1<<(128-n)-1)
}

func startOfName(name string) (start uint64) {
	for i := range len(name) {
		start = (start ^ uint64(name[i])) * golden
	}
	return start
}

func startOfMAC(m mac) uint64 {
	return binary.BigEndian.Uint64([]byte{0, 0, m[0], m[1], m[2], m[3], m[4], m[5]})
}
