package kernel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The words of rules and changes. Those of nftables are nft(8)'s, of which a value that has blanks is one word.

// Words returns the words of a rule, as nft(8) has them; of an opaque one the single word that stands for it.
func (r FilterRule) Words() []string {
	if r.Opaque != "" {
		return []string{r.Opaque}
	}
	var w []string
	for _, m := range r.Matches {
		w = append(w, m.words()...)
	}
	w = append(w, r.actionWords()...)
	if r.Comment != "" {
		w = append(w, "comment", r.Comment)
	}
	return w
}

// String returns the words of a rule in one line.
func (r FilterRule) String() string { return joinWords(r.Words()) }

// Words returns the words of a change behind the name of the backend's program: nft(8)'s, or iptables(8)'s.
func (c *FilterChange) Words(b FilterBackend) []string {
	if b == IPTables {
		return c.iptablesWords()
	}
	w := strings.Fields(string(c.Do))
	switch {
	case c.Exclusive && c.Do == DeleteTable:
		w = []string{w[0], emptyWord, w[1]} // nft(8) has no words for it
	case c.Exclusive:
		w[0] = "create"
	}
	if c.Do == FlushChain && c.Chain == "" {
		w[1] = "table"
	}
	w = append(w, string(c.Family), c.Table)
	if c.Chain != "" {
		w = append(w, c.Chain)
	}
	if c.At != 0 {
		w = append(w, "handle", strconv.FormatUint(c.At, 10))
	}
	switch c.Do {
	case AddTable, AddChain:
		w = append(w, blockWords(c.Base, c.Comment)...)
	case DeleteRule:
		if c.Rule.Handle != 0 {
			return append(w, "handle", strconv.FormatUint(c.Rule.Handle, 10))
		}
		w = append(w, c.Rule.Words()...)
	case AddRule, InsertRule:
		w = append(w, c.Rule.Words()...)
	}
	return w
}

// blockWords are those in the braces behind a table or a chain; none where there is nothing to say.
func blockWords(base *BaseChain, comment string) []string {
	var w []string
	if base != nil {
		w = append(w, "type", base.Type, "hook", base.Hook, "priority", strconv.Itoa(base.Priority), ";",
			"policy", string(base.Policy), ";")
	}
	if comment != "" {
		w = append(w, "comment", comment, ";")
	}
	if w == nil {
		return nil
	}
	return append(append([]string{"{"}, w...), "}")
}

// joinWords makes a line of words.
func joinWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quoteWord(w)
	}
	return strings.Join(quoted, " ")
}

// DescribeFilterChanges returns the line of a transaction, with the words of each change and ";" between them.
func DescribeFilterChanges(b FilterBackend, changes []FilterChange) string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, joinWords(c.Words(b)))
	}
	return strings.Join(lines, " ; ")
}

const emptyWord = "empty"

// ParseFilterChange reads the words of one change of nftables, as FilterChange.Words returns them.
func ParseFilterChange(words []string) (FilterChange, error) {
	var c FilterChange
	r := &wordReader{rest: words}
	verb, noun := r.next(), r.next()
	switch {
	case verb == "create":
		verb, c.Exclusive = "add", true
	case verb == "delete" && noun == emptyWord:
		noun, c.Exclusive = r.next(), true
	}
	c.Do = FilterVerb(verb + " " + noun)
	wholeTable := c.Do == "flush table"
	if wholeTable {
		c.Do = FlushChain
	}
	c.Family, c.Table = FilterFamily(r.next()), r.next()
	switch c.Do {
	case AddTable, AddChain, DeleteTable, DeleteChain, FlushChain, AddRule, InsertRule, DeleteRule:
	default:
		return c, fmt.Errorf("%q is nothing that can be done", verb+" "+noun)
	}
	if noun != "table" {
		c.Chain = r.next()
	}
	switch c.Do {
	case AddTable, AddChain:
		c.readBlock(r)
	case AddRule, InsertRule:
		c.At = r.handle()
		c.Rule = r.rule()
	case DeleteRule:
		if c.Rule.Handle = r.handle(); c.Rule.Handle == 0 {
			c.Rule = r.rule()
		}
	}
	return c, r.end()
}

