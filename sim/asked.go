package sim

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// askedTables are those that there are, each made ready once.
type askedTables map[*kernel.FilterTable]*askedTable

func (all askedTables) of(t *kernel.FilterTable) *askedTable {
	if all[t] == nil {
		all[t] = &askedTable{t, map[string]*askedChain{}}
	}
	return all[t]
}

// An askedTable is a table whose chains are made ready to be asked.
type askedTable struct {
	table *kernel.FilterTable
	made  map[string]*askedChain
}

// An askedChain is a chain as packets meet it.
type askedChain struct {
	rules  []askedRule
	index  index
	policy askedRule // what becomes of packets of a base chain that no rule decides about
	name   string    // with family and table
}

// An askedRule is a rule as packets meet it.
type askedRule struct {
	tests  []test
	action kernel.FilterAction
	target *askedChain
	with   kernel.Rejection
	to     netip.AddrPort
	rule   *kernel.FilterRule
}

// chain returns a chain with all to which its rules lead.
func (t *askedTable) chain(name string) *askedChain {
	if made := t.made[name]; made != nil {
		return made
	}
	from := t.table.Chain(name)
	c := &askedChain{name: string(t.table.Family) + " " + t.table.Name + " " + name}
	t.made[name] = c // before its rules, which may lead in a circle where no packet gets
	if from.Base != nil {
		c.policy.action = from.Base.Policy
	}
	for i := range from.Rules {
		r := &from.Rules[i]
		rule := askedRule{action: r.Action, with: r.With, to: r.To, rule: r}
		if r.Target != "" {
			rule.target = t.chain(r.Target)
		}
		for _, m := range r.Matches {
			rule.tests = append(rule.tests, newTest(m))
		}
		c.rules = append(c.rules, rule)
	}
	c.index = newIndex(len(c.rules))
	return c
}

// describe says which rule of a base chain, or of those that it leads to, has decided.
func (c *askedChain) describe(by *askedRule) string {
	if by.rule == nil {
		return c.name + ": policy " + string(by.action)
	}
	return c.name + ": " + by.rule.String()
}

// decide returns the rule, or the policy, that decides about a packet in a base chain, and gives it the mark that rules
// before have set. (net/netfilter/nf_tables_core.c: nft_do_chain; net/ipv4/netfilter/ip_tables.c: ipt_do_table.)
func (c *askedChain) decide(f *facts) *askedRule {
	if by := c.walk(f); by != nil {
		return by
	}
	return &c.policy
}

// walk returns the rule that decides; nil where they lead back to whoever has jumped here.
func (c *askedChain) walk(f *facts) *askedRule {
	var space [8][]int32
	left := c.index.find(f, c.testsAt, space[:0])
	for place, ok := left.next(); ok; place, ok = left.next() {
		r := &c.rules[place]
		if !r.isAbout(f) {
			continue
		}
		switch r.action {
		case kernel.Return:
			return nil
		case kernel.GoTo:
			return r.target.walk(f)
		case kernel.Jump:
			if by := r.target.walk(f); by != nil {
				return by
			}
		case "":
		case kernel.SetMark, kernel.SetFlowMark, kernel.SaveMark, kernel.RestoreMark:
			r.setMark(f)
		case kernel.SNAT, kernel.DNAT:
			if r.to.Addr().Is4() == f.dst.Is4() { // nft_nat_inet_eval
				return r
			}
		default:
			return r
		}
	}
	return nil
}

// setMark gives a packet or its flow a mark. (net/netfilter/nft_meta.c: nft_meta_set_eval; nft_ct.c: nft_ct_set_eval;
// xt_mark.c: mark_tg; xt_connmark.c: connmark_tg_shift.)
func (r *askedRule) setMark(f *facts) {
	c := f.connection
	switch {
	case r.action == kernel.SetMark:
		f.mark = r.rule.Mark.Set(f.mark)
	case c == nil: // there is nothing to set, or to have it from
	case r.action == kernel.SetFlowMark:
		c.mark = r.rule.Mark.Set(c.mark)
	case r.action == kernel.SaveMark:
		c.mark = r.rule.Copy.Copy(f.mark, c.mark)
	case r.action == kernel.RestoreMark:
		f.mark = r.rule.Copy.Copy(c.mark, f.mark)
	}
}

func (c *askedChain) testsAt(place int) []test { return c.rules[place].tests }

func (r *askedRule) isAbout(f *facts) bool {
	for i := range r.tests {
		if !r.tests[i].holds(f) {
			return false
		}
	}
	return true
}
