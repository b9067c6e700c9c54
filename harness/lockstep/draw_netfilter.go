package lockstep

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"reflect"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// A filterMood is how often a sequence is about netfilter. Most are not at all: a change of iptables runs a program, and
// takes as long as a hundred requests.
type filterMood struct{ nft, iptables int } // weights, beside those of all other operations together

func (d *drawer) filterMood() filterMood {
	switch n := d.below(100); {
	case n < 12:
		return filterMood{nft: 150}
	case n < 16:
		return filterMood{iptables: 40}
	}
	return filterMood{}
}

// nftChange draws a transaction of nftables.
func (d *drawer) nftChange() operation.Operation {
	return d.sayable(func() operation.RulesetChange {
		o := operation.RulesetChange{NetNS: d.netns(), Program: "nft", Check: d.percent(12)}
		b := &rulesetDrawer{drawer: d, now: d.m.ruleset(o.NetNS, kernel.NFTables)}
		if d.percent(3) {
			o.Changes = b.ladder(b.place())
			return o
		}
		for range d.changes() {
			o.Changes = append(o.Changes, b.then(b.nft()))
		}
		return o
	})
}

// sayable draws until the change is one that a line can say: a sequence is a scenario.
func (d *drawer) sayable(draw func() operation.RulesetChange) operation.Operation {
	for range 4 {
		o := draw()
		if again, err := operation.Parse(o.String()); err == nil && reflect.DeepEqual(again, o) {
			return o
		}
	}
	return d.one()
}

// changes draws how many a transaction has.
func (d *drawer) changes() int { return pick(d, 1, 1, 1, 1, 1, 2, 2, 3, 4, 6) }

// iptablesChange draws a transaction of iptables. All of it is in one table.
func (d *drawer) iptablesChange() operation.Operation {
	return d.sayable(func() operation.RulesetChange {
		o := operation.RulesetChange{NetNS: d.netns(), Program: pick(d, "iptables", "iptables", "ip6tables"), Check: d.percent(6)}
		c := kernel.FilterChange{Family: kernel.FilterIP, Table: mostly(d, 2, iptablesTables, []string{"", "broute", "FILTER"})}
		if o.Program == "ip6tables" {
			c.Family = kernel.FilterIP6
		}
		b := &rulesetDrawer{drawer: d, now: d.m.ruleset(o.NetNS, kernel.IPTables)}
		if d.percent(2) {
			o.Changes = b.ladder(c)
			return o
		}
		for range d.changes() {
			if d.percent(1) {
				c.Table = pick(d, iptablesTables...)
			}
			o.Changes = append(o.Changes, b.then(b.iptables(c)))
		}
		return o
	})
}

var iptablesTables = []string{"filter", "filter", "filter", "nat", "nat", "nat", "mangle", "raw", "security"}

// A rulesetDrawer draws the changes of a transaction, each for what is there after those before it.
type rulesetDrawer struct {
	*drawer
	now *modelRuleset
}

// then notes a change.
func (d *rulesetDrawer) then(c kernel.FilterChange) kernel.FilterChange {
	d.now.change(c)
	return c
}

var (
	nftFamilies = []kernel.FilterFamily{kernel.FilterInet, kernel.FilterIP, kernel.FilterIP6, kernel.FilterBridge}
	nftTables   = []string{"t", "u"}
	oddTables   = []string{"filter", "nat", "", "a b", "-t", "T{", "\xff", "\xc3\xa4", long(255), long(256), "t\x00", "mangle"}
	chainNames  = []string{"c", "d", "e", "f", "g", "p", "q", "r"}
	oddChains   = []string{"", "a b", "-c", "c;", "\xc3\xa4", long(255), long(256), "handle", "c\x00", "'c'", "accept"}
)

// place draws the family and table of a change, which probably is there.
func (d *rulesetDrawer) place() kernel.FilterChange {
	if len(d.now.tables) > 0 && !d.percent(4) {
		t := pick(d.drawer, d.now.tables...)
		return kernel.FilterChange{Family: t.Family, Table: t.Name}
	}
	return d.newPlace()
}

