package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A FilterMatch is true of some packets. Which of its fields counts, On says.
type FilterMatch struct {
	On       MatchKey
	Not      bool // true of all others; of a port: of the others of the protocol
	Prefix   netip.Prefix
	Link     string
	MAC      net.HardwareAddr
	Protocol FilterProtocol
	Ports    PortRange
	List     PortList
	States   FlowStates
	Mark     FilterMark
}

// A MatchKey is what of a packet is looked at, by the names of nft(8).
type MatchKey string

// The keys. The matches of an iptables rule come in this order.
const (
	MatchSource          MatchKey = "saddr"        // Prefix: of the sender's address
	MatchDestination     MatchKey = "daddr"        // Prefix: of the receiver's
	MatchInLink          MatchKey = "iifname"      // Link: by which it came
	MatchOutLink         MatchKey = "oifname"      // Link: by which it leaves
	MatchProtocol        MatchKey = "meta l4proto" // Protocol: above IP; no other match of the rule is about ports
	MatchSourcePort      MatchKey = "sport"        // Protocol, Ports: of the sender
	MatchDestinationPort MatchKey = "dport"        // Protocol, Ports: of the receiver
	// List: one of several. These are iptables' alone.
	MatchSourcePorts      MatchKey = "sports"
	MatchDestinationPorts MatchKey = "dports"

	MatchFlow      MatchKey = "ct state"       // States: what its flow is to conntrack; not in the family bridge
	MatchLocal     MatchKey = "fib daddr type" // the receiver's address is the namespace's own; not in the family bridge
	MatchMark      MatchKey = "meta mark"      // Mark: what rules have set before
	MatchFlowMark  MatchKey = "ct mark"        // Mark: of its flow; not in the family bridge
	MatchSourceMAC MatchKey = "ether saddr"    // MAC: only in the family bridge
)

// IPTablesMatches are the keys that iptables has, in its order.
var IPTablesMatches = []MatchKey{
	MatchSource, MatchDestination, MatchInLink, MatchOutLink, MatchProtocol, MatchSourcePort, MatchDestinationPort,
	MatchSourcePorts, MatchDestinationPorts, MatchFlow, MatchLocal, MatchMark, MatchFlowMark,
}

// UsesFlow reports whether the match is about the packet's flow. Of packets that conntrack has not been asked about, or
// knows no flow of, one about a flow's mark is not true, negated or not.
func (k MatchKey) UsesFlow() bool { return k == MatchFlow || k == MatchFlowMark }

// onMark reports whether a mark is compared.
func (k MatchKey) onMark() bool { return k == MatchMark || k == MatchFlowMark }

// A FilterProtocol is one above IP, by the names of nft(8).
type FilterProtocol string

// The protocols. The first two have ports.
const (
	FilterTCP    FilterProtocol = "tcp"
	FilterUDP    FilterProtocol = "udp"
	FilterICMP   FilterProtocol = "icmp"
	FilterICMPv6 FilterProtocol = "icmpv6"
)

// filterProtocols are the protocols by their numbers.
var filterProtocols = []struct {
	protocol FilterProtocol
	number   uint8
}{{FilterTCP, 6}, {FilterUDP, 17}, {FilterICMP, 1}, {FilterICMPv6, 58}}

// Number is the protocol's in the header of IP; 0 for one that is unknown.
func (p FilterProtocol) Number() uint8 {
	for _, known := range filterProtocols {
		if known.protocol == p {
			return known.number
		}
	}
	return 0
}

// FilterProtocolOf is the protocol with a number; "" for one that the model does not have.
func FilterProtocolOf(number uint8) FilterProtocol {
	for _, known := range filterProtocols {
		if known.number == number {
			return known.protocol
		}
	}
	return ""
}

// HasPorts reports whether packets of the protocol have ports.
func (p FilterProtocol) HasPorts() bool { return p == FilterTCP || p == FilterUDP }

// A PortRange is all ports from First to Last.
type PortRange struct{ First, Last uint16 }

// Contains reports whether a port is one of the range.
func (r PortRange) Contains(port uint16) bool { return r.First <= port && port <= r.Last }

func (r PortRange) text(dash string) string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d%s%d", r.First, dash, r.Last)
}

// A PortList is several ranges of ports, in the order in which they were written. (iptables-extensions(8), multiport.)
type PortList []PortRange

// MaxPorts is how many ports can be in a PortList, of which a range counts as two: XT_MULTI_PORTS.
const MaxPorts = 15

// Contains reports whether a port is in one of the ranges.
func (l PortList) Contains(port uint16) bool {
	for _, r := range l {
		if r.Contains(port) {
			return true
		}
	}
	return false
}

