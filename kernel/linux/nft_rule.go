//go:build linux

package linux

import (
	"encoding/binary"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// A rule is a list of expressions that load a part of the packet into register 1 and compare it, and a last one that
// acts. These are written as nft(8) writes them, so that it reads them back as the same words.

const (
	nftRegister        = unix.NFT_REG_1
	nftVerdictRegister = 0 // NFT_REG_VERDICT
)

// What verdicts are by number; include/uapi/linux/netfilter.h and nf_tables.h.
const (
	nfDrop    = 0
	nfAccept  = 1
	nftJump   = -3
	nftGoTo   = -4
	nftReturn = -5
)

func verdictCode(a kernel.FilterAction) uint32 {
	code := map[kernel.FilterAction]int32{
		kernel.Drop: nfDrop, kernel.Accept: nfAccept, kernel.Jump: nftJump, kernel.GoTo: nftGoTo, kernel.Return: nftReturn,
	}[a]
	return uint32(code)
}

func actionOf(code uint32) kernel.FilterAction {
	for _, a := range []kernel.FilterAction{kernel.Drop, kernel.Accept, kernel.Jump, kernel.GoTo, kernel.Return} {
		if verdictCode(a) == code {
			return a
		}
	}
	return ""
}

// A ruleWriter collects the expressions of a rule.
type ruleWriter struct {
	family kernel.FilterFamily
	list   *nl.RtAttr

	of    kernel.FilterFamily   // the IP version that expressions so far have made sure of
	ports kernel.FilterProtocol // the protocol above it
}

func nftExpressions(family kernel.FilterFamily, r kernel.FilterRule) *nl.RtAttr {
	w := ruleWriter{family: family, list: nl.NewRtAttr(unix.NFTA_RULE_EXPRESSIONS|unix.NLA_F_NESTED, nil)}
	for _, m := range r.Matches {
		w.match(m)
	}
	switch r.Action {
	case "":
	case kernel.Masquerade:
		w.expression("masq", natFlags(unix.NFTA_MASQ_FLAGS, r)...)
	case kernel.SNAT, kernel.DNAT:
		w.translate(r)
	case kernel.Reject:
		w.reject(r)
	case kernel.SetMark, kernel.SetFlowMark:
		w.setMark(r.Action, r.Mark)
	case kernel.SaveMark, kernel.RestoreMark:
		w.copyMark(r.Action, r.Copy)
	default:
		w.verdict(r)
	}
	return w.list
}

// expression appends one expression.
func (w *ruleWriter) expression(name string, parts ...*nl.RtAttr) {
	element := w.list.AddRtAttr(unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, nil)
	element.AddRtAttr(unix.NFTA_EXPR_NAME, nl.ZeroTerminated(name))
	data := element.AddRtAttr(unix.NFTA_EXPR_DATA|unix.NLA_F_NESTED, nil)
	for _, p := range parts {
		data.AddChild(p)
	}
}

//go:noinline // see attrUint32
func attrBE32(kind int, v uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.BEUint32Attr(v)) }

// valueAttr is a value in a nested attribute.
//
//go:noinline // see attrUint32
func valueAttr(kind int, value []byte) *nl.RtAttr {
	a := nl.NewRtAttr(kind|unix.NLA_F_NESTED, nil)
	a.AddRtAttr(unix.NFTA_DATA_VALUE, value)
	return a
}

func (w *ruleWriter) verdict(r kernel.FilterRule) {
	data := nl.NewRtAttr(unix.NFTA_IMMEDIATE_DATA|unix.NLA_F_NESTED, nil)
	verdict := data.AddRtAttr(unix.NFTA_DATA_VERDICT|unix.NLA_F_NESTED, nil)
	verdict.AddRtAttr(unix.NFTA_VERDICT_CODE, nl.BEUint32Attr(verdictCode(r.Action)))
	if r.Target != "" {
		verdict.AddRtAttr(unix.NFTA_VERDICT_CHAIN, nl.ZeroTerminated(r.Target))
	}
	w.expression("immediate", attrBE32(unix.NFTA_IMMEDIATE_DREG, nftVerdictRegister), data)
}

