//go:build linux

package linux

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// An expression is one as it was read: its name, its numbers by attribute, and its bytes.
type expression struct {
	name    string
	numbers map[uint16]uint32
	values  map[uint16][]byte // of nested attributes
	data    []byte
}

// ruleOf reads an NFT_MSG_NEWRULE message.
func ruleOf(family kernel.FilterFamily, m []byte) kernel.FilterRule {
	var r kernel.FilterRule
	var list []expression
	strange := false
	attributes(m, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_RULE_HANDLE:
			r.Handle = binary.BigEndian.Uint64(value)
		case unix.NFTA_RULE_EXPRESSIONS:
			attributes(value, func(_ uint16, element []byte) { list = append(list, expressionOf(element)) })
		case unix.NFTA_RULE_USERDATA:
			r.Comment = commentOf(value)
		case unix.NFTA_RULE_COMPAT:
			strange = true
		}
	})
	reader := ruleReader{family: family, rest: list}
	if reader.read(&r); strange || reader.failed || !reader.sameAgain(r) {
		return kernel.FilterRule{Handle: r.Handle, Opaque: opaque(list, r.Comment)}
	}
	return r
}

func expressionOf(element []byte) expression {
	e := expression{numbers: map[uint16]uint32{}, values: map[uint16][]byte{}}
	attributes(element, func(kind uint16, value []byte) {
		switch kind {
		case unix.NFTA_EXPR_NAME:
			e.name = stringOf(value)
		case unix.NFTA_EXPR_DATA:
			e.data = slices.Clone(value)
		}
	})
	attributes(e.data, func(kind uint16, value []byte) {
		e.values[kind] = value
		if len(value) == 4 {
			e.numbers[kind] = binary.BigEndian.Uint32(value)
		}
	})
	return e
}

// value is what valueAttr has put into an attribute.
//
//go:noinline // see attrUint32
func (e expression) value(kind uint16) (value []byte) {
	attributes(e.values[kind], func(kind uint16, v []byte) {
		if kind == unix.NFTA_DATA_VALUE {
			value = v
		}
	})
	return value
}

// A ruleReader reads expressions from the first to the last.
type ruleReader struct {
	family kernel.FilterFamily
	rest   []expression
	of     kernel.FilterFamily
	ports  kernel.FilterProtocol
	loaded map[uint32][]byte // by register
	failed bool
}

// take returns the next expression if it has the name.
//
//go:noinline // see attrUint32
func (r *ruleReader) take(name string) (e expression, ok bool) {
	if len(r.rest) == 0 || r.rest[0].name != name {
		return expression{}, false
	}
	e, r.rest = r.rest[0], r.rest[1:]
	return e, true
}

func (r *ruleReader) read(rule *kernel.FilterRule) {
	for len(r.rest) > 0 && !r.failed {
		e := r.rest[0]
		r.rest = r.rest[1:]
		if rule.Action != "" {
			r.failed = true // behind what acts there is nothing
		} else if read := expressionReaders[e.name]; read != nil {
			read(r, rule, e)
		} else {
			r.failed = true
		}
	}
	r.failed = r.failed || len(r.loaded) > 0
}

// expressionReaders are what reads an expression that a part of a rule begins with.
var expressionReaders = map[string]func(*ruleReader, *kernel.FilterRule, expression){
	"meta":      (*ruleReader).readMeta,
	"payload":   (*ruleReader).readPayload,
	"ct":        (*ruleReader).readFlow,
	"fib":       (*ruleReader).readLocal,
	"immediate": (*ruleReader).readImmediate,
	"masq":      (*ruleReader).readMasquerade,
	"nat":       (*ruleReader).readTranslation,
	"reject":    (*ruleReader).readRejection,
}

func (r *ruleReader) readMasquerade(rule *kernel.FilterRule, e expression) {
	rule.Action, rule.Random = kernel.Masquerade, e.numbers[unix.NFTA_MASQ_FLAGS] == natRandom
	r.failed = len(e.data) > 0 && (len(e.values) > 1 || !rule.Random)
}

