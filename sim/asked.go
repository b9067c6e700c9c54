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
	src4, dst4     uint32     // of IPv4, the same as numbers
	in, out        *link      // nil: none
	mac            mac        // of the sender of a frame
	protocol       uint8      // above IP; 0: none
	hasPorts       bool
	source, target uint16 // ports
	state          kernel.FlowStates
}

// look notes what the packet says. A fragment but the first has no ports.
func (f *facts) look(p packet) {
	f.src, f.dst = p.src(), p.dst()
	if !p.v6() {
		f.src4, f.dst4 = binary.BigEndian.Uint32(p[12:]), binary.BigEndian.Uint32(p[16:])
	}
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
	on       testKind
	not      bool
	protocol uint8
	ports    kernel.PortRange
	states   kernel.FlowStates
	mac      mac
	link     string
	prefix   netip.Prefix
	bits     uint32 // of an IPv4 prefix, the same as a number
	mask     uint32
}

// A testKind is what a test looks at.
type testKind uint8

const (
	bySource testKind = iota
	bySource4
	byDestination
	byDestination4
	byInLink
	byOutLink
	byProtocol
	bySourcePort
	byDestinationPort
	byFlow
	byLocal
	bySourceMAC
)

var testKinds = map[kernel.MatchKey]testKind{
	kernel.MatchSource: bySource, kernel.MatchDestination: byDestination, kernel.MatchInLink: byInLink,
	kernel.MatchOutLink: byOutLink, kernel.MatchProtocol: byProtocol, kernel.MatchSourcePort: bySourcePort,
	kernel.MatchDestinationPort: byDestinationPort, kernel.MatchFlow: byFlow, kernel.MatchLocal: byLocal,
	kernel.MatchSourceMAC: bySourceMAC,
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
		on: testKinds[m.On], not: m.Not, protocol: m.Protocol.Number(), ports: m.Ports, states: m.States, link: m.Link, prefix: m.Prefix,
	}
	copy(t.mac[:], m.MAC)
	if t.prefix.IsValid() && t.prefix.Addr().Is4() {
		t.on++ // bySource4, byDestination4
		a := t.prefix.Addr().As4()
		t.mask = ^uint32(0) << (32 - t.prefix.Bits())
		t.bits = binary.BigEndian.Uint32(a[:])
	}
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
	case bySource4:
		return (f.src4&t.mask == t.bits) != t.not && f.src.Is4()
	case byDestination4:
		return (f.dst4&t.mask == t.bits) != t.not && f.dst.Is4()
	case bySource:
		return f.src.Is6() && t.prefix.Contains(f.src) != t.not
	case byDestination:
		return f.dst.Is6() && t.prefix.Contains(f.dst) != t.not
	case byInLink:
		return (nameOf(f.in) == t.link) != t.not
	case byOutLink:
		return (nameOf(f.out) == t.link) != t.not
	case byProtocol:
		return (f.protocol == t.protocol) != t.not
	case bySourcePort:
		return f.hasPorts && f.protocol == t.protocol && t.ports.Contains(f.source) != t.not
	case byDestinationPort:
		return f.hasPorts && f.protocol == t.protocol && t.ports.Contains(f.target) != t.not
	case byFlow:
		return (f.state&t.states != 0) != t.not
	case byLocal:
		return f.ns.local(f.dst) != t.not
	case bySourceMAC:
		return (f.mac == t.mac) != t.not
	}
	return false
}

// nameOf is what rules see of a link; "" where there is none.
func nameOf(l *link) string {
	if l == nil {
		return ""
	}
	return l.name
}
