package kernel

import (
	"fmt"
	"strconv"
	"strings"
)

// The words of iptables(8).

// iptablesActions are the targets by their actions.
var iptablesActions = map[FilterAction]string{
	Accept: "ACCEPT", Drop: "DROP", Return: "RETURN", Masquerade: "MASQUERADE",
}

// iptablesKeys are the options of matches, in the order in which iptables-save writes them.
var iptablesKeys = []struct {
	key    MatchKey
	option string
}{
	{MatchSource, "-s"},
	{MatchDestination, "-d"},
	{MatchInLink, "-i"},
	{MatchOutLink, "-o"},
}

// IPTablesWords returns the words of a rule behind the name of its chain, as iptables-save(8) has them. An opaque rule's
// text is words already.
func (r FilterRule) IPTablesWords() []string {
	if r.Opaque != "" {
		words, _ := SplitIPTables(r.Opaque)
		return words
	}
	var w []string
	for _, k := range iptablesKeys {
		for _, m := range r.Matches {
			if m.On == k.key {
				w = append(w, m.iptablesWords(k.option)...)
			}
		}
	}
	if r.Comment != "" {
		w = append(w, "-m", "comment", "--comment", r.Comment)
	}
	switch {
	case r.Action == Jump:
		w = append(w, "-j", r.Target)
	case r.Action == GoTo:
		w = append(w, "-g", r.Target)
	case r.Action != "":
		w = append(w, "-j", iptablesActions[r.Action])
	}
	return w
}

func (m FilterMatch) iptablesWords(option string) []string {
	var w []string
	if m.Not {
		w = append(w, "!")
	}
	if m.On == MatchSource || m.On == MatchDestination {
		return append(w, option, m.Prefix.String())
	}
	return append(w, option, m.Link)
}

// iptablesWords returns the words of a change, behind "iptables".
func (c *FilterChange) iptablesWords() []string {
	return append([]string{"-t", c.Table}, c.RestoreWords()...)
}

// RestoreWords returns the words of a change of iptables in the section of its table, as iptables-restore(8) reads them.
func (c *FilterChange) RestoreWords() []string {
	switch c.Do {
	case AddChain:
		if c.Base != nil {
			return []string{"-P", c.Chain, iptablesActions[c.Base.Policy]}
		}
		return []string{"-N", c.Chain}
	case DeleteChain:
		return []string{"-X", c.Chain}
	case FlushChain:
		if c.Chain == "" {
			return []string{"-F"}
		}
		return []string{"-F", c.Chain}
	case AddRule:
		return append([]string{"-A", c.Chain}, c.Rule.IPTablesWords()...)
	case InsertRule:
		return append([]string{"-I", c.Chain}, c.Rule.IPTablesWords()...)
	}
	return append([]string{"-D", c.Chain}, c.Rule.IPTablesWords()...)
}

// parseIPTablesChange reads what iptablesWords writes.
func parseIPTablesChange(family FilterFamily, words []string) (FilterChange, error) {
	c := FilterChange{Family: family, Table: "filter"}
	r := &wordReader{rest: words}
	if r.skip("-t") {
		c.Table = r.next()
	}
	option := r.next()
	if option != "-F" || len(r.rest) > 0 {
		c.Chain = r.next()
	}
	switch option {
	case "-N":
		c.Do, c.Exclusive = AddChain, true
	case "-P":
		c.Do, c.Base = AddChain, &BaseChain{Policy: FilterAction(strings.ToLower(r.next()))}
	case "-X":
		c.Do = DeleteChain
	case "-F":
		c.Do = FlushChain
	case "-A":
		c.Do = AddRule
	case "-I":
		c.Do = InsertRule
	case "-D":
		c.Do = DeleteRule
	default:
		return c, fmt.Errorf("does not know %q, but -N, -X, -P, -F, -A, -I, -D", option)
	}
	if c.Do == AddRule || c.Do == InsertRule || c.Do == DeleteRule {
		var ok bool
		if c.Rule, ok = ParseIPTablesRule(c.Table, r.rest); !ok {
			return c, fmt.Errorf("there are no words for the rule %s", joinWords(r.rest))
		}
		r.rest = nil
	}
	return c, r.end()
}

// ParseIPTablesRule reads the words of a rule behind the name of its chain; not ok where the model has none for it. A
// target in capitals that is none of the model's is not taken for a chain of that name.
func ParseIPTablesRule(table string, words []string) (rule FilterRule, ok bool) {
	r := &wordReader{rest: words}
	last := -1
	for len(r.rest) > 0 && r.err == nil {
		not := r.skip("!")
		word := r.next()
		if key := iptablesKey(word); key > last {
			m := FilterMatch{On: iptablesKeys[key].key, Not: not}
			if err := m.read(r.next()); err != nil {
				return FilterRule{}, false
			}
			rule.Matches, last = append(rule.Matches, m), key
			continue
		}
		switch {
		case not:
			return FilterRule{}, false
		case word == "-m" && r.skip("comment") && r.skip("--comment") && rule.Comment == "" && rule.Action == "":
			rule.Comment = r.next()
		case word == "-j" && rule.Action == "":
			rule.Action, rule.Target = iptablesTarget(r.next())
		case word == "-g" && rule.Action == "":
			rule.Action, rule.Target = GoTo, r.next()
		default:
			return FilterRule{}, false
		}
	}
	if r.err != nil || rule.Target != "" && isExtension(rule.Target) {
		return FilterRule{}, false
	}
	return rule, true
}

func iptablesKey(option string) int {
	for i, k := range iptablesKeys {
		if k.option == option {
			return i
		}
	}
	return -1
}

func iptablesTarget(word string) (FilterAction, string) {
	for action, target := range iptablesActions {
		if target == word {
			return action, ""
		}
	}
	return Jump, word
}

// extensions are the targets of iptables-extensions(8) that are no actions of the model.
const extensions = " AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNMARK CONNSECMARK CT DNAT DNPT DSCP ECN HL HMARK IDLETIMER" +
	" LED LOG MARK NETMAP NFLOG NFQUEUE NOTRACK RATEEST REDIRECT REJECT SECMARK SET SNAT SNPT SYNPROXY TCPMSS TCPOPTSTRIP" +
	" TEE TOS TPROXY TRACE TTL ULOG "

// isTarget reports whether a chain cannot have a name, because a rule could not jump there (iptables/xshared.c:
// assert_valid_chain_name).
func isTarget(chain string) bool {
	_, known := iptablesTarget(chain)
	return isExtension(chain) || known != chain || chain == "QUEUE" || strings.HasPrefix(chain, "!")
}

func isExtension(target string) bool { return strings.Contains(extensions, " "+target+" ") }

// JoinIPTables makes a line for iptables-restore of words.
func JoinIPTables(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \"'\\") {
			w = `"` + strings.ReplaceAll(strings.ReplaceAll(w, `\`, `\\`), `"`, `\"`) + `"`
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

// SplitIPTables splits a line of iptables-save into its words. (iptables/xshared.c: add_param_to_argv.)
func SplitIPTables(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, any := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case c == '"':
			quoted, any = !quoted, true
		case c == ' ' && !quoted:
			if any {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteByte(c)
			any = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed in %s", strconv.Quote(line))
	}
	if any {
		words = append(words, word.String())
	}
	return words, nil
}