// readTranslation knows what translate writes; as the greatest address and port the kernel gives the least again.
func (r *ruleReader) readTranslation(rule *kernel.FilterRule, e expression) {
	rule.Action = kernel.SNAT
	if e.numbers[unix.NFTA_NAT_TYPE] == unix.NFT_NAT_DNAT {
		rule.Action = kernel.DNAT
	}
	addr, ok := netip.AddrFromSlice(r.unload(e.numbers[unix.NFTA_NAT_REG_ADDR_MIN]))
	of := map[bool]uint32{true: unix.AF_INET6, false: unix.AF_INET}[addr.Is6()]
	var port uint16
	if register := e.numbers[unix.NFTA_NAT_REG_PROTO_MIN]; register != 0 {
		value := r.unload(register)
		if ok = ok && len(value) >= portSize; ok {
			port = binary.BigEndian.Uint16(value)
		}
	}
	same := func(least, greatest uint16) bool {
		n, is := e.numbers[greatest]
		return !is || n == e.numbers[least]
	}
	r.failed = r.failed || !ok || e.numbers[unix.NFTA_NAT_FAMILY] != of || e.numbers[unix.NFTA_NAT_FLAGS]&^(natRanges|natRandom) != 0 ||
		!same(unix.NFTA_NAT_REG_ADDR_MIN, unix.NFTA_NAT_REG_ADDR_MAX) || !same(unix.NFTA_NAT_REG_PROTO_MIN, unix.NFTA_NAT_REG_PROTO_MAX)
	rule.To, rule.Random = netip.AddrPortFrom(addr, port), e.numbers[unix.NFTA_NAT_FLAGS]&natRandom != 0
}

// natRanges are the flags NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED.
const natRanges = 1 | 2

// unload returns what a register was loaded with, which nothing else may use.
//
//go:noinline // see attrUint32
func (r *ruleReader) unload(register uint32) []byte {
	value := r.loaded[register]
	delete(r.loaded, register)
	return value
}

func (r *ruleReader) readRejection(rule *kernel.FilterRule, e expression) {
	rule.Action = kernel.Reject
	kind, code := e.numbers[unix.NFTA_REJECT_TYPE], e.values[unix.NFTA_REJECT_ICMP_CODE]
	if kind == unix.NFT_REJECT_TCP_RST {
		rule.With = kernel.RejectReset
		return
	}
	for _, known := range kernel.Rejections {
		if known.Family == r.family && kind == rejectKind(r.family) && len(code) == 1 && code[0] == known.Code {
			rule.With = known.With
			return
		}
	}
	r.failed = true
}

// readFlow knows marks, and the form of a set of states.
func (r *ruleReader) readFlow(rule *kernel.FilterRule, e expression) {
	if e.numbers[unix.NFTA_CT_KEY] == unix.NFT_CT_MARK {
		r.readMark(rule, e)
		return
	}
	b, masked := r.take("bitwise")
	mask := b.value(unix.NFTA_BITWISE_MASK)
	value, not := r.compared()
	if e.numbers[unix.NFTA_CT_KEY] != unix.NFT_CT_STATE || !masked || len(mask) != 4 || !bytes.Equal(value, stateData(0)) {
		r.failed = true
		return
	}
	states := binary.NativeEndian.Uint32(mask)
	r.failed = r.failed || states > 0xff
	rule.Matches = append(rule.Matches, kernel.FilterMatch{On: kernel.MatchFlow, Not: !not, States: kernel.FlowStates(states)})
}

func (r *ruleReader) readLocal(rule *kernel.FilterRule, e expression) {
	value, not := r.compared()
	r.failed = r.failed || e.numbers[unix.NFTA_FIB_RESULT] != unix.NFT_FIB_RESULT_ADDRTYPE ||
		e.numbers[unix.NFTA_FIB_FLAGS] != unix.NFTA_FIB_F_DADDR || !bytes.Equal(value, localTypeData)
	rule.Matches = append(rule.Matches, kernel.FilterMatch{On: kernel.MatchLocal, Not: not})
}

// compared takes the comparison that must follow.
func (r *ruleReader) compared() (value []byte, not bool) {
	e, ok := r.take("cmp")
	op := e.numbers[unix.NFTA_CMP_OP]
	if !ok || op != unix.NFT_CMP_EQ && op != unix.NFT_CMP_NEQ {
		r.failed = true
	}
	return e.value(unix.NFTA_CMP_DATA), op == unix.NFT_CMP_NEQ
}

