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
	of     kernel.FilterFamily // the protocol that expressions so far have made sure of
}

func nftExpressions(family kernel.FilterFamily, r kernel.FilterRule) *nl.RtAttr {
	w := ruleWriter{family: family, list: nl.NewRtAttr(unix.NFTA_RULE_EXPRESSIONS|unix.NLA_F_NESTED, nil)}
	for _, m := range r.Matches {
		w.match(m)
	}
	switch r.Action {
	case "":
	case kernel.Masquerade:
		w.expression("masq")
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

func attrBE32(kind int, v uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.BEUint32Attr(v)) }

// valueAttr is a value in a nested attribute.
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
	case kernel.MatchSourceMAC:
		w.payload(unix.NFT_PAYLOAD_LL_HEADER, etherSource, len(m.MAC))
		w.compare(m.Not, m.MAC)
	}
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

func (w *ruleWriter) mask(mask []byte) {
	w.expression("bitwise", attrBE32(unix.NFTA_BITWISE_SREG, nftRegister), attrBE32(unix.NFTA_BITWISE_DREG, nftRegister),
		attrBE32(unix.NFTA_BITWISE_LEN, uint32(len(mask))), valueAttr(unix.NFTA_BITWISE_MASK, mask),
		valueAttr(unix.NFTA_BITWISE_XOR, make([]byte, len(mask))))
}

func (w *ruleWriter) compare(not bool, value []byte) {
	op := uint32(unix.NFT_CMP_EQ)
	if not {
		op = unix.NFT_CMP_NEQ
	}
	w.expression("cmp", attrBE32(unix.NFTA_CMP_SREG, nftRegister), attrBE32(unix.NFTA_CMP_OP, op),
		valueAttr(unix.NFTA_CMP_DATA, value))
}

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
	failed bool
}

// take returns the next expression if it has the name.
func (r *ruleReader) take(name string) (e expression, ok bool) {
	if len(r.rest) == 0 || r.rest[0].name != name {
		return expression{}, false
	}
	e, r.rest = r.rest[0], r.rest[1:]
	return e, true
}

func (r *ruleReader) read(rule *kernel.FilterRule) {
	for len(r.rest) > 0 && !r.failed {
		if e, ok := r.take("meta"); ok {
			r.readMeta(rule, e)
		} else if e, ok := r.take("payload"); ok {
			r.readPayload(rule, e)
		} else if e, ok := r.take("immediate"); ok {
			r.readVerdict(rule, e)
			r.failed = r.failed || len(r.rest) > 0
		} else if e, ok := r.take("masq"); ok {
			rule.Action = kernel.Masquerade
			r.failed = len(e.data) > 0 || len(r.rest) > 0
		} else {
			r.failed = true
		}
	}
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
	value, not := r.compared()
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
