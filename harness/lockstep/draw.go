package lockstep

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// A Shape says what sequences are like.
type Shape struct {
	Length int // the most operations after the first few, which make namespaces

	// Without are nouns that the reference was built without. Operations about them are drawn rarely: nearly all of
	// them are refused.
	Without []Noun
}

// A Noun is something that a kernel can be built without.
type Noun string

// The nouns that a Shape may be without, by the topics of the laws.
const (
	NounVLAN     Noun = "vlan"     // VLANs of bridges
	NounVLANLink Noun = "vlanlink" // links of the kind vlan
	NounDummy    Noun = "dummy"    // links of the kind dummy

	// NounNFTFamily are the families of nftables other than bridge. What masquerades needs one of them.
	NounNFTFamily Noun = "packetfilter/masquerade/nft"

	NounBridged Noun = "bridged" // that iptables is asked about what bridges forward
)

// DefaultShape is long enough for states that a few operations do not make, and short enough to be read.
var DefaultShape = Shape{Length: 40}

// ShapeWithout is the default shape for a reference that lacks some nouns.
func ShapeWithout(lacks func(noun string) bool) Shape {
	s := DefaultShape
	for _, n := range []Noun{NounVLAN, NounVLANLink, NounDummy, NounNFTFamily, NounBridged} {
		if lacks(string(n)) {
			s.Without = append(s.Without, n)
		}
	}
	return s
}

// Sequence returns the generator of sequences.
func Sequence(s Shape) *rapid.Generator[[]operation.Operation] {
	return rapid.Custom(func(t *rapid.T) []operation.Operation {
		d := &drawer{t: t, m: newModel(), shape: s}
		if d.oneIn(crowdEvery) {
			d.crowd()
			return d.all
		}
		d.begin()
		for range s.Length {
			if d.percent(2) && len(d.all) > 10 {
				break // short sequences, too
			}
			d.add(d.misplaced(d.one()))
		}
		return d.all
	})
}

// A drawer draws one sequence.
type drawer struct {
	t      *rapid.T
	shape  Shape
	m      *model
	all    []operation.Operation
	filter filterMood // how often it is about netfilter
	dad    bool       // whether addresses are looked for on the link before they are used
	mac    byte       // the last that was given to a link
}

func (d *drawer) add(o operation.Operation) {
	d.all = append(d.all, o)
	d.m.done(o)
}

// netnsNames are the names of the namespaces of a sequence, beside the host's own.
var netnsNames = []string{"a", "b"}

// begin makes namespaces, and mostly switches duplicate address detection off. That of links that come later is what
// "default" says when they do (net/ipv6/addrconf.c ipv6_add_dev).
func (d *drawer) begin() {
	d.dad = d.percent(3)
	d.filter = d.filterMood()
	spaces := []string{kernel.HostNetNS}
	for _, name := range netnsNames[:d.below(len(netnsNames)+1)] {
		d.add(operation.NetNSAdd{Name: name})
		spaces = append(spaces, name)
	}
	for _, netns := range spaces {
		d.quiet(netns)
		if !d.percent(20) {
			d.add(operation.LinkSet{NetNS: netns, Link: "lo", Change: kernel.LinkChange{Up: new(true)}})
		}
	}
}

func (d *drawer) quiet(netns string) {
	if !d.dad {
		d.add(operation.SysctlSet{NetNS: netns, Key: "net/ipv6/conf/default/accept_dad", Value: "0"})
	}
}

// one draws the next operation.
func (d *drawer) one() operation.Operation {
	kinds := []struct {
		weight int
		draw   func() operation.Operation
	}{
		{14, d.linkAdd},
		{18, d.linkSet},
		{5, d.linkDelete},
		{8, d.portSet},
		{14, d.addressAdd},
		{6, d.addressDelete},
		{14, d.routeAdd},
		{7, d.routeDelete},
		{5, d.neighbourAdd},
		{4, d.neighbourDelete},
		{3, d.sysctlGet},
		{5, d.sysctlSet},
		{d.filter.nft, d.nftChange},
		{d.filter.iptables, d.iptablesChange},
		{d.weight(NounVLAN, 5), d.bridgeSet},
		{d.weight(NounVLAN, 6), d.vlanAdd},
		{d.weight(NounVLAN, 3), d.vlanDelete},
		{9, d.fdbAdd},
		{5, d.fdbDelete},
		{6, d.ruleAdd},
		{4, d.ruleDelete},
		{2, d.netnsAdd},
		{1, d.netnsDelete},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := d.below(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k.draw()
		}
	}
	panic("unreachable")
}

// weight is how often an operation about a noun is drawn, of about 150 times.
func (d *drawer) weight(n Noun, usual int) int {
	if slices.Contains(d.shape.Without, n) {
		return 1
	}
	return usual
}

// worthwhile reports whether something about a noun is to be drawn: rarely where the reference was built without it.
func (d *drawer) worthwhile(n Noun) bool { return !slices.Contains(d.shape.Without, n) || d.percent(5) }