func (r *ruleReader) readMeta(rule *kernel.FilterRule, e expression) {
	if e.numbers[unix.NFTA_META_KEY] == unix.NFT_META_MARK {
		r.readMark(rule, e)
		return
	}
	value, not := r.compared()
	if e.numbers[unix.NFTA_META_KEY] == unix.NFT_META_L4PROTO {
		r.readL4Protocol(rule, value, not)
		return
	}
	m := kernel.FilterMatch{Not: not}
	switch e.numbers[unix.NFTA_META_KEY] {
	case unix.NFT_META_IIFNAME:
		m.On, m.Link = kernel.MatchInLink, stringOf(value)
	case unix.NFT_META_OIFNAME:
		m.On, m.Link = kernel.MatchOutLink, stringOf(value)
	case unix.NFT_META_NFPROTO, unix.NFT_META_PROTOCOL:
		r.failed = r.failed || not || !r.readProtocol(e.numbers[unix.NFTA_META_KEY], value)
		return
	default:
		r.failed = true
	}
	r.failed = r.failed || len(value) != unix.IFNAMSIZ // shorter: the names that begin so
	rule.Matches = append(rule.Matches, m)
}

// readL4Protocol takes a match on a protocol, which is none of its own where one on a port follows.
func (r *ruleReader) readL4Protocol(rule *kernel.FilterRule, value []byte, not bool) {
	if len(value) != 1 {
		r.failed = true
		return
	}
	protocol := kernel.FilterProtocolOf(value[0])
	if !not && len(r.rest) > 0 && r.rest[0].name == "payload" &&
		r.rest[0].numbers[unix.NFTA_PAYLOAD_BASE] == unix.NFT_PAYLOAD_TRANSPORT_HEADER {
		r.ports = protocol
		return
	}
	rule.Matches = append(rule.Matches, kernel.FilterMatch{On: kernel.MatchProtocol, Not: not, Protocol: protocol})
}

// readPort takes what matchPort writes behind the protocol.
func (r *ruleReader) readPort(rule *kernel.FilterRule, offset int) {
	m := kernel.FilterMatch{On: kernel.MatchSourcePort, Protocol: r.ports}
	if offset == portPlaces[kernel.MatchDestinationPort] {
		m.On = kernel.MatchDestinationPort
	}
	var first, last []byte
	if e, ok := r.take("range"); ok {
		m.Not = true
		r.failed = r.failed || e.numbers[unix.NFTA_RANGE_OP] != unix.NFT_RANGE_NEQ
		first, last = e.value(unix.NFTA_RANGE_FROM_DATA), e.value(unix.NFTA_RANGE_TO_DATA)
	} else if len(r.rest) > 1 && r.rest[0].numbers[unix.NFTA_CMP_OP] == unix.NFT_CMP_GTE {
		first, last = r.comparedBy(unix.NFT_CMP_GTE), r.comparedBy(unix.NFT_CMP_LTE)
	} else {
		first, m.Not = r.compared()
		last = first
	}
	if r.failed = r.failed || len(first) != portSize || len(last) != portSize; r.failed {
		return
	}
	m.Ports = kernel.PortRange{First: binary.BigEndian.Uint16(first), Last: binary.BigEndian.Uint16(last)}
	rule.Matches = append(rule.Matches, m)
}

// comparedBy takes a comparison with one operator.
func (r *ruleReader) comparedBy(op uint32) []byte {
	e, ok := r.take("cmp")
	r.failed = r.failed || !ok || e.numbers[unix.NFTA_CMP_OP] != op
	return e.value(unix.NFTA_CMP_DATA)
}

// readProtocol takes the comparison that ruleWriter.protocol writes before one of an address.
func (r *ruleReader) readProtocol(key uint32, value []byte) bool {
	for _, v6 := range []bool{false, true} {
		ofInet := r.family == kernel.FilterInet && key == unix.NFT_META_NFPROTO && bytes.Equal(value, nfProto(v6))
		ofBridge := r.family == kernel.FilterBridge && key == unix.NFT_META_PROTOCOL && bytes.Equal(value, etherType(v6))
		if ofInet || ofBridge {
			r.of = map[bool]kernel.FilterFamily{false: kernel.FilterIP, true: kernel.FilterIP6}[v6]
			return len(r.rest) > 0 && r.rest[0].name == "payload"
		}
	}
	return false
}

