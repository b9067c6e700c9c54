package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cnilab/cnilab/kernel"
)

// What an index finds is what asking all rules in their order finds, whatever the rules and the packets.
func TestFiledRulesDecideAsAllDo(t *testing.T) {
	w := NewWorld(Config{})
	defer w.Close()
	ns := w.AddHost("node").machine.self
	rapid.Check(t, func(t *rapid.T) {
		table := drawTable(t)
		filed := newChains(&table)
		for _, c := range filed {
			c.index.file(c.testsAt)
		}
		for range 50 {
			f := drawFacts(t, ns)
			for name, c := range filed {
				one, other := f.twin(), f.twin()
				want, got := decideInOrder(&table, name, &one), c.decide(&other)
				sameFlow := one.connection == nil || *one.connection == *other.connection
				if got.rule != want || other.mark != one.mark || !sameFlow {
					t.Fatalf("chain %s, packet %+v: %s, mark %#x, want rule %v, mark %#x", name, f, c.describe(got), other.mark, want, one.mark)
				}
			}
		}
	})
}

// twin is a copy with a flow of its own.
func (f *facts) twin() facts {
	other := *f
	if f.connection != nil {
		other.connection = new(*f.connection)
	}
	return other
}

func newChains(table *kernel.FilterTable) map[string]*askedChain {
	all := askedTables{}.of(table)
	for _, c := range table.Chains {
		all.chain(c.Name)
	}
	return all.made
}

// decideInOrder asks each rule of a chain in turn, in the plainest words; nil for the policy.
func decideInOrder(table *kernel.FilterTable, name string, f *facts) *kernel.FilterRule {
	chain := table.Chain(name)
	for i := range chain.Rules {
		r := &chain.Rules[i]
		if !allTrue(r.Matches, f) {
			continue
		}
		switch r.Action {
		case kernel.Return:
			return nil
		case kernel.GoTo:
			return decideInOrder(table, r.Target, f)
		case kernel.Jump:
			if by := decideInOrder(table, r.Target, f); by != nil {
				return by
			}
		case "":
		case kernel.SetMark:
			f.mark = f.mark&^r.Mark.Mask ^ r.Mark.Value
		case kernel.SetFlowMark, kernel.SaveMark, kernel.RestoreMark:
			if f.connection != nil {
				markInWords(r, f)
			}
		case kernel.SNAT, kernel.DNAT:
			if r.To.Addr().Is4() == f.dst.Is4() {
				return r
			}
		default:
			return r
		}
	}
	return nil
}

// markInWords is what rules make of the mark of a flow, and by it.
func markInWords(r *kernel.FilterRule, f *facts) {
	c := f.connection
	switch r.Action {
	case kernel.SetFlowMark:
		c.mark = c.mark&^r.Mark.Mask ^ r.Mark.Value
	case kernel.SaveMark:
		c.mark = c.mark&^r.Copy.To ^ f.mark&r.Copy.From
	case kernel.RestoreMark:
		f.mark = f.mark&^r.Copy.To ^ c.mark&r.Copy.From
	}
}

func allTrue(matches []kernel.FilterMatch, f *facts) bool {
	for _, m := range matches {
		if !isTrue(m, f) {
			return false
		}
	}
	return true
}

func isTrue(m kernel.FilterMatch, f *facts) bool {
	of := func(a netip.Addr) bool {
		return a.IsValid() && a.Is4() == m.Prefix.Addr().Is4() && m.Prefix.Contains(a) != m.Not
	}
	onPort := func(p uint16) bool {
		return f.hasPorts && m.Protocol.Number() == f.protocol && m.Ports.Contains(p) != m.Not
	}
	inList := func(p uint16) bool {
		in := slices.ContainsFunc(m.List, func(r kernel.PortRange) bool { return r.First <= p && p <= r.Last })
		return f.hasPorts && m.Protocol.Number() == f.protocol && in != m.Not
	}
	switch m.On {
	case kernel.MatchSource:
		return of(f.src)
	case kernel.MatchDestination:
		return of(f.dst)
	case kernel.MatchInLink:
		return (f.in != nil && f.in.name == m.Link) != m.Not
	case kernel.MatchOutLink:
		return (f.out != nil && f.out.name == m.Link) != m.Not
	case kernel.MatchProtocol:
		return (m.Protocol.Number() == f.protocol) != m.Not
	case kernel.MatchSourcePort:
		return onPort(f.source)
	case kernel.MatchDestinationPort:
		return onPort(f.target)
	case kernel.MatchSourcePorts:
		return inList(f.source)
	case kernel.MatchDestinationPorts:
		return inList(f.target)
	case kernel.MatchFlow:
		return (m.States&f.state != 0) != m.Not
	case kernel.MatchSourceMAC:
		return (mac(m.MAC) == f.mac) != m.Not
	case kernel.MatchMark:
		return (f.mark&m.Mark.Mask == m.Mark.Value) != m.Not
	case kernel.MatchFlowMark:
		return f.connection != nil && (f.connection.mark&m.Mark.Mask == m.Mark.Value) != m.Not
	}
	return m.Not // of MatchLocal: the namespace has no address
}