func (d *rulesetDrawer) newPlace() kernel.FilterChange {
	c := kernel.FilterChange{Family: kernel.FilterBridge, Table: mostly(d.drawer, 3, nftTables, oddTables)}
	if d.worthwhile(NounNFTFamily) {
		c.Family = mostly(d.drawer, 1, nftFamilies, []kernel.FilterFamily{"arp", "netdev", ""})
	}
	return c
}

// nft draws a change of nftables.
func (d *rulesetDrawer) nft() kernel.FilterChange {
	n := d.below(100)
	if len(d.now.tables) == 0 && !d.percent(10) || n < 5 {
		c := d.newPlace()
		c.Do, c.Exclusive = kernel.AddTable, d.percent(40)
		if d.percent(15) {
			c.Comment = d.comment()
		}
		return c
	}
	c := d.place()
	if n < 8 {
		c.Do = kernel.DeleteTable
		return c
	}
	return d.inTable(c, n)
}

// iptables draws a change in a table of iptables.
func (d *rulesetDrawer) iptables(c kernel.FilterChange) kernel.FilterChange {
	n := 8 + d.below(92)
	if n >= 12 {
		return d.inTable(c, n)
	}
	c.Do, c.Chain = kernel.AddChain, d.chain(c, isBuiltIn)
	policies := []kernel.FilterAction{kernel.Accept, kernel.Drop}
	c.Base = &kernel.BaseChain{Policy: mostly(d.drawer, 5, policies, []kernel.FilterAction{kernel.Return})}
	return c
}

// inTable draws a change of a table's chains or rules. n is a number from 8 to 99.
func (d *rulesetDrawer) inTable(c kernel.FilterChange, n int) kernel.FilterChange {
	any, rules := d.has(c, anyChain) || d.percent(5), d.has(c, hasRules) || d.percent(5)
	switch {
	case n < 28 || !any:
		return d.addChain(c)
	case n < 34 && d.has(c, isRegular):
		c.Do, c.Chain = kernel.DeleteChain, d.chain(c, isRegular)
		if d.has(c, isIdle) && d.percent(50) {
			c.Chain = d.chain(c, isIdle)
		}
	case n < 39 && rules:
		c.Do = kernel.FlushChain
		if !d.percent(20) {
			c.Chain = d.chain(c, hasRules)
		}
	case n < 55 && rules:
		return d.deleteRule(c)
	default:
		c.Do, c.Chain = kernel.AddRule, d.chain(c, anyChain)
		if n >= 85 {
			c.Do = kernel.InsertRule
		}
		c.Rule = d.rule(c)
		d.position(&c)
	}
	return c
}

func anyChain(kernel.FilterChain) bool    { return true }
func isRegular(c kernel.FilterChain) bool { return c.Base == nil }
func isBuiltIn(c kernel.FilterChain) bool { return c.Base != nil }
func hasRules(c kernel.FilterChain) bool  { return len(c.Rules) > 0 }
func isIdle(c kernel.FilterChain) bool    { return c.Base == nil && len(c.Rules) == 0 }

// has reports whether the table of a change has a chain that fits.
func (d *rulesetDrawer) has(c kernel.FilterChange, fits func(kernel.FilterChain) bool) bool {
	return len(d.chains(c, fits)) > 0
}

// chains are those of the table of a change that fit.
func (d *rulesetDrawer) chains(c kernel.FilterChange, fit func(kernel.FilterChain) bool) []kernel.FilterChain {
	t := kernel.FindFilterTable(d.now.tables, c.Family, c.Table)
	if d.now.backend == kernel.IPTables {
		t = d.now.table(c.Family, c.Table)
	}
	if t == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.Chains), func(c kernel.FilterChain) bool { return !fit(c) })
}

// chain draws the name of a chain that probably is there and fits, if there is one.
func (d *rulesetDrawer) chain(c kernel.FilterChange, fit func(kernel.FilterChain) bool) string {
	fitting := d.chains(c, fit)
	if len(fitting) == 0 || d.percent(3) {
		return mostly(d.drawer, 15, append(chainNames, "INPUT", "POSTROUTING"), d.oddChains())
	}
	return pick(d.drawer, fitting...).Name
}