func (l PortList) valid() bool {
	ports := len(l)
	for _, r := range l {
		if r.First > r.Last {
			return false
		}
		if r.First != r.Last {
			ports++
		}
	}
	return ports > 0 && ports <= MaxPorts
}

func (l PortList) text(dash string) (text string) {
	for i, r := range l {
		if i > 0 {
			text += ","
		}
		text += r.text(dash)
	}
	return text
}

func readPortList(text, dash string) (l PortList, err error) {
	for more := true; more && err == nil; {
		var part string
		var r PortRange
		part, text, more = strings.Cut(text, ",")
		r, err = readPorts(part, dash)
		l = append(l, r)
	}
	return l, err
}

func readPorts(text, dash string) (r PortRange, err error) {
	first, last, isRange := strings.Cut(text, dash)
	if !isRange {
		last = first
	}
	for _, p := range []struct {
		text string
		port *uint16
	}{{first, &r.First}, {last, &r.Last}} {
		n, err := strconv.ParseUint(p.text, 10, 16)
		if err != nil {
			return r, fmt.Errorf("no port: %w", err)
		}
		*p.port = uint16(n)
	}
	return r, nil
}

// FlowStates is a set of what a packet can be to conntrack.
type FlowStates uint8

// The states, by the bits that nftables has for them (include/uapi/linux/netfilter/nf_conntrack_common.h:
// NF_CT_STATE_BIT).
const (
	FlowInvalid     FlowStates = 1 << iota // no flow that could be: also what conntrack has not seen yet
	FlowEstablished                        // of a flow in which there was a reply, or that reply
	FlowRelated                            // an ICMP error about a flow
	FlowNew                                // of a flow without a reply
)

const everyFlowState = FlowInvalid | FlowEstablished | FlowRelated | FlowNew

var flowStateNames = []string{"invalid", "established", "related", "new"} // by their bits

