package kernel

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The words of iptables(8).

// An iptablesAction is how iptables writes what a rule does.
type iptablesAction struct {
	action         FilterAction
	target, option string
}

// iptablesActions are the targets by their actions, and the options that some of them must have. One target can be several
// actions, by its option.
var iptablesActions = []iptablesAction{
	{Accept, "ACCEPT", ""},
	{Drop, "DROP", ""},
	{Return, "RETURN", ""},
	{Reject, "REJECT", "--reject-with"},
	{Masquerade, "MASQUERADE", ""},
	{SNAT, "SNAT", "--to-source"},
	{DNAT, "DNAT", "--to-destination"},
	{SetMark, "MARK", iptablesSetMark},
	{SetFlowMark, "CONNMARK", iptablesSetMark},
	{SaveMark, "CONNMARK", iptablesSave},
	{RestoreMark, "CONNMARK", iptablesRestore},
}

// iptablesKeys are the options of matches and the modules that have them, in the order in which they are written. The
// order of modules is kept by iptables, which does not find a rule to delete by another (iptables/nft-shared.c:
// compare_matches).
var iptablesKeys = []struct {
	key            MatchKey
	module, option string
}{
	{MatchSource, "", "-s"},
	{MatchDestination, "", "-d"},
	{MatchInLink, "", "-i"},
	{MatchOutLink, "", "-o"},
	{MatchProtocol, "", "-p"},
	{MatchSourcePort, "", "--sport"}, // of the module with the name of the protocol
	{MatchDestinationPort, "", "--dport"},
	{matchComment, "comment", "--comment"},
	{MatchSourcePorts, iptablesPorts, "--sports"},
	{MatchDestinationPorts, iptablesPorts, "--dports"},
	{MatchFlow, "conntrack", "--ctstate"},
	{MatchLocal, "addrtype", "--dst-type"},
	{MatchMark, "mark", "--mark"},
	{MatchFlowMark, "connmark", "--mark"},
}

// iptablesPorts is the module that has lists of ports. It knows the protocol of -p.
const iptablesPorts = "multiport"

const matchComment MatchKey = "comment" // which is a match to iptables, and true of all packets

// IPTablesWords returns the words of a rule behind the name of its chain, as iptables-save(8) has them. An opaque rule's
// text is words already.
func (r FilterRule) IPTablesWords() []string {
	if r.Opaque != "" {
		words, _ := SplitIPTables(r.Opaque)
		return words
	}
	var w []string
	of, loaded := portsOf(r.Matches, MatchKey.onAnyPort), false
	for _, k := range iptablesKeys {
		switch {
		case k.key == matchComment && r.Comment != "":
			w = append(w, "-m", k.module, k.option, r.Comment)
		case k.key == MatchProtocol && of != "":
			w = append(w, k.option, string(of))
		}
		for _, m := range r.Matches {
			if m.On != k.key {
				continue
			}
			if m.On.onPort() && !loaded {
				w, loaded = append(w, "-m", string(of)), true
			}
			if k.module != "" {
				w = append(w, "-m", k.module)
			}
			w = append(w, m.iptablesWords(k.option)...)
		}
	}
	return append(w, r.iptablesAction()...)
}

// iptablesAction are the words for what a rule does.
func (r *FilterRule) iptablesAction() []string {
	switch r.Action {
	case "":
		return nil
	case Jump:
		return []string{"-j", r.Target}
	case GoTo:
		return []string{"-g", r.Target}
	}
	for _, known := range iptablesActions {
		switch {
		case known.action != r.Action:
		case known.option == "", r.Action == Reject && r.With == "":
			return r.withRandom([]string{"-j", known.target}, iptablesRandom)
		case r.Action == Reject:
			return []string{"-j", known.target, known.option, r.With.iptables()}
		case r.Action.setsMark():
			return []string{"-j", known.target, known.option, r.Mark.iptablesText(true)}
		case r.Action.copiesMark():
			return append([]string{"-j", known.target, known.option}, r.Copy.swapped(r.Action).iptablesMasks()...)
		default:
			return r.withRandom([]string{"-j", known.target, known.option, translationText(r.To)}, iptablesRandom)
		}
	}
	return nil
}

func (m FilterMatch) iptablesWords(option string) []string {
	var w []string
	if m.Not {
		w = append(w, "!")
	}
	return append(w, option, m.iptablesValue())
}

func (m FilterMatch) iptablesValue() string {
	switch m.On {
	case MatchSource, MatchDestination:
		return m.Prefix.String()
	case MatchSourcePort, MatchDestinationPort:
		return m.Ports.text(":")
	case MatchSourcePorts, MatchDestinationPorts:
		return m.List.text(":")
	case MatchFlow, MatchLocal:
		return strings.ToUpper(m.value())
	case MatchProtocol:
		if m.Protocol == FilterICMPv6 {
			return iptablesICMPv6
		}
	case MatchMark, MatchFlowMark:
		return m.Mark.iptablesText(false)
	}
	return m.value()
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
			return []string{"-P", c.Chain, strings.ToUpper(string(c.Base.Policy))}
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
		if c.Rule, ok = ParseIPTablesRule(c.Table, asSaved(r.rest)); !ok {
			return c, fmt.Errorf("there are no words for the rule %s", joinWords(r.rest))
		}
		r.rest = nil
	}
	return c, r.end()
}

// ParseIPTablesRule reads the words of a rule behind the name of its chain; not ok where the model has none for it. A
// target in capitals that is none of the model's is not taken for a chain of that name.
func ParseIPTablesRule(table string, words []string) (rule FilterRule, ok bool) {
	r := iptablesReader{wordReader: wordReader{rest: words}, last: -1}
	for len(r.rest) > 0 && r.err == nil {
		r.part(&rule)
	}
	if r.err != nil || rule.Target != "" && isExtension(rule.Target) {
		return FilterRule{}, false
	}
	if r.ports == "" {
		return rule, true
	}
	return rule, r.useProtocol(&rule)
}