// drawTable draws rules that have much in common, so that packets meet several.
func drawTable(t *rapid.T) kernel.FilterTable {
	table := kernel.FilterTable{Family: kernel.FilterInet, Name: "t"}
	for i := range 3 { // a chain leads to those behind it
		c := kernel.FilterChain{Name: fmt.Sprint("c", i)}
		if i == 0 {
			c.Base = &kernel.BaseChain{Policy: kernel.Drop}
		}
		for range rapid.IntRange(5, 40).Draw(t, "rules") {
			c.Rules = append(c.Rules, drawRule(t, i))
		}
		table.Chains = append(table.Chains, c)
	}
	return table
}

func drawRule(t *rapid.T, chain int) kernel.FilterRule {
	var r kernel.FilterRule
	for range rapid.IntRange(0, 4).Draw(t, "matches") {
		r.Matches = append(r.Matches, drawMatch(t))
	}
	actions := []kernel.FilterAction{"", kernel.Accept, kernel.Drop, kernel.Return, kernel.SNAT, kernel.SetMark}
	actions = append(actions, kernel.SetFlowMark, kernel.SaveMark, kernel.RestoreMark)
	if chain < 2 {
		actions = append(actions, kernel.Jump, kernel.GoTo, kernel.Jump)
	}
	switch r.Action = rapid.SampledFrom(actions).Draw(t, "action"); r.Action {
	case kernel.Jump, kernel.GoTo:
		r.Target = fmt.Sprint("c", rapid.IntRange(chain+1, 2).Draw(t, "target"))
	case kernel.SNAT:
		r.To = netip.AddrPortFrom(drawAddr(t), 0)
	case kernel.SetMark, kernel.SetFlowMark:
		r.Mark = drawMark(t)
	case kernel.SaveMark, kernel.RestoreMark:
		r.Copy = kernel.MarkCopy{From: drawMark(t).Mask, To: drawMark(t).Mask}
	}
	return r
}

func drawMatch(t *rapid.T) kernel.FilterMatch {
	keys := []kernel.MatchKey{
		kernel.MatchSource, kernel.MatchDestination, kernel.MatchInLink, kernel.MatchOutLink, kernel.MatchProtocol,
		kernel.MatchSourcePort, kernel.MatchDestinationPort, kernel.MatchFlow, kernel.MatchLocal, kernel.MatchSourceMAC,
		kernel.MatchMark, kernel.MatchFlowMark, kernel.MatchSourcePorts, kernel.MatchDestinationPorts,
	}
	m := kernel.FilterMatch{On: rapid.SampledFrom(keys).Draw(t, "key"), Not: rapid.IntRange(0, 3).Draw(t, "not") == 0}
	switch m.On {
	case kernel.MatchSource, kernel.MatchDestination:
		m.Prefix = drawPrefix(t)
	case kernel.MatchInLink, kernel.MatchOutLink:
		m.Link = drawName(t)
	case kernel.MatchProtocol, kernel.MatchSourcePort, kernel.MatchDestinationPort, kernel.MatchSourcePorts, kernel.MatchDestinationPorts:
		m.Protocol = rapid.SampledFrom([]kernel.FilterProtocol{kernel.FilterTCP, kernel.FilterUDP}).Draw(t, "protocol")
		a, b := drawPort(t), drawPort(t)
		m.Ports = kernel.PortRange{First: min(a, b), Last: max(a, b)}
		m.List = kernel.PortList{m.Ports, {First: a, Last: a}, {First: drawPort(t), Last: 65535}}
	case kernel.MatchFlow:
		m.States = kernel.FlowStates(rapid.IntRange(1, 15).Draw(t, "states"))
	case kernel.MatchSourceMAC:
		one := drawMAC(t)
		m.MAC = one.hardwareAddr()
	case kernel.MatchMark, kernel.MatchFlowMark:
		m.Mark = drawMark(t)
	}
	return m
}

func drawMark(t *rapid.T) kernel.FilterMark {
	part := rapid.Uint32Range(0, 3)
	return kernel.FilterMark{Value: part.Draw(t, "mark"), Mask: part.Draw(t, "mask")}
}