func (d *rulesetDrawer) oddChains() []string {
	if d.now.backend == kernel.IPTables {
		return append([]string{long(28), long(29), "LOG", "ACCEPT", "!c", "FORWARD", "cNI-a:b", "c/d"}, oddChains...)
	}
	return oddChains
}

// addChain draws a chain to add: mostly one with another name than those that are there.
func (d *rulesetDrawer) addChain(c kernel.FilterChange) kernel.FilterChange {
	there := d.chains(c, anyChain)
	isFree := func(name string) bool {
		return !slices.ContainsFunc(there, func(c kernel.FilterChain) bool { return c.Name == name })
	}
	free := slices.DeleteFunc(slices.Clone(chainNames), func(name string) bool { return !isFree(name) })
	c.Do, c.Chain = kernel.AddChain, mostly(d.drawer, 5, free, d.oddChains())
	again := len(there) > 0 && d.percent(20)
	if again {
		c.Chain = pick(d.drawer, there...).Name
	}
	if d.now.backend == kernel.IPTables {
		c.Exclusive = true
		return c
	}
	c.Exclusive = d.percent(25)
	if d.percent(55) {
		c.Base = d.base(c.Family)
	}
	if d.percent(10) {
		c.Comment = d.comment()
	}
	if again && d.percent(60) {
		d.changeBase(&c, there)
	}
	return c
}

// changeBase makes a chain that is there the one to add, but for a part of its base.
func (d *rulesetDrawer) changeBase(c *kernel.FilterChange, there []kernel.FilterChain) {
	i := slices.IndexFunc(there, func(t kernel.FilterChain) bool { return t.Name == c.Chain })
	if c.Exclusive = false; there[i].Base == nil {
		return
	}
	c.Base = new(*there[i].Base)
	other := d.base(c.Family)
	switch d.below(6) {
	case 0:
		c.Base.Type = other.Type
	case 1:
		c.Base.Hook = other.Hook
	case 2:
		c.Base.Priority = other.Priority
	default:
		c.Base.Policy = pick(d.drawer, kernel.Accept, kernel.Drop)
	}
}

var usualPolicies = []kernel.FilterAction{kernel.Accept, kernel.Accept, kernel.Accept, kernel.Drop}

var chainHooks = []string{"prerouting", "input", "forward", "output", "postrouting"}

func (d *rulesetDrawer) base(family kernel.FilterFamily) *kernel.BaseChain {
	b := &kernel.BaseChain{
		Type: "filter", Hook: mostly(d.drawer, 1, chainHooks, []string{"ingress", ""}),
		Policy: mostly(d.drawer, 1, usualPolicies, []kernel.FilterAction{kernel.Return, ""}),
		Priority: mostly(d.drawer, 8, []int{0, 0, -300, -150, -100, 100, 225, 1}, []int{
			-199, -200, -201, math.MinInt32, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32 - 1,
		}),
	}
	if family == kernel.FilterBridge && !d.percent(3) {
		return b
	}
	switch n := d.below(100); {
	case n < 35:
		natHooks := []string{"prerouting", "input", "output", "postrouting", "postrouting"}
		b.Type, b.Hook = "nat", mostly(d.drawer, 5, natHooks, chainHooks)
	case n < 45:
		b.Type, b.Hook = "route", mostly(d.drawer, 20, []string{"output"}, chainHooks)
	case n < 46:
		b.Type = pick(d.drawer, "", "queue")
	}
	return b
}

// deleteRule draws a rule to delete, mostly one that is there: by its handle, or by what it says.
func (d *rulesetDrawer) deleteRule(c kernel.FilterChange) kernel.FilterChange {
	c.Do, c.Chain = kernel.DeleteRule, d.chain(c, hasRules)
	for _, chain := range d.chains(c, hasRules) {
		if chain.Name == c.Chain {
			c.Rule = pick(d.drawer, chain.Rules...)
		}
	}
	switch {
	case c.Rule.Handle == 0 || d.percent(4):
		c.Rule = d.rule(c)
	case d.now.backend == kernel.NFTables && d.percent(40):
		c.Rule = kernel.FilterRule{Handle: d.handle(c)}
	default:
		c.Rule.Handle = 0
	}
	return c
}

