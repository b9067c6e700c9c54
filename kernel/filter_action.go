package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// A FilterAction is what becomes of a packet.
type FilterAction string

// The actions, by the names of nft(8). Without one a rule has no effect.
const (
	Accept     FilterAction = "accept"
	Drop       FilterAction = "drop"
	Return     FilterAction = "return" // go on behind the rule that jumped here; in a base chain: its policy
	Jump       FilterAction = "jump"   // ask another chain, then go on
	GoTo       FilterAction = "goto"   // ask another chain instead of the rest of this one
	Reject     FilterAction = "reject" // drop, and tell the sender With what
	Masquerade FilterAction = "masquerade"
	SNAT       FilterAction = "snat" // To is to be the sender of the flow: at postrouting and input
	DNAT       FilterAction = "dnat" // To is to be the receiver of the flow: at prerouting and output
	// SetMark changes the packet's mark as Mark says, and the next rule is asked. One of iptables' mangle at OUTPUT, or of a
	// chain of the type route, has the packet routed anew.
	SetMark FilterAction = "meta mark set"
	// SetFlowMark changes the mark of the packet's flow as Mark says, SaveMark sets it by that of the packet as Copy says, and
	// RestoreMark that of the packet by the flow's. Then the next rule is asked. Where conntrack knows no flow nothing is
	// done. Not in the family bridge.
	SetFlowMark FilterAction = "ct mark set"
	SaveMark    FilterAction = "ct mark set meta mark"
	RestoreMark FilterAction = "meta mark set ct mark"
)

var filterActions = []FilterAction{
	"", Accept, Drop, Return, Jump, GoTo, Reject, Masquerade, SNAT, DNAT, SetMark, SetFlowMark, SaveMark, RestoreMark,
}

// setsMark reports whether the action gives a packet or a flow a mark that the rule says.
func (a FilterAction) setsMark() bool { return a == SetMark || a == SetFlowMark }

// copiesMark reports whether the action gives a packet its flow's mark, or the other way round.
func (a FilterAction) copiesMark() bool { return a == SaveMark || a == RestoreMark }

// UsesFlow reports whether the action is about the packet's flow.
func (a FilterAction) UsesFlow() bool { return a.Translates() || a == SetFlowMark || a.copiesMark() }

// Translates reports whether the action gives a flow other addresses.
func (a FilterAction) Translates() bool { return a == Masquerade || a.translatesTo() }

func (a FilterAction) translatesTo() bool { return a == SNAT || a == DNAT }

// A Rejection is what the sender of a packet is told, by the words of nft(8) behind "with". The zero value is the port
// unreachable of the IP version.
type Rejection string

// RejectReset is a TCP reset, for rules that are true of TCP alone.
const RejectReset Rejection = "tcp reset"

// A RejectionKind says how a Rejection is written. Those of FilterInet are for the family bridge too.
type RejectionKind struct {
	Family   FilterFamily
	With     Rejection
	Code     uint8  // of nftables: of ICMP, of ICMPv6, or one that stands for both
	IPTables string // behind --reject-with; "" where iptables has none
}

// Rejections are all of them but RejectReset.
var Rejections = []RejectionKind{
	{FilterIP, "", 3, "icmp-port-unreachable"},
	{FilterIP, "icmp net-unreachable", 0, "icmp-net-unreachable"},
	{FilterIP, "icmp host-unreachable", 1, "icmp-host-unreachable"},
	{FilterIP, "icmp prot-unreachable", 2, "icmp-proto-unreachable"},
	{FilterIP, "icmp net-prohibited", 9, "icmp-net-prohibited"},
	{FilterIP, "icmp host-prohibited", 10, "icmp-host-prohibited"},
	{FilterIP, "icmp admin-prohibited", 13, "icmp-admin-prohibited"},
	{FilterIP6, "", 4, "icmp6-port-unreachable"},
	{FilterIP6, "icmpv6 no-route", 0, "icmp6-no-route"},
	{FilterIP6, "icmpv6 admin-prohibited", 1, "icmp6-adm-prohibited"},
	{FilterIP6, "icmpv6 addr-unreachable", 3, "icmp6-addr-unreachable"},
	{FilterInet, "", 1, ""},
	{FilterInet, "icmpx no-route", 0, ""},
	{FilterInet, "icmpx host-unreachable", 2, ""},
	{FilterInet, "icmpx admin-prohibited", 3, ""},
}