func (r *ruleReader) readPayload(rule *kernel.FilterRule, e expression) {
	base, offset := e.numbers[unix.NFTA_PAYLOAD_BASE], int(e.numbers[unix.NFTA_PAYLOAD_OFFSET])
	if base == unix.NFT_PAYLOAD_TRANSPORT_HEADER && r.ports.HasPorts() && (offset == 0 || offset == portSize) {
		r.readPort(rule, offset)
		return
	}
	var mask []byte
	if b, ok := r.take("bitwise"); ok {
		mask = b.value(unix.NFTA_BITWISE_MASK)
	}
	value, not := r.compared()
	m := kernel.FilterMatch{Not: not}
	switch {
	case base == unix.NFT_PAYLOAD_LL_HEADER && offset == etherSource && len(value) == 6 && mask == nil:
		m.On, m.MAC = kernel.MatchSourceMAC, net.HardwareAddr(value)
	case base == unix.NFT_PAYLOAD_NETWORK_HEADER:
		r.readAddress(&m, offset, value, mask)
	default:
		r.failed = true
	}
	rule.Matches = append(rule.Matches, m)
}

// readAddress takes what is compared for an address of the family, or of the protocol that the rule has asked for.
func (r *ruleReader) readAddress(m *kernel.FilterMatch, offset int, value, mask []byte) {
	v6 := r.family == kernel.FilterIP6 || r.of == kernel.FilterIP6
	size := 0
	for _, on := range []kernel.MatchKey{kernel.MatchSource, kernel.MatchDestination} {
		if at, n := addressPlace(on, v6); at == offset {
			m.On, size = on, n
		}
	}
	if m.On == "" || len(value) > size || mask != nil && len(mask) != size {
		r.failed = true
		return
	}
	bits := len(value) * 8
	if mask != nil {
		bits, _ = net.IPMask(mask).Size()
	}
	addr, _ := netip.AddrFromSlice(append(slices.Clone(value), make([]byte, size-len(value))...))
	m.Prefix = netip.PrefixFrom(addr, bits)
}

// readImmediate takes a verdict, or a value that a later expression uses.
func (r *ruleReader) readImmediate(rule *kernel.FilterRule, e expression) {
	register := e.numbers[unix.NFTA_IMMEDIATE_DREG]
	if register == nftVerdictRegister {
		r.readVerdict(rule, e)
		return
	}
	if r.loaded == nil {
		r.loaded = map[uint32][]byte{}
	}
	r.loaded[register] = e.value(unix.NFTA_IMMEDIATE_DATA)
}

func (r *ruleReader) readVerdict(rule *kernel.FilterRule, e expression) {
	attributes(e.values[unix.NFTA_IMMEDIATE_DATA], func(kind uint16, verdict []byte) {
		if kind != unix.NFTA_DATA_VERDICT {
			return
		}
		attributes(verdict, func(kind uint16, value []byte) {
			switch kind {
			case unix.NFTA_VERDICT_CODE:
				rule.Action = actionOf(binary.BigEndian.Uint32(value))
			case unix.NFTA_VERDICT_CHAIN:
				rule.Target = stringOf(value)
			}
		})
	})
	r.failed = r.failed || rule.Action == ""
}

// sameAgain reports whether the model's words for a rule are all that the rule says: a rule for them is valid, so that
// nothing that was read is half understood.
func (r *ruleReader) sameAgain(rule kernel.FilterRule) bool {
	rule.Handle = 0
	c := kernel.FilterChange{Do: kernel.AddRule, Family: r.family, Table: "t", Chain: "c", Rule: rule}
	return c.Valid(kernel.NFTables) == nil
}

// counting expressions have numbers that change as packets pass.
const counting = " counter quota limit last "

// opaque is a text that stays the same as long as the rule does.
func opaque(list []expression, comment string) string {
	var w []string
	for _, e := range list {
		text := e.name
		if len(e.data) > 0 && !strings.Contains(counting, " "+e.name+" ") {
			text += "(" + hex.EncodeToString(e.data) + ")"
		}
		w = append(w, text)
	}
	if comment != "" {
		w = append(w, fmt.Sprintf("comment %q", comment))
	}
	return strings.Join(w, " ")
}
