//go:build linux

package linux

import (
	"encoding/binary"
	"math"

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

func (w *ruleWriter) matchMark(m kernel.FilterMatch) {
	w.meta(unix.NFT_META_MARK)
	if m.Mark.Mask != math.MaxUint32 {
		w.mask(markData(m.Mark.Mask))
	}
	w.compare(m.Not, markData(m.Mark.Value))
}

// setMark writes what becomes of a mark: a value, or what is kept of the one that there is and turned over in it.
func (w *ruleWriter) setMark(m kernel.FilterMark) {
	if m.Mask == math.MaxUint32 {
		w.load(nftRegister, markData(m.Value))
	} else {
		w.meta(unix.NFT_META_MARK)
		w.bitwise(markData(^m.Mask), markData(m.Value))
	}
	w.expression("meta", attrBE32(unix.NFTA_META_KEY, unix.NFT_META_MARK), attrBE32(unix.NFTA_META_SREG, nftRegister))
}

// readMark takes what matchMark and setMark write, from the first expression about the mark on.
func (r *ruleReader) readMark(rule *kernel.FilterRule, e expression) {
	if register, sets := e.numbers[unix.NFTA_META_SREG]; sets {
		value, ok := markOf(r.unload(register))
		r.failed = r.failed || !ok
		rule.Action, rule.Mark = kernel.SetMark, kernel.FilterMark{Value: value, Mask: math.MaxUint32}
		return
	}
	kept, turned := uint32(math.MaxUint32), uint32(0)
	if b, ok := r.take("bitwise"); ok {
		var masked, xored bool
		kept, masked = markOf(b.value(unix.NFTA_BITWISE_MASK))
		turned, xored = markOf(b.value(unix.NFTA_BITWISE_XOR))
		r.failed = r.failed || !masked || !xored
	}
	if set, ok := r.take("meta"); ok {
		_, sets := set.numbers[unix.NFTA_META_SREG]
		r.failed = r.failed || !sets || set.numbers[unix.NFTA_META_KEY] != unix.NFT_META_MARK
		rule.Action, rule.Mark = kernel.SetMark, kernel.FilterMark{Value: turned, Mask: ^kept}
		return
	}
	data, not := r.compared()
	value, ok := markOf(data)
	r.failed = r.failed || !ok || turned != 0
	rule.Matches = append(rule.Matches, kernel.FilterMatch{
		On: kernel.MatchMark, Not: not, Mark: kernel.FilterMark{Value: value, Mask: kept},
	})
}
