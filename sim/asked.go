package sim

import (
	"encoding/binary"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// facts is what rules can ask of a packet.
type facts struct {
	ns             *namespace
	src, dst       netip.Addr // zero for a frame that has no IP packet
	in, out        *link      // nil: none
	mac            mac        // of the sender of a frame
	protocol       uint8      // above IP; 0: none
	hasPorts       bool
	source, target uint16 // ports
	state          kernel.FlowStates
}

// lookAbove notes what is above IP. A fragment but the first has no ports.
func (f *facts) lookAbove(p packet) {
	f.protocol = uint8(p.protocol())
	if data := p.payload(); kernel.FilterProtocolOf(f.protocol).HasPorts() && p.first() && len(data) >= 4 {
		f.hasPorts = true
		f.source, f.target = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	}
}

// An askedTable is a table whose chains are made ready to be asked.
type askedTable struct {
	table *kernel.FilterTable
	made  map[string]*askedChain
}

func newAskedTable(t *kernel.FilterTable) *askedTable {
	return &askedTable{t, map[string]*askedChain{}}
}

// An askedChain is a chain as packets meet it.
type askedChain struct {
	rules  []askedRule
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

// A test is a match with what it compares with at hand.
type test struct {
	on       kernel.MatchKey
	not      bool
	protocol uint8
	ports    kernel.PortRange
	states   kernel.FlowStates
	mac      mac
	link     string
	prefix   netip.Prefix
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
	return c
}

// describe says which rule of a base chain, or of those that it leads to, has decided.
func (c *askedChain) describe(by *askedRule) string {
	if by.rule == nil {
		return c.name + ": policy " + string(by.action)
	}
	return c.name + ": " + by.rule.String()
}

func newTest(m kernel.FilterMatch) test {
	t := test{
		on: m.On, not: m.Not, protocol: m.Protocol.Number(), ports: m.Ports, states: m.States, link: m.Link, prefix: m.Prefix,
	}
	copy(t.mac[:], m.MAC)
	return t
}

// decide returns the rule, or the policy, that decides about a packet in a base chain. (net/netfilter/nf_tables_core.c:
// nft_do_chain; net/ipv4/netfilter/ip_tables.c: ipt_do_table.)
func (c *askedChain) decide(f *facts) *askedRule {
	if by := c.walk(f); by != nil {
		return by
	}
	return &c.policy
}

// walk returns the rule that decides; nil where they lead back to whoever has jumped here.
func (c *askedChain) walk(f *facts) *askedRule {
	for i := range c.rules {
		r := &c.rules[i]
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

func (r *askedRule) isAbout(f *facts) bool {
	for i := range r.tests {
		if !r.tests[i].holds(f) {
			return false
		}
	}
	return true
}

// holds reports whether a match is true. One about an address is true of no packet of the other IP version, negated or
// not, and one about a port of none of another protocol.
func (t *test) holds(f *facts) bool {
	switch t.on {
	case kernel.MatchSource:
		return sameVersion(f.src, t.prefix) && t.prefix.Contains(f.src) != t.not
	case kernel.MatchDestination:
		return sameVersion(f.dst, t.prefix) && t.prefix.Contains(f.dst) != t.not
	case kernel.MatchInLink:
		return (nameOf(f.in) == t.link) != t.not
	case kernel.MatchOutLink:
		return (nameOf(f.out) == t.link) != t.not
	case kernel.MatchProtocol:
		return (f.protocol == t.protocol) != t.not
	case kernel.MatchSourcePort:
		return f.hasPorts && f.protocol == t.protocol && t.ports.Contains(f.source) != t.not
	case kernel.MatchDestinationPort:
		return f.hasPorts && f.protocol == t.protocol && t.ports.Contains(f.target) != t.not
	case kernel.MatchFlow:
		return (f.state&t.states != 0) != t.not
	case kernel.MatchLocal:
		return f.ns.local(f.dst) != t.not
	case kernel.MatchSourceMAC:
		return (f.mac == t.mac) != t.not
	}
	return false
}

func sameVersion(a netip.Addr, p netip.Prefix) bool { return a.IsValid() && a.Is4() == p.Addr().Is4() }

// nameOf is what rules see of a link; "" where there is none.
func nameOf(l *link) string {
	if l == nil {
		return ""
	}
	return l.name
}