// readBlock reads what blockWords writes.
func (c *FilterChange) readBlock(r *wordReader) {
	if !r.skip("{") {
		return
	}
	for !r.skip("}") && r.err == nil {
		switch word := r.next(); word {
		case "type":
			c.Base = &BaseChain{Type: r.next(), Policy: Accept}
			r.expect("hook")
			c.Base.Hook = r.next()
			r.expect("priority")
			c.Base.Priority = r.number()
		case "policy":
			if c.Base == nil {
				r.fail("policy without type")
				return
			}
			c.Base.Policy = FilterAction(r.next())
		case "comment":
			c.Comment = r.next()
		case ";":
		default:
			r.fail("does not know " + strconv.Quote(word))
		}
	}
}

// A wordReader reads words from left to right. The first thing that is wrong stays.
type wordReader struct {
	rest []string
	err  error
}

func (r *wordReader) fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s", why)
	}
}

func (r *wordReader) next() string {
	if len(r.rest) == 0 {
		r.fail("a word is missing at the end")
		return ""
	}
	word := r.rest[0]
	r.rest = r.rest[1:]
	return word
}

func (r *wordReader) skip(word string) bool {
	if len(r.rest) == 0 || r.rest[0] != word {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *wordReader) expect(word string) {
	if !r.skip(word) {
		r.fail(strconv.Quote(word) + " is missing")
	}
}

func (r *wordReader) end() error {
	if len(r.rest) > 0 {
		r.fail("does not know " + strconv.Quote(r.rest[0]))
	}
	return r.err
}

func (r *wordReader) number() int {
	n, err := strconv.Atoi(r.next())
	if err != nil {
		r.fail("no number: " + err.Error())
	}
	return n
}

// handle reads "handle N"; 0 where it is not there.
func (r *wordReader) handle() uint64 {
	if !r.skip("handle") {
		return 0
	}
	n, err := strconv.ParseUint(r.next(), 10, 64)
	if err != nil {
		r.fail("no handle: " + err.Error())
	}
	return n
}

// rule reads a rule to the end of the words.
func (r *wordReader) rule() FilterRule {
	var rule FilterRule
	for len(r.rest) > 0 && r.err == nil && r.rest[0] != ";" {
		word := r.next()
		if (word == "meta" || word == "ct") && r.setsMark() {
			r.markAction(&rule, word)
			continue
		}
		if slices.Contains(firstMatchWords, word) {
			rule.Matches = append(rule.Matches, r.match(word))
			continue
		}
		switch word {
		case string(Accept), string(Drop), string(Return):
			rule.Action = FilterAction(word)
		case string(Masquerade):
			rule.Action, rule.Random = Masquerade, r.skip(nftRandom)
		case string(Jump), string(GoTo):
			rule.Action, rule.Target = FilterAction(word), r.next()
		case string(Reject):
			rule.Action, rule.With = Reject, r.rejection()
		case string(SNAT), string(DNAT):
			rule.Action, rule.To = FilterAction(word), r.translation()
			rule.Random = r.skip(nftRandom)
		case "comment":
			rule.Comment = r.next()
		default:
			r.fail("does not know " + strconv.Quote(word))
		}
	}
	return rule
}

// ParseFilterChanges reads the words of a transaction, with ";" between its changes. program is "nft", "iptables" or
// "ip6tables".
func ParseFilterChanges(program string, words []string) (FilterBackend, []FilterChange, error) {
	var changes []FilterChange
	for len(words) > 0 {
		n := changeEnd(words)
		var c FilterChange
		var err error
		if program == "nft" {
			c, err = ParseFilterChange(words[:n])
		} else {
			c, err = parseIPTablesChange(programFamily(program), words[:n])
		}
		if err != nil {
			return "", nil, err
		}
		changes = append(changes, c)
		words = words[min(n+1, len(words)):]
	}
	if program == "nft" {
		return NFTables, changes, nil
	}
	return IPTables, changes, nil
}

// changeEnd returns the number of words before the ";" that ends a change, which is none within braces.
func changeEnd(words []string) int {
	if i := slices.Index(words, "{"); i >= 0 && i < slices.Index(words, ";") {
		if close := slices.Index(words, "}"); close >= 0 {
			return close + 1
		}
		return len(words)
	}
	if i := slices.Index(words, ";"); i >= 0 {
		return i
	}
	return len(words)
}

// FilterProgram returns the name of the program that people use for a backend and family.
func FilterProgram(b FilterBackend, family FilterFamily) string {
	switch {
	case b == NFTables:
		return "nft"
	case family == FilterIP6:
		return "ip6tables"
	}
	return "iptables"
}

func programFamily(program string) FilterFamily {
	if program == "ip6tables" {
		return FilterIP6
	}
	return FilterIP
}