// FindRejection returns what is known of a rejection in a family; not ok where that has none.
func FindRejection(family FilterFamily, with Rejection) (kind RejectionKind, ok bool) {
	i := slices.IndexFunc(Rejections, func(k RejectionKind) bool { return k.Family == family && k.With == with })
	if i < 0 {
		return RejectionKind{}, false
	}
	return Rejections[i], true
}

// validAction reports whether a rule of the family can act as it says it does.
func (r *FilterRule) validAction(family FilterFamily) bool {
	leads := r.Action == Jump || r.Action == GoTo
	of, ok := protocolOf(r.Matches)
	switch {
	case !ok, !slices.Contains(filterActions, r.Action):
		return false
	case leads != (r.Target != ""), r.Action.translatesTo() != r.To.IsValid(), r.With != "" && r.Action != Reject,
		r.Random && r.Action != Masquerade && r.Action != SNAT, r.Action.setsMark() != (r.Mark != FilterMark{}), r.Action.copiesMark() != (r.Copy.From != 0):
		return false
	case family == FilterBridge && (r.Action.UsesFlow() || r.Action == Reject):
		return false
	case r.Action.translatesTo():
		return r.validTranslation(family, of)
	case r.With == RejectReset:
		return of == FilterTCP
	case r.Action == Reject:
		_, known := FindRejection(family, r.With)
		return known
	}
	return true
}

// validTranslation wants an address of the family, and a port for what has ports alone.
func (r *FilterRule) validTranslation(family FilterFamily, of FilterProtocol) bool {
	to := r.To.Addr()
	ofFamily := family == FilterInet || to.Is4() == (family == FilterIP)
	return ofFamily && !to.Is4In6() && to.Zone() == "" && !to.IsUnspecified() && (r.To.Port() == 0 || of.HasPorts())
}

// actionWords are those of nft(8) for what a rule does.
func (r *FilterRule) actionWords() []string {
	switch {
	case r.Action == "":
		return nil
	case r.Action.translatesTo():
		return r.withRandom([]string{string(r.Action), ipWord(r.To.Addr()), "to", translationText(r.To)}, nftRandom)
	case r.Action == Masquerade:
		return r.withRandom([]string{string(r.Action)}, nftRandom)
	case r.Action.setsMark():
		return r.Mark.setWords(r.Action)
	case r.Action.copiesMark():
		return r.Copy.words(r.Action)
	case r.With != "":
		return append([]string{string(r.Action), "with"}, strings.Fields(string(r.With))...)
	case r.Target != "":
		return []string{string(r.Action), r.Target}
	}
	return []string{string(r.Action)}
}

// nftRandom is how nft(8) says Random.
const nftRandom = "fully-random"

// withRandom adds the word for Random to others, where the rule says so.
func (r *FilterRule) withRandom(words []string, word string) []string {
	if r.Random {
		words = append(words, word)
	}
	return words
}

// translationText is an address with its port where it has one. (netip.AddrPort has always one.)
func translationText(to netip.AddrPort) string {
	if to.Port() == 0 {
		return to.Addr().String()
	}
	return to.String()
}

func readTranslation(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	to, err := netip.ParseAddrPort(text)
	if err == nil && to.Port() == 0 {
		err = fmt.Errorf("no port: %q", text)
	}
	return to, err
}

// translation reads "[ip|ip6] to ADDRESS[:PORT]".
func (r *wordReader) translation() netip.AddrPort {
	_ = r.skip("ip") || r.skip("ip6")
	r.expect("to")
	to, err := readTranslation(r.next())
	if err != nil {
		r.fail(err.Error())
	}
	return to
}

// rejection reads "with icmp port-unreachable", or nothing.
func (r *wordReader) rejection() Rejection {
	if !r.skip("with") {
		return ""
	}
	with := Rejection(r.next() + " " + r.next())
	switch with {
	case "icmp port-unreachable", "icmpv6 port-unreachable", "icmpx port-unreachable":
		return ""
	}
	return with
}