// An iptablesReader reads a rule. It fails where the rule, written anew, would have other words.
type iptablesReader struct {
	wordReader
	last   int            // of iptablesKeys
	module string         // behind -m, until its option comes
	ports  FilterProtocol // of which ports are asked
	loaded bool           // by -m
}

// part reads an option with its value.
func (r *iptablesReader) part(rule *FilterRule) {
	not := r.skip("!")
	switch word := r.next(); {
	case rule.Action != "":
		r.actionOption(rule, word)
	case !not && word == "-j":
		rule.Action, rule.Target = iptablesTarget(r.next())
	case !not && word == "-g":
		rule.Action, rule.Target = GoTo, r.next()
	case !not && word == "-m" && r.module == "":
		r.module = r.next()
		if of := FilterProtocol(r.module); of.HasPorts() {
			r.ports, r.loaded, r.module = of, true, ""
		}
	default:
		r.match(rule, word, not)
	}
}

// match reads a match behind its option.
func (r *iptablesReader) match(rule *FilterRule, option string, not bool) {
	i := iptablesKey(r.module, option)
	if i <= r.last {
		r.fail("does not know " + option)
		return
	}
	m := FilterMatch{On: iptablesKeys[i].key, Not: not}
	r.last, r.module = i, ""
	value := r.next()
	switch {
	case m.On == matchComment && (not || value == ""):
		r.fail("does not know such comments")
	case m.On == matchComment:
		rule.Comment = value
		return
	case m.On.onAnyPort() && r.ports == "":
		r.ports, _ = protocolOf(rule.Matches) // -p tcp has iptables load the module by itself
	case m.On == MatchProtocol && value == iptablesICMPv6:
		value = string(FilterICMPv6)
	}
	m.Protocol = r.ports
	var err error
	if m.On.onMark() {
		m.Mark, err = readIPTablesMark(value)
	} else {
		err = m.read(value, ":")
	}
	if err != nil {
		r.fail(err.Error())
	}
	rule.Matches = append(rule.Matches, m)
}

// useProtocol takes the match on a protocol away that those on its ports stand for.
func (r *iptablesReader) useProtocol(rule *FilterRule) (ok bool) {
	i := slices.IndexFunc(rule.Matches, func(m FilterMatch) bool { return m.On == MatchProtocol })
	asks := MatchKey.onAnyPort
	if r.loaded {
		asks = MatchKey.onPort // a list is of another module
	}
	if i < 0 || rule.Matches[i].Not || rule.Matches[i].Protocol != r.ports || portsOf(rule.Matches, asks) == "" {
		return false
	}
	rule.Matches = slices.Delete(rule.Matches, i, i+1)
	return true
}

// actionOption reads what stands behind a target.
func (r *iptablesReader) actionOption(rule *FilterRule, option string) {
	if option == iptablesRandom && !rule.Random && (rule.Action == Masquerade || rule.Action == SNAT && rule.To.IsValid()) {
		rule.Random = true
		return
	}
	said := rule.Random || rule.With != "" || rule.To.IsValid() || rule.Mark != FilterMark{} || rule.Copy != MarkCopy{}
	i := slices.IndexFunc(iptablesActions, func(a iptablesAction) bool {
		return a.target == targetOf(rule.Action) && a.option == option
	})
	if i < 0 || said {
		r.fail("does not know " + option)
		return
	}
	var err error
	switch rule.Action = iptablesActions[i].action; rule.Action {
	case Reject:
		rule.With, err = rejectionOf(r.next())
	case SetMark, SetFlowMark:
		rule.Mark, err = readIPTablesMark(r.next())
	case SaveMark, RestoreMark:
		rule.Copy = r.masks().swapped(rule.Action)
	default:
		rule.To, err = readTranslation(r.next())
	}
	if err != nil {
		r.fail(err.Error())
	}
}

// iptablesRandom is how iptables says Random. (Its --random, which has been the same to Linux since 5.0, is not read.)
const iptablesRandom = "--random-fully"

// iptablesICMPv6 is the protocol's name in /etc/protocols.
const iptablesICMPv6 = "ipv6-icmp"

func iptablesKey(module, option string) int {
	for i, k := range iptablesKeys {
		if k.option == option && k.module == module {
			return i
		}
	}
	return -1
}

// targetOf is the target of an action, "" for none.
func targetOf(a FilterAction) string {
	for _, known := range iptablesActions {
		if known.action == a {
			return known.target
		}
	}
	return ""
}

func iptablesTarget(word string) (FilterAction, string) {
	for _, known := range iptablesActions {
		if known.target == word {
			return known.action, ""
		}
	}
	return Jump, word
}

// iptablesReset is RejectReset behind --reject-with.
const iptablesReset = "tcp-reset"

func (with Rejection) iptables() string {
	for _, k := range Rejections {
		if k.With == with && k.IPTables != "" {
			return k.IPTables
		}
	}
	return iptablesReset
}

func rejectionOf(word string) (Rejection, error) {
	for _, k := range Rejections {
		if k.IPTables == word {
			return k.With, nil
		}
	}
	if word != iptablesReset {
		return "", fmt.Errorf("does not know %q", word)
	}
	return RejectReset, nil
}

// extensions are the targets of iptables-extensions(8) that are no actions of the model.
const extensions = " AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNSECMARK CT DNPT DSCP ECN HL HMARK IDLETIMER" +
	" LED LOG NETMAP NFLOG NFQUEUE NOTRACK RATEEST REDIRECT SECMARK SET SNPT SYNPROXY TCPMSS TCPOPTSTRIP" +
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
