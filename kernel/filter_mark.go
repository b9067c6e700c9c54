package kernel

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A FilterMark is what a match asks of a mark, that the bits in Mask are those of Value, or what SetMark and SetFlowMark
// make of it. A packet has a mark from its first hook to the last, within one namespace; it comes with 0. It is no part of
// what is sent: rules tell each other by it what they think of a packet, and the rules of routing (see Rule) hear of it too.
// A flow has another one, which begins with 0, too, and is the same for the packets of both directions.
type FilterMark struct {
	Value uint32
	Mask  uint32 // the bits that are looked at, or set anew
}

const wholeMark = math.MaxUint32

// Set returns what becomes of a mark: the bits of Mask are cleared, and then those of Value turned over.
// (net/netfilter/xt_mark.c: mark_tg.)
func (m FilterMark) Set(mark uint32) uint32 { return mark&^m.Mask ^ m.Value }

// A MarkCopy is what SaveMark and RestoreMark make of one mark by the other.
type MarkCopy struct {
	From uint32 // the bits that are looked at of the one
	To   uint32 // the bits that are cleared of the other, before those are turned over in it; of nftables all
}

// Copy returns what becomes of a mark by another one. (net/netfilter/xt_connmark.c: connmark_tg_shift.)
func (c MarkCopy) Copy(from, to uint32) uint32 { return to&^c.To ^ from&c.From }

// words are those of nft(8), which has none for bits that are kept.
func (c MarkCopy) words(action FilterAction) []string {
	w := strings.Fields(string(action))
	if c.From != wholeMark {
		w = append(w, "&", markWord(c.From))
	}
	return w
}

// markWord is a mark as nft(8) writes it.
func markWord(mark uint32) string { return fmt.Sprintf("0x%08x", mark) }

// maskWords are those of a match before its comparison.
func (m FilterMark) maskWords() []string {
	if m.Mask == wholeMark {
		return nil
	}
	return []string{"&", markWord(m.Mask)}
}

// setWords are those of nft(8) for what SetMark and SetFlowMark do: what is kept of the mark, what is turned over, and what
// is there in any case. (nftables, src/netlink_delinearize.c: netlink_parse_bitwise_mask_xor.)
func (m FilterMark) setWords(action FilterAction) []string {
	w := strings.Fields(string(action))
	if m.Mask == wholeMark {
		return append(w, markWord(m.Value))
	}
	w = append(w, w[:2]...)
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

// markAction reads what setWords, or MarkCopy.words, write behind "meta mark set", or "ct mark set".
func (r *wordReader) markAction(rule *FilterRule, of string) {
	sets, copies := SetMark, RestoreMark
	if of == "ct" {
		sets, copies = SetFlowMark, SaveMark
	}
	rule.Action = sets
	if len(r.rest) == 0 || r.rest[0] != "meta" && r.rest[0] != "ct" {
		rule.Mark = FilterMark{r.mark(), wholeMark}
		return
	}
	from := r.next()
	r.expect("mark")
	kept := r.operand(markOperators[0], wholeMark)
	if from != of {
		rule.Action, rule.Copy = copies, MarkCopy{From: kept, To: wholeMark}
		return
	}
	turned := r.operand(markOperators[1], 0)
	there := r.operand(markOperators[2], 0)
	rule.Mark = FilterMark{Value: turned | there, Mask: ^kept | there}
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

// asSaved returns the words of a rule as iptables-save(8) has them, as far as they are about a mark to set or to copy: of
// the options that people write behind the targets MARK and CONNMARK it has few.
func asSaved(words []string) []string {
	for i := 2; i < len(words); i++ {
		if words[i-2] != "-j" || words[i-1] != "MARK" && words[i-1] != "CONNMARK" {
			continue
		}
		if option := words[i]; option == iptablesSave || option == iptablesRestore {
			if c, ok := readMasks(words[i+1:]); ok {
				return append(slices.Clone(words[:i+1]), c.iptablesMasks()...)
			}
			continue
		}
		if i+1 == len(words) {
			break
		}
		m, err := readIPTablesMark(words[i+1])
		if m, known := m.saidBy(words[i]); known && err == nil {
			words = slices.Clone(words)
			words[i], words[i+1] = iptablesSetMark, m.iptablesText(true)
		}
	}
	return words
}

// The options of the target CONNMARK that copy a mark, and those of them.
const (
	iptablesSave     = "--save-mark"
	iptablesRestore  = "--restore-mark"
	iptablesMask     = "--mask"   // stands for both:
	iptablesMaskOf   = "--nfmask" // of the packet's mark
	iptablesFlowMask = "--ctmask" // of the flow's
)

// readMasks reads the masks behind an option that copies a mark, as people write them. Each that is not there is all bits.
// The result is as if the packet's mark were to be copied. (iptables, extensions/libxt_CONNMARK.c: connmark_tg_opts.)
func readMasks(words []string) (c MarkCopy, ok bool) {
	c = MarkCopy{From: wholeMark, To: wholeMark}
	for ; len(words) > 1; words = words[2:] {
		mask, err := readMark(words[1])
		if err != nil {
			return c, false
		}
		switch words[0] {
		case iptablesMask:
			c = MarkCopy{From: mask, To: mask}
		case iptablesMaskOf:
			c.From = mask
		case iptablesFlowMask:
			c.To = mask
		default:
			return c, false
		}
	}
	return c, len(words) == 0
}

// swapped is the copy in the words of iptables, where the packet's mask comes first, be it the one that is copied or not.
func (c MarkCopy) swapped(action FilterAction) MarkCopy {
	if action == RestoreMark {
		return MarkCopy{From: c.To, To: c.From}
	}
	return c
}

// masks reads what iptablesMasks writes.
func (r *wordReader) masks() (c MarkCopy) {
	r.expect(iptablesMaskOf)
	c.From = r.mark()
	r.expect(iptablesFlowMask)
	c.To = r.mark()
	return c
}

// iptablesMasks are the words behind an option that copies a mark; see readMasks.
func (c MarkCopy) iptablesMasks() []string {
	return []string{iptablesMaskOf, fmt.Sprintf("0x%x", c.From), iptablesFlowMask, fmt.Sprintf("0x%x", c.To)}
}

// saidBy is what a mark means behind an option of the targets MARK and CONNMARK. (iptables, extensions/libxt_MARK.c:
// mark_tg_parse, libxt_CONNMARK.c: connmark_tg_parse.)
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

// iptablesSetMark is the option of the targets MARK and CONNMARK that says all that can be said of a mark to set.
const iptablesSetMark = "--set-xmark"

// setsMark reports whether words that begin with "meta" or "ct" set a mark.
func (r *wordReader) setsMark() bool {
	if len(r.rest) < 2 || !slices.Equal(r.rest[:2], []string{"mark", "set"}) {
		return false
	}
	r.rest = r.rest[2:]
	return true
}
