package kernel

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A FilterMark is what a match asks of a packet's mark, that the bits in Mask are those of Value, or what SetMark makes of
// it. A packet has a mark from its first hook to the last, within one namespace; it comes with 0. It is no part of what is
// sent: rules tell each other by it what they think of a packet, and the rules of routing (see Rule) hear of it too.
type FilterMark struct {
	Value uint32
	Mask  uint32 // the bits that are looked at, or set anew
}

const wholeMark = math.MaxUint32

// Set returns what becomes of a mark: the bits of Mask are cleared, and then those of Value turned over.
// (net/netfilter/xt_mark.c: mark_tg.)
func (m FilterMark) Set(mark uint32) uint32 { return mark&^m.Mask ^ m.Value }

// markWord is a mark as nft(8) writes it.
func markWord(mark uint32) string { return fmt.Sprintf("0x%08x", mark) }

// maskWords are those of a match before its comparison.
func (m FilterMark) maskWords() []string {
	if m.Mask == wholeMark {
		return nil
	}
	return []string{"&", markWord(m.Mask)}
}

// setWords are those of nft(8) for what SetMark does: what is kept of the mark, what is turned over, and what is there
// in any case. (nftables, src/netlink_delinearize.c: netlink_parse_bitwise_mask_xor.)
func (m FilterMark) setWords() []string {
	w := strings.Fields(string(SetMark))
	if m.Mask == wholeMark {
		return append(w, markWord(m.Value))
	}
	w = append(w, "meta", "mark")
	for _, part := range []struct {
		operator    string
		bits, empty uint32
	}{{"&", ^m.Mask | m.Value, wholeMark}, {"^", m.Value &^ m.Mask, 0}, {"|", m.Value & m.Mask, 0}} {
		if part.bits != part.empty {
			w = append(w, part.operator, markWord(part.bits))
		}
	}
	return w
}

// markOperators are the operators of nft(8) on marks, which has two names for each.
var markOperators = [][2]string{{"&", "and"}, {"^", "xor"}, {"|", "or"}}

// operand reads what stands behind an operator; without if the operator is not there.
func (r *wordReader) operand(operator [2]string, without uint32) uint32 {
	if r.skip(operator[0]) || r.skip(operator[1]) {
		return r.mark()
	}
	return without
}

// mark reads a number as C writes it.
func (r *wordReader) mark() uint32 {
	n, err := readMark(r.next())
	if err != nil {
		r.fail(err.Error())
	}
	return n
}

func readMark(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("no mark: %w", err)
	}
	return uint32(n), nil
}

// setMark reads what setWords writes, behind the first three words.
func (r *wordReader) setMark() FilterMark {
	if !r.skip("meta") {
		return FilterMark{r.mark(), wholeMark}
	}
	r.expect("mark")
	kept := r.operand(markOperators[0], wholeMark)
	turned := r.operand(markOperators[1], 0)
	there := r.operand(markOperators[2], 0)
	return FilterMark{Value: turned | there, Mask: ^kept | there}
}

// iptablesText is "VALUE/MASK"; a mask of all bits can be left out.
func (m FilterMark) iptablesText(whole bool) string {
	if m.Mask == wholeMark && !whole {
		return fmt.Sprintf("0x%x", m.Value)
	}
	return fmt.Sprintf("0x%x/0x%x", m.Value, m.Mask)
}

func readIPTablesMark(text string) (m FilterMark, err error) {
	value, mask, masked := strings.Cut(text, "/")
	if m.Value, err = readMark(value); err != nil || !masked {
		m.Mask = wholeMark
		return m, err
	}
	m.Mask, err = readMark(mask)
	return m, err
}

// asSaved returns the words of a rule as iptables-save(8) has them, as far as they are about a mark to set: of all options
// that people write behind the target MARK it has one.
func asSaved(words []string) []string {
	for i := 2; i+1 < len(words); i++ {
		if words[i-2] != "-j" || words[i-1] != "MARK" {
			continue
		}
		m, err := readIPTablesMark(words[i+1])
		if m, known := m.saidBy(words[i]); known && err == nil {
			words = slices.Clone(words)
			words[i], words[i+1] = iptablesSetMark, m.iptablesText(true)
		}
	}
	return words
}

// saidBy is what a mark means behind an option of the target MARK. (iptables, extensions/libxt_MARK.c: mark_tg_parse.)
func (m FilterMark) saidBy(option string) (means FilterMark, known bool) {
	switch option {
	case iptablesSetMark:
		return m, true
	case "--set-mark":
		return FilterMark{m.Value, m.Mask | m.Value}, true
	case "--or-mark":
		return FilterMark{m.Value, m.Value}, true
	case "--and-mark":
		return FilterMark{0, ^m.Value}, true
	case "--xor-mark":
		return FilterMark{m.Value, 0}, true
	}
	return m, false
}

// iptablesSetMark is the option of the target MARK that says all that can be said.
const iptablesSetMark = "--set-xmark"

// setsMark reports whether words that begin with "meta" are those of SetMark.
func (r *wordReader) setsMark() bool {
	if len(r.rest) < 2 || !slices.Equal(r.rest[:2], []string{"mark", "set"}) {
		return false
	}
	r.rest = r.rest[2:]
	return true
}
