//go:build linux

package linux

import (
	"encoding/binary"
	"math"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// A mark is a number of the machine, as a register has it.
func markData(mark uint32) []byte { return binary.NativeEndian.AppendUint32(nil, mark) }

// markOf reads markData; not ok where there is no mark.
func markOf(data []byte) (mark uint32, ok bool) {
	if len(data) != 4 {
		return 0, false
	}
	return binary.NativeEndian.Uint32(data), true
}

// A marked is what has a mark: the packet, or its flow, by the expression that knows it.
type marked string

const (
	packetMark marked = "meta"
	flowMark   marked = "ct"
)

func (m marked) key() *nl.RtAttr {
	if m == flowMark {
		return attrBE32(unix.NFTA_CT_KEY, unix.NFT_CT_MARK)
	}
	return attrBE32(unix.NFTA_META_KEY, unix.NFT_META_MARK)
}

// isMark reports whether an expression is about a mark, and whether it sets it, by which register.
func (m marked) isMark(e expression) (sets bool, register uint32, ok bool) {
	key, mark, source := uint16(unix.NFTA_META_KEY), uint32(unix.NFT_META_MARK), uint16(unix.NFTA_META_SREG)
	if m == flowMark {
		key, mark, source = unix.NFTA_CT_KEY, unix.NFT_CT_MARK, unix.NFTA_CT_SREG
	}
	register, sets = e.numbers[source]
	return sets, register, e.name == string(m) && e.numbers[key] == mark
}

func (w *ruleWriter) getMark(of marked) {
	w.expression(string(of), of.key(), attrBE32(unix.NFTA_META_DREG, nftRegister)) // which is NFTA_CT_DREG, too
}

func (w *ruleWriter) putMark(of marked) {
	register := attrBE32(unix.NFTA_META_SREG, nftRegister)
	if of == flowMark {
		register = attrBE32(unix.NFTA_CT_SREG, nftRegister)
	}
	w.expression(string(of), of.key(), register)
}

func (w *ruleWriter) matchMark(m kernel.FilterMatch) {
	of := packetMark
	if m.On == kernel.MatchFlowMark {
		of = flowMark
	}
	w.getMark(of)
	if m.Mark.Mask != math.MaxUint32 {
		w.mask(markData(m.Mark.Mask))
	}
	w.compare(m.Not, markData(m.Mark.Value))
}

// setMark writes what becomes of a mark: a value, or what is kept of the one that there is and turned over in it.
func (w *ruleWriter) setMark(action kernel.FilterAction, m kernel.FilterMark) {
	of := packetMark
	if action == kernel.SetFlowMark {
		of = flowMark
	}
	if m.Mask == math.MaxUint32 {
		w.load(nftRegister, markData(m.Value))
	} else {
		w.getMark(of)
		w.bitwise(markData(^m.Mask), markData(m.Value))
	}
	w.putMark(of)
}

// copyMark writes a mark that becomes another one, or some of its bits.
func (w *ruleWriter) copyMark(action kernel.FilterAction, c kernel.MarkCopy) {
	from, to := packetMark, flowMark
	if action == kernel.RestoreMark {
		from, to = to, from
	}
	w.getMark(from)
	if c.From != math.MaxUint32 {
		w.mask(markData(c.From))
	}
	w.putMark(to)
}

// readMark takes what matchMark, setMark and copyMark write, from the first expression about a mark on.
func (r *ruleReader) readMark(rule *kernel.FilterRule, e expression) {
	from := marked(e.name)
	if sets, register, _ := from.isMark(e); sets {
		value, ok := markOf(r.unload(register))
		r.failed = r.failed || !ok
		rule.Action, rule.Mark = setAction(from), kernel.FilterMark{Value: value, Mask: math.MaxUint32}
		return
	}
	kept, turned := r.readMarkBits()
	for _, to := range []marked{packetMark, flowMark} {
		set, ok := r.take(string(to))
		if !ok {
			continue
		}
		sets, _, about := to.isMark(set)
		r.failed = r.failed || !sets || !about || to != from && turned != 0
		if to == from {
			rule.Action, rule.Mark = setAction(to), kernel.FilterMark{Value: turned, Mask: ^kept}
		} else {
			rule.Action, rule.Copy = copyAction(to), kernel.MarkCopy{From: kept, To: math.MaxUint32}
		}
		return
	}
	r.readMarkMatch(rule, from, kept, turned)
}

func setAction(of marked) kernel.FilterAction {
	if of == flowMark {
		return kernel.SetFlowMark
	}
	return kernel.SetMark
}

func copyAction(to marked) kernel.FilterAction {
	if to == flowMark {
		return kernel.SaveMark
	}
	return kernel.RestoreMark
}

// readMarkBits takes what is done with a mark that was read, if anything.
func (r *ruleReader) readMarkBits() (kept, turned uint32) {
	b, ok := r.take("bitwise")
	if !ok {
		return math.MaxUint32, 0
	}
	kept, masked := markOf(b.value(unix.NFTA_BITWISE_MASK))
	turned, xored := markOf(b.value(unix.NFTA_BITWISE_XOR))
	r.failed = r.failed || !masked || !xored
	return kept, turned
}

func (r *ruleReader) readMarkMatch(rule *kernel.FilterRule, of marked, mask, turned uint32) {
	on := kernel.MatchMark
	if of == flowMark {
		on = kernel.MatchFlowMark
	}
	data, not := r.compared()
	value, ok := markOf(data)
	r.failed = r.failed || !ok || turned != 0
	rule.Matches = append(rule.Matches, kernel.FilterMatch{
		On: on, Not: not, Mark: kernel.FilterMark{Value: value, Mask: mask},
	})
}