// handle draws that of a rule in the chain of a change.
func (d *rulesetDrawer) handle(c kernel.FilterChange) uint64 {
	var all []uint64
	for _, chain := range d.chains(c, anyChain) {
		for _, r := range chain.Rules {
			if chain.Name == c.Chain {
				all = append(all, r.Handle)
			}
		}
	}
	return mostly(d.drawer, 12, all, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, d.now.handle + 1, 1 << 32, math.MaxUint64})
}

// position draws a rule beside which to put the one to add.
func (d *rulesetDrawer) position(c *kernel.FilterChange) {
	isIt := func(t kernel.FilterChain) bool { return t.Name == c.Chain && hasRules(t) }
	if d.now.backend == kernel.NFTables && d.has(*c, isIt) && d.percent(30) {
		c.At = d.handle(*c)
	}
}

// comment draws one, which may be of a length around the limits.
func (d *rulesetDrawer) comment() string {
	return mostly(d.drawer, 10, []string{"x", "two words", "y"}, []string{
		long(127), long(128), long(129), long(255), long(256), " ", "\n",
		"\x00", "\xc3\xa4", "\xff", `"`, `\`, `a"b\c`, "'", "-j", "a;b", "!", "#", "$x",
		`\\`, ` "`, "}", "\x7f", "\xc2\xa0",
	})
}

func (d *rulesetDrawer) rule(c kernel.FilterChange) kernel.FilterRule {
	var r kernel.FilterRule
	for range pick(d.drawer, 0, 0, 1, 1, 2, 3) {
		if m := d.match(c); d.now.backend == kernel.NFTables || d.percent(3) || canKnow(c.Chain, m.On) {
			r.Matches = append(r.Matches, m)
		}
	}
	if d.now.backend == kernel.IPTables {
		r.Matches = inOrder(r.Matches)
	} else if d.percent(1) {
		r.Matches = slices.Repeat([]kernel.FilterMatch{d.match(c)}, kernel.MaxFilterMatches+pick(d.drawer, -1, 0, 1))
	}
	d.act(&r, c)
	if d.percent(20) {
		r.Comment = d.comment()
	}
	return r
}

// canKnow reports whether iptables knows what a match looks at in a chain.
func canKnow(chain string, on kernel.MatchKey) bool {
	switch on {
	case kernel.MatchInLink:
		return chain != "OUTPUT" && chain != "POSTROUTING"
	case kernel.MatchOutLink:
		return chain != "INPUT" && chain != "PREROUTING"
	}
	return true
}

// inOrder returns the matches in the order of iptables' words, each kind once.
func inOrder(all []kernel.FilterMatch) (ordered []kernel.FilterMatch) {
	for _, on := range usualKeys {
		if i := slices.IndexFunc(all, func(m kernel.FilterMatch) bool { return m.On == on }); i >= 0 {
			ordered = append(ordered, all[i])
		}
	}
	return ordered
}

// act draws what a rule does.
func (d *rulesetDrawer) act(r *kernel.FilterRule, c kernel.FilterChange) {
	nat := slices.ContainsFunc(d.chains(c, isBuiltIn), func(b kernel.FilterChain) bool {
		return b.Name == c.Chain && (b.Base.Hook == "postrouting" && b.Base.Type == "nat" ||
			b.Name == "POSTROUTING" && c.Table == "nat")
	})
	isOther := func(t kernel.FilterChain) bool { return isRegular(t) && t.Name != c.Chain }
	switch n := d.below(100); {
	case nat && n < 40 || n < 2:
		r.Action = kernel.Masquerade
	case n < 25:
		r.Action = kernel.Accept
	case n < 35:
		r.Action = kernel.Return
		if d.now.backend == kernel.NFTables || c.Table != "nat" || d.percent(5) {
			r.Action = pick(d.drawer, kernel.Drop, kernel.Return)
		}
	case n < 43 || n < 90 && !d.has(c, isOther):
		r.Action = ""
	case n < 44:
		r.Action, r.Target = kernel.Jump, mostly(d.drawer, 30, []string{c.Chain}, d.oddChains())
	default:
		r.Action = pick(d.drawer, kernel.Jump, kernel.Jump, kernel.GoTo)
		if r.Target = d.chain(c, isOther); d.percent(4) {
			r.Target = d.chain(c, isBuiltIn)
		}
	}
}