// below draws a number from 0 to n-1, all about equally likely.
func (d *drawer) below(n int) int {
	if n <= 1 {
		return 0
	}
	return int(mix(rapid.Uint64().Draw(d.t, "n")) % uint64(n))
}

// mix spreads numbers evenly: rapid prefers small ones (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// oneIn is true once in n times. One draw is not even enough for that: rapid draws 0 and 1 once in 18 times each.
func (d *drawer) oneIn(n int) bool {
	var sum uint64
	for range 3 {
		sum = mix(sum + rapid.Uint64().Draw(d.t, "n"))
	}
	return sum%uint64(n) == 0
}

// percent is true that often.
func (d *drawer) percent(p int) bool { return d.below(100) < p }

// pick draws one of some values.
func pick[T any](d *drawer, of ...T) T { return of[d.below(len(of))] }

// mostly draws one of the usual values, and one of the odd ones in p of 100 cases.
func mostly[T any](d *drawer, p int, usual, odd []T) T {
	if d.percent(p) || len(usual) == 0 {
		return pick(d, odd...)
	}
	return pick(d, usual...)
}

// netns draws a namespace that is probably there.
func (d *drawer) netns() string { return mostly(d, 1, d.m.spaces, []string{"none", "a", "b"}) }

// linkName draws the name of a link of a namespace that is probably there and fits, if there is one.
func (d *drawer) linkName(netns string, fits func(*modelLink) bool) string {
	var names []string
	for _, l := range d.m.linksOf(netns, fits) {
		names = append(names, l.name)
	}
	return mostly(d, 4, names, append([]string{"none", "if1", "if2", "if3", "if99", "lo"}, newNames...))
}

// has reports whether there probably is a link that fits.
func (d *drawer) has(fits func(*modelLink) bool) bool { return slices.ContainsFunc(d.m.links, fits) }

// aLink draws a link of any namespace that is probably there and fits, if there is one.
func (d *drawer) aLink(fits func(*modelLink) bool) (netns, name string) {
	var all []*modelLink
	for _, l := range d.m.links {
		if fits(l) {
			all = append(all, l)
		}
	}
	if len(all) == 0 || d.percent(6) {
		netns = d.netns()
		return netns, d.linkName(netns, anyLink)
	}
	l := pick(d, all...)
	return l.netns, l.name
}

func anyLink(*modelLink) bool      { return true }
func notLo(l *modelLink) bool      { return l.kind != "" }
func isBridge(l *modelLink) bool   { return l.kind == kernel.KindBridge }
func isUp(l *modelLink) bool       { return l.up }
func isWithout6(l *modelLink) bool { return l.no6 }
func isPort(l *modelLink) bool     { return l.master != "" }

// canBePort reports whether a bridge takes a link as a port.
func canBePort(l *modelLink) bool { return l.kind != "" && l.kind != kernel.KindBridge }

// isNarrow reports whether a link is too small for IPv4, as lo alone can be; isNarrow6 for IPv6.
func isNarrow(l *modelLink) bool  { return l.kind == "" && l.mtu != 0 && l.mtu < 68 }
func isNarrow6(l *modelLink) bool { return l.mtu != 0 && l.mtu < 1280 }

// newNames are those of links to come. They are few, so that some are taken.
var newNames = []string{"v0", "v1", "v2", "v3", "v4", "v5", "br0", "br1", "eth0"}

// oddNames are those that Linux refuses, or takes although they look odd (net/core/dev.c dev_valid_name).
var oddNames = []string{
	"", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\x00b", "\xff", "\xc3\xa4", "lo", "all", "default", "v0.7", "-x",
	"fifteen-bytes-n", "sixteen-bytes-nm", "if7", "v%d", "%d", "a%b", "\x01", "\x7f", "\xa0",
}

// newName draws the name of a link to come.
func (d *drawer) newName(netns string) string {
	free := slices.DeleteFunc(slices.Clone(newNames), func(n string) bool { return d.m.link(netns, n) != nil })
	if d.percent(4) || len(free) == 0 {
		return pick(d, newNames...)
	}
	return mostly(d, 6, free, oddNames)
}

func (d *drawer) netnsAdd() operation.Operation {
	var free []string
	for _, name := range netnsNames {
		if !slices.Contains(d.m.spaces, name) {
			free = append(free, name)
		}
	}
	if len(free) == 0 && !d.percent(30) {
		return d.one()
	}
	return operation.NetNSAdd{Name: mostly(d, 12, free, append([]string{plainFile, absentFolder}, netnsNames...))}
}

func (d *drawer) netnsDelete() operation.Operation {
	return operation.NetNSDelete{Name: mostly(d, 20, d.m.spaces[1:], []string{"a", "b", "none", plainFile, plainFile, absentFolder})}
}

// Describe returns the lines of a sequence.
func Describe(sequence []operation.Operation) string {
	text := ""
	for _, o := range sequence {
		text += fmt.Sprintln(o)
	}
	return text
}