func (w *ruleWriter) match(m kernel.FilterMatch) {
	switch m.On {
	case kernel.MatchSource, kernel.MatchDestination:
		w.matchAddress(m)
	case kernel.MatchInLink:
		w.meta(unix.NFT_META_IIFNAME)
		w.compare(m.Not, linkNameData(m.Link))
	case kernel.MatchOutLink:
		w.meta(unix.NFT_META_OIFNAME)
		w.compare(m.Not, linkNameData(m.Link))
	case kernel.MatchProtocol:
		w.meta(unix.NFT_META_L4PROTO)
		w.compare(m.Not, []byte{m.Protocol.Number()})
	case kernel.MatchSourcePort, kernel.MatchDestinationPort:
		w.matchPort(m)
	case kernel.MatchFlow:
		w.expression("ct", attrBE32(unix.NFTA_CT_KEY, unix.NFT_CT_STATE), attrBE32(unix.NFTA_CT_DREG, nftRegister))
		w.mask(stateData(m.States))
		w.compare(!m.Not, stateData(0))
	case kernel.MatchLocal:
		w.expression("fib", attrBE32(unix.NFTA_FIB_DREG, nftRegister),
			attrBE32(unix.NFTA_FIB_RESULT, unix.NFT_FIB_RESULT_ADDRTYPE), attrBE32(unix.NFTA_FIB_FLAGS, unix.NFTA_FIB_F_DADDR))
		w.compare(m.Not, localTypeData)
	case kernel.MatchMark, kernel.MatchFlowMark:
		w.matchMark(m)
	case kernel.MatchSourceMAC:
		w.payload(unix.NFT_PAYLOAD_LL_HEADER, etherSource, len(m.MAC))
		w.compare(m.Not, m.MAC)
	}
}

// matchPort writes what nft(8) does: "range" for ports out of a range, two comparisons for those in it.
func (w *ruleWriter) matchPort(m kernel.FilterMatch) {
	if w.ports != m.Protocol {
		w.ports = m.Protocol
		w.meta(unix.NFT_META_L4PROTO)
		w.compare(false, []byte{m.Protocol.Number()})
	}
	w.payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, portPlaces[m.On], portSize)
	first, last := portData(m.Ports.First), portData(m.Ports.Last)
	switch {
	case m.Ports.First == m.Ports.Last:
		w.compare(m.Not, first)
	case m.Not:
		w.expression("range", attrBE32(unix.NFTA_RANGE_SREG, nftRegister), attrBE32(unix.NFTA_RANGE_OP, unix.NFT_RANGE_NEQ),
			valueAttr(unix.NFTA_RANGE_FROM_DATA, first), valueAttr(unix.NFTA_RANGE_TO_DATA, last))
	default:
		w.compareBy(unix.NFT_CMP_GTE, first)
		w.compareBy(unix.NFT_CMP_LTE, last)
	}
}

// portPlaces are where the headers of TCP and UDP have their ports.
var portPlaces = map[kernel.MatchKey]int{kernel.MatchSourcePort: 0, kernel.MatchDestinationPort: 2}

const portSize = 2

func portData(port uint16) []byte { return binary.BigEndian.AppendUint16(nil, port) }

// stateData and localTypeData are numbers of the machine, not of the net: NF_CT_STATE_BIT, RTN_LOCAL.
func stateData(s kernel.FlowStates) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(s)) }

var localTypeData = binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL)

// nftRegister2 is the one for the port of a translation.
const nftRegister2 = unix.NFT_REG_2

// translate writes a translation, of which nft(8) has the address in one register and the port in another.
func (w *ruleWriter) translate(r kernel.FilterRule) {
	kind, of := uint32(unix.NFT_NAT_SNAT), uint32(unix.AF_INET)
	if r.Action == kernel.DNAT {
		kind = unix.NFT_NAT_DNAT
	}
	if r.To.Addr().Is6() {
		of = unix.AF_INET6
	}
	w.load(nftRegister, r.To.Addr().AsSlice())
	parts := []*nl.RtAttr{
		attrBE32(unix.NFTA_NAT_TYPE, kind), attrBE32(unix.NFTA_NAT_FAMILY, of), attrBE32(unix.NFTA_NAT_REG_ADDR_MIN, nftRegister),
	}
	if r.To.Port() != 0 {
		w.load(nftRegister2, portData(r.To.Port()))
		parts = append(parts, attrBE32(unix.NFTA_NAT_REG_PROTO_MIN, nftRegister2))
	}
	w.expression("nat", append(parts, natFlags(unix.NFTA_NAT_FLAGS, r)...)...)
}

// natRandom is the flag NF_NAT_RANGE_PROTO_RANDOM_FULLY.
const natRandom = 1 << 4

// natFlags are the flags of a translation that has any.
func natFlags(kind int, r kernel.FilterRule) []*nl.RtAttr {
	if !r.Random {
		return nil
	}
	return []*nl.RtAttr{attrBE32(kind, natRandom)}
}

// load writes a value into a register.
func (w *ruleWriter) load(register uint32, value []byte) {
	w.expression("immediate", attrBE32(unix.NFTA_IMMEDIATE_DREG, register), valueAttr(unix.NFTA_IMMEDIATE_DATA, value))
}