var (
	matched4    = prefixes("10.1.0.2/32", "10.1.0.0/24", "10.0.0.0/9", "0.0.0.0/1", "10.0.0.0/8", "10.1.0.4/30", "224.0.0.0/4")
	matchedMACs = []net.HardwareAddr{{2, 0, 0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0, 0, 0}}

	matched6 = prefixes("fd00::2/128", "fd00::/64", "2000::/3", "fd00::/8", "fd00:0:0:8000::/50", "ff02::1/128", "8000::/1")
	matchOdd = append(prefixes(
		"10.1.0.2/24", "0.0.0.0/0", "::/0", "fd00::2/64", "::ffff:10.0.0.1/128", "0.0.0.0/32", "::/128",
	), matched6...)
)

var usualKeys = []kernel.MatchKey{kernel.MatchSource, kernel.MatchDestination, kernel.MatchInLink, kernel.MatchOutLink}

func (d *rulesetDrawer) match(c kernel.FilterChange) kernel.FilterMatch {
	m := kernel.FilterMatch{Not: d.percent(25)}
	keys := usualKeys
	if c.Family == kernel.FilterBridge || d.now.backend == kernel.NFTables && d.percent(1) {
		keys = append(slices.Clone(keys), kernel.MatchSourceMAC)
	}
	switch m.On = pick(d.drawer, keys...); m.On {
	case kernel.MatchSource, kernel.MatchDestination:
		m.Prefix = d.matched(c.Family)
	case kernel.MatchInLink, kernel.MatchOutLink:
		m.Link = mostly(d.drawer, 3, newNames, []string{
			"fifteen-bytes-n", "sixteen-bytes-nm", "", "a b", "eth+",
			"v*", "\xc3\xa4", "-v", "!", "a/b", `v\`, "'", "v\x00", "accept", ".", "a:b",
		})
	case kernel.MatchSourceMAC:
		m.MAC = mostly(d.drawer, 2, matchedMACs, []net.HardwareAddr{{2, 0, 0, 0, 0, 0, 0, 1}})
	}
	return m
}

func (d *rulesetDrawer) matched(family kernel.FilterFamily) netip.Prefix {
	usual := slices.Concat(matched4, matched6)
	switch family {
	case kernel.FilterIP:
		usual = matched4
	case kernel.FilterIP6:
		usual = matched6
	}
	return mostly(d.drawer, 2, usual, matchOdd)
}

// ladder draws chains of which each leads to the next, and perhaps the last to one before it. Packets can go through 16
// chains (NFT_JUMP_STACK_SIZE).
func (d *rulesetDrawer) ladder(c kernel.FilterChange) []kernel.FilterChange {
	var all []kernel.FilterChange
	add := func(do kernel.FilterVerb, chain string, change func(*kernel.FilterChange)) {
		step := kernel.FilterChange{Do: do, Family: c.Family, Table: c.Table, Chain: chain}
		change(&step)
		all = append(all, step)
	}
	lead := func(from, to string) {
		add(kernel.AddRule, from, func(c *kernel.FilterChange) {
			c.Rule = kernel.FilterRule{Action: pick(d.drawer, kernel.Jump, kernel.GoTo), Target: to}
		})
	}
	height := pick(d.drawer, 2, 3, 13, 14, 15, 16, 17)
	first := d.chain(c, isBuiltIn)
	for i := range height {
		add(kernel.AddChain, step(i), func(c *kernel.FilterChange) { c.Exclusive = d.now.backend == kernel.IPTables })
	}
	if d.percent(50) {
		lead(first, step(0)) // each rule that comes is looked at with what is there by then
	}
	for i := range height - 1 {
		lead(step(i), step(i+1))
	}
	lead(first, step(0))
	if d.percent(30) {
		lead(step(height-1), step(d.below(height)))
	}
	return all
}

func step(i int) string { return fmt.Sprintf("s%d", i) }