// String returns the names of the states with commas between them.
func (s FlowStates) String() string {
	var names []string
	for bit, name := range flowStateNames {
		if s&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

func readFlowStates(text string) (s FlowStates, err error) {
	for name := range strings.SplitSeq(strings.ToLower(text), ",") {
		bit := slices.Index(flowStateNames, name)
		if bit < 0 {
			return 0, fmt.Errorf("does not know the state %q", name)
		}
		s |= 1 << bit
	}
	return s, nil
}

// valid reports whether a match can be in a rule of the family.
func (m FilterMatch) valid(family FilterFamily) bool {
	switch m.On {
	case MatchSource, MatchDestination:
		p := m.Prefix
		if !p.IsValid() || p.Bits() == 0 || p != p.Masked() || p.Addr().Is4In6() {
			return false
		}
		return family != FilterIP && family != FilterIP6 || p.Addr().Is4() == (family == FilterIP)
	case MatchInLink, MatchOutLink:
		return m.Link != "" && len(m.Link) <= MaxNameLen && isLine(m.Link) && !strings.ContainsAny(m.Link, "*+\" ")
	case MatchProtocol:
		return m.Protocol.Number() != 0
	case MatchSourcePort, MatchDestinationPort:
		return m.Protocol.HasPorts() && m.Ports.First <= m.Ports.Last && m.Ports != PortRange{0, 65535}
	case MatchSourcePorts, MatchDestinationPorts:
		return m.Protocol.HasPorts() && m.List.valid()
	case MatchFlow:
		return m.States != 0 && m.States&^everyFlowState == 0 && family != FilterBridge
	case MatchLocal:
		return family != FilterBridge
	case MatchMark:
		return m.Mark.Mask != 0
	case MatchFlowMark:
		return m.Mark.Mask != 0 && family != FilterBridge
	case MatchSourceMAC:
		return len(m.MAC) == 6 && family == FilterBridge
	}
	return false
}

// onPort reports whether one port is compared, or one range.
func (k MatchKey) onPort() bool { return k == MatchSourcePort || k == MatchDestinationPort }

// onPorts reports whether a list of ports is.
func (k MatchKey) onPorts() bool { return k == MatchSourcePorts || k == MatchDestinationPorts }

func (k MatchKey) onAnyPort() bool { return k.onPort() || k.onPorts() }

// portsOf is the protocol of the first match of a kind that is on ports; "" where there is none.
func portsOf(matches []FilterMatch, kind func(MatchKey) bool) FilterProtocol {
	for i := range matches {
		if kind(matches[i].On) {
			return matches[i].Protocol
		}
	}
	return ""
}

// protocolOf is the one protocol of which a rule with these matches can be true; "" for any. Not ok where they name
// two, or one twice, which a rule says once.
func protocolOf(matches []FilterMatch) (of FilterProtocol, ok bool) {
	named, ported := 0, false
	for i := range matches {
		m := &matches[i]
		switch {
		case m.On.onAnyPort() && of != "" && of != m.Protocol:
			return "", false
		case m.On.onAnyPort():
			of, ported = m.Protocol, true
		case m.On == MatchProtocol:
			named++
			if !m.Not {
				of = m.Protocol
			}
		}
	}
	return of, named <= 1 && (named == 0 || !ported)
}

// words are those of nft(8).
func (m FilterMatch) words() []string {
	var w []string
	switch {
	case m.On == MatchSource || m.On == MatchDestination:
		w = append(w, ipWord(m.Prefix.Addr()))
	case m.On.onAnyPort():
		w = append(w, string(m.Protocol))
	}
	w = append(w, strings.Fields(string(m.On))...)
	if m.On.onMark() {
		w = append(w, m.Mark.maskWords()...)
	}
	switch {
	case m.Not && m.On == MatchFlow:
		w = append(w, "!") // none of them; with "!=" nft would ask for another set of them
	case m.Not:
		w = append(w, "!=")
	case m.On.onMark() && m.Mark.Mask != wholeMark:
		w = append(w, "==")
	}
	return append(w, m.value())
}

func ipWord(a netip.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ip6"
}

// value is what the match compares with. As for nft(8), an address stands for the prefix of its whole length.
func (m FilterMatch) value() string {
	switch m.On {
	case MatchSource, MatchDestination:
		if m.Prefix.IsSingleIP() {
			return m.Prefix.Addr().String()
		}
		return m.Prefix.String()
	case MatchSourceMAC:
		return m.MAC.String()
	case MatchProtocol:
		return string(m.Protocol)
	case MatchSourcePort, MatchDestinationPort:
		return m.Ports.text("-")
	case MatchSourcePorts, MatchDestinationPorts:
		return m.List.text("-")
	case MatchFlow:
		return m.States.String()
	case MatchLocal:
		return localType
	case MatchMark, MatchFlowMark:
		return markWord(m.Mark.Value)
	}
	return m.Link
}

const localType = "local"

// firstMatchWords are those with which a match begins.
var firstMatchWords = []string{"ip", "ip6", "iifname", "oifname", "ether", "meta", "tcp", "udp", "ct", "fib"}

// match reads a match behind its first word.
func (r *wordReader) match(first string) FilterMatch {
	m := FilterMatch{On: MatchKey(first)}
	switch first {
	case "ip", "ip6":
		m.On = MatchKey(r.next())
	case "tcp", "udp":
		m.Protocol, m.On = FilterProtocol(first), MatchKey(r.next())
	case "ether", "meta", "ct":
		m.On = MatchKey(first + " " + r.next())
	case "fib":
		m.On = MatchKey(first + " " + r.next() + " " + r.next())
	}
	if m.On.onMark() {
		m.Mark.Mask = r.operand(markOperators[0], wholeMark)
	}
	if !r.skip("==") {
		m.Not = r.skip("!=") || m.On == MatchFlow && r.skip("!")
	}
	if err := m.read(r.next(), "-"); err != nil {
		r.fail(err.Error())
	}
	return m
}

// read takes the value that a match compares with, in which dash stands between the ends of a range.
func (m *FilterMatch) read(value, dash string) (err error) {
	switch m.On {
	case MatchSource, MatchDestination:
		m.Prefix, err = parsePrefixOrAddress(value)
	case MatchInLink, MatchOutLink:
		m.Link = value
	case MatchProtocol:
		m.Protocol = FilterProtocol(value)
	case MatchSourcePort, MatchDestinationPort:
		m.Ports, err = readPorts(value, dash)
	case MatchSourcePorts, MatchDestinationPorts:
		m.List, err = readPortList(value, dash)
	case MatchFlow:
		m.States, err = readFlowStates(value)
	case MatchLocal:
		if strings.ToLower(value) != localType {
			err = fmt.Errorf("does not know the type %q", value)
		}
	case MatchMark, MatchFlowMark:
		m.Mark.Value, err = readMark(value)
	case MatchSourceMAC:
		m.MAC, err = net.ParseMAC(value)
	default:
		return fmt.Errorf("does not know %q", m.On)
	}
	return err
}

func parsePrefixOrAddress(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return a.Prefix(a.BitLen())
	}
	return netip.ParsePrefix(s)
}