func (w *ruleWriter) reject(r kernel.FilterRule) {
	kind, code := uint32(unix.NFT_REJECT_TCP_RST), uint8(0)
	if r.With != kernel.RejectReset {
		known, _ := kernel.FindRejection(w.family, r.With)
		kind, code = rejectKind(w.family), known.Code
	}
	w.expression("reject", attrBE32(unix.NFTA_REJECT_TYPE, kind), nl.NewRtAttr(unix.NFTA_REJECT_ICMP_CODE, []byte{code}))
}

// rejectKind is the kind of rejection by ICMP that a family has.
func rejectKind(family kernel.FilterFamily) uint32 {
	if family == kernel.FilterInet {
		return unix.NFT_REJECT_ICMPX_UNREACH
	}
	return unix.NFT_REJECT_ICMP_UNREACH
}

// Where the parts of headers are that matches look at.
const etherSource = 6

func addressPlace(on kernel.MatchKey, v6 bool) (offset, size int) {
	switch {
	case on == kernel.MatchSource && !v6:
		return 12, 4
	case on == kernel.MatchDestination && !v6:
		return 16, 4
	case on == kernel.MatchSource:
		return 8, 16
	}
	return 24, 16
}

func linkNameData(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

func (w *ruleWriter) matchAddress(m kernel.FilterMatch) {
	v6 := m.Prefix.Addr().Is6()
	w.protocol(v6)
	offset, size := addressPlace(m.On, v6)
	value := m.Prefix.Addr().AsSlice()
	if m.Prefix.Bits()%8 == 0 {
		size = m.Prefix.Bits() / 8
		w.payload(unix.NFT_PAYLOAD_NETWORK_HEADER, offset, size)
		w.compare(m.Not, value[:size])
		return
	}
	w.payload(unix.NFT_PAYLOAD_NETWORK_HEADER, offset, size)
	w.mask(net.CIDRMask(m.Prefix.Bits(), size*8))
	w.compare(m.Not, value)
}

// protocol makes sure that the header is that of the IP version, where the family leaves that open.
func (w *ruleWriter) protocol(v6 bool) {
	of := kernel.FilterIP
	if v6 {
		of = kernel.FilterIP6
	}
	if w.of == of {
		return
	}
	w.of = of
	switch w.family {
	case kernel.FilterInet:
		w.meta(unix.NFT_META_NFPROTO)
		w.compare(false, nfProto(v6))
	case kernel.FilterBridge:
		w.meta(unix.NFT_META_PROTOCOL)
		w.compare(false, etherType(v6))
	}
}

func nfProto(v6 bool) []byte {
	if v6 {
		return []byte{unix.AF_INET6}
	}
	return []byte{unix.AF_INET}
}

func etherType(v6 bool) []byte {
	if v6 {
		return []byte{0x86, 0xdd}
	}
	return []byte{0x08, 0x00}
}

func (w *ruleWriter) meta(key uint32) {
	w.expression("meta", attrBE32(unix.NFTA_META_KEY, key), attrBE32(unix.NFTA_META_DREG, nftRegister))
}

func (w *ruleWriter) payload(base uint32, offset, size int) {
	w.expression("payload", attrBE32(unix.NFTA_PAYLOAD_DREG, nftRegister), attrBE32(unix.NFTA_PAYLOAD_BASE, base),
		attrBE32(unix.NFTA_PAYLOAD_OFFSET, uint32(offset)), attrBE32(unix.NFTA_PAYLOAD_LEN, uint32(size)))
}

func (w *ruleWriter) mask(mask []byte) { w.bitwise(mask, make([]byte, len(mask))) }

// bitwise keeps some bits of what is in the register, and then turns some over.
func (w *ruleWriter) bitwise(mask, xor []byte) {
	w.expression("bitwise", attrBE32(unix.NFTA_BITWISE_SREG, nftRegister), attrBE32(unix.NFTA_BITWISE_DREG, nftRegister),
		attrBE32(unix.NFTA_BITWISE_LEN, uint32(len(mask))), valueAttr(unix.NFTA_BITWISE_MASK, mask),
		valueAttr(unix.NFTA_BITWISE_XOR, xor))
}

func (w *ruleWriter) compare(not bool, value []byte) {
	op := uint32(unix.NFT_CMP_EQ)
	if not {
		op = unix.NFT_CMP_NEQ
	}
	w.compareBy(op, value)
}

func (w *ruleWriter) compareBy(op uint32, value []byte) {
	w.expression("cmp", attrBE32(unix.NFTA_CMP_SREG, nftRegister), attrBE32(unix.NFTA_CMP_OP, op),
		valueAttr(unix.NFTA_CMP_DATA, value))
}
