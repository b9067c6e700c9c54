package sim

import "github.com/cnilab/cnilab/kernel"

// Rules is kernel.Rules'.
func (n *handle) Rules(f kernel.Family) (list []kernel.Rule, err error) {
	err = n.do("rule list", f.String(), func() *refusal {
		tables, r := n.ns.fibOf(f)
		if r != nil {
			return r
		}
		for _, rule := range tables.rules.list {
			told := *rule
			told.In, told.Out = upToZero(told.In), upToZero(told.Out) // fib_nl_fill_rule: nla_put_string
			list = append(list, told)
		}
		return nil
	})
	return list, err
}

// AddRule is kernel.Rules'.
func (n *handle) AddRule(r kernel.Rule) error {
	return n.do("rule add", r.Label(), func() *refusal { return n.ns.addRule(r) })
}

// DeleteRule is kernel.Rules'.
func (n *handle) DeleteRule(r kernel.Rule) error {
	return n.do("rule delete", r.Label(), func() *refusal { return n.ns.deleteRule(r) })
}