func drawFacts(t *rapid.T, ns *namespace) *facts {
	f := &facts{ns: ns, mac: drawMAC(t)}
	for _, l := range []**link{&f.in, &f.out} {
		if rapid.Bool().Draw(t, "has link") {
			*l = &link{name: drawName(t)}
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "is no packet") > 0 {
		f.src, f.dst = drawAddr(t), drawAddr(t)
		f.src4, f.dst4 = number4(f.src), number4(f.dst)
		f.protocol = rapid.SampledFrom([]uint8{protoTCP, protoUDP, protoICMP}).Draw(t, "protocol")
		if f.protocol != protoICMP && rapid.IntRange(0, 9).Draw(t, "is a fragment") > 0 {
			f.hasPorts, f.source, f.target = true, drawPort(t), drawPort(t)
		}
		f.state = 1 << rapid.IntRange(0, 3).Draw(t, "state")
		if rapid.Bool().Draw(t, "has a flow") {
			f.connection = &connection{mark: drawMark(t).Value}
		}
	}
	return f
}

func drawName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"eth0", "eth1", "veth01234567890", "lo"}).Draw(t, "link")
}

func drawMAC(t *rapid.T) mac { return mac{2, 5: byte(rapid.IntRange(0, 3).Draw(t, "mac"))} }

func drawPort(t *rapid.T) uint16 {
	return rapid.OneOf(rapid.Uint16Range(0, 9), rapid.Uint16Range(65530, 65535), rapid.Uint16()).Draw(t, "port")
}

// drawAddr draws one of few addresses that begin alike.
func drawAddr(t *rapid.T) netip.Addr {
	some := []byte{0, 1, 127, 128, 255}
	b := func() byte { return rapid.SampledFrom(some).Draw(t, "byte") }
	switch rapid.IntRange(0, 5).Draw(t, "version") {
	case 0, 1:
		return netip.AddrFrom16([16]byte{0: 0xfd, 1: b(), 7: b(), 8: b(), 15: b()})
	case 2:
		return netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: 10, 15: b()}) // of IPv6, though it looks like IPv4
	}
	return netip.AddrFrom4([4]byte{10, b(), b(), b()})
}

func drawPrefix(t *rapid.T) netip.Prefix {
	a := drawAddr(t)
	return netip.PrefixFrom(a, rapid.IntRange(1, a.BitLen()).Draw(t, "bits")).Masked()
}

// What a policy finds is what trying all rules in their order finds.
func TestFiledPolicyLeadsAsAllRulesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []*kernel.Rule
		for range rapid.IntRange(5, 40).Draw(t, "rules") {
			r := &kernel.Rule{Not: rapid.IntRange(0, 3).Draw(t, "not") == 0}
			for _, p := range []*netip.Prefix{&r.From, &r.To} {
				if rapid.Bool().Draw(t, "has prefix") {
					*p = netip.PrefixFrom(drawAddr(t), rapid.IntRange(1, 32).Draw(t, "bits")) // with host bits
				}
			}
			for _, name := range []*string{&r.In, &r.Out} {
				if rapid.IntRange(0, 2).Draw(t, "has link") == 0 {
					*name = drawName(t) + rapid.SampledFrom([]string{"", "\x00tail"}).Draw(t, "tail")
				}
			}
			list = append(list, r)
		}
		p := newPolicy(list)
		p.index.file(p.testsAt)
		for range 50 {
			to := drawFacts(t, nil).flow
			var got, want []*kernel.Rule
			left := p.find(to, nil)
			for place, ok := left.next(); ok; place, ok = left.next() {
				if to.matches(p.list[place]) {
					got = append(got, p.list[place])
				}
			}
			for _, r := range list {
				if to.matches(r) {
					want = append(want, r)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("packet %+v: found %v, want %v", to, got, want)
			}
		}
	})
}

// A range of ports is as many beginnings as it takes, and each port of it has one of them, no other port has any.
func TestPortRangesAreFiledWhole(t *testing.T) {
	for _, r := range []kernel.PortRange{{First: 0, Last: 0}, {First: 0, Last: 65534}, {First: 1, Last: 65535}, {First: 1000, Last: 1999}, {First: 65535, Last: 65535}} {
		starts := map[label]bool{}
		for _, l := range portLabels(byDestinationPort, protoTCP, r) {
			starts[l] = true
		}
		for port := range 1 << 16 {
			found := 0
			for free := range portBits + 1 {
				p := part{byDestinationPort, protocolBits + portBits - free}
				if starts[label{p, p.startIn(&facts{protocol: protoTCP, target: uint16(port)})}] {
					found++
				}
			}
			if want := r.Contains(uint16(port)); found > 1 || want != (found == 1) {
				t.Fatalf("%v: port %d is filed %d times", r, port, found)
			}
		}
	}
}
