package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

func (s *namespaceView) addresses() ([]Object, error) {
	addresses, err := s.handle.Addresses(0)
	if err != nil {
		return nil, err
	}
	var objects []Object
	for _, a := range addresses {
		o := Object{Noun: NounAddress, Name: a.Prefix.String()}
		o.add("dev", s.linkName(a.Link))
		if a.Broadcast.IsValid() {
			o.add("broadcast", a.Broadcast.String())
		}
		o.add("scope", a.Scope.String())
		o.addFlag("nodad", a.NoDAD)
		o.addFlag("secondary", a.Secondary)
		o.addFlag("tentative", a.Tentative)
		o.addFlag("dadfailed", a.DADFailed)
		objects = append(objects, o)
	}
	return objects, nil
}

func (s *namespaceView) routes() ([]Object, error) {
	var objects []Object
	for _, family := range []Family{IPv4, IPv6} {
		routes, err := s.handle.Routes(family)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			objects = append(objects, s.route(r))
		}
	}
	return objects, nil
}

func (s *namespaceView) route(r Route) Object {
	o := Object{Noun: NounRoute, Name: r.Dst.String()}
	if r.Type != Unicast {
		o.add("type", string(r.Type))
	}
	if r.Gateway.IsValid() {
		o.add("via", r.Gateway.String())
	}
	if r.Link != 0 {
		o.add("dev", s.linkName(r.Link))
	}
	if r.Table != TableMain {
		o.add("table", tableName(r.Table))
	}
	o.add("proto", protocolName(r.Protocol))
	if r.Dst.Addr().Is4() {
		o.add("scope", r.Scope.String())
	}
	if r.Source.IsValid() {
		o.add("src", r.Source.String())
	}
	if r.Metric != 0 {
		o.add("metric", strconv.Itoa(r.Metric))
	}
	if r.MTU != 0 {
		o.add("mtu", strconv.Itoa(r.MTU))
	}
	if r.AdvMSS != 0 {
		o.add("advmss", strconv.Itoa(r.AdvMSS))
	}
	o.addFlag("onlink", r.OnLink)
	if r.Weight > 1 {
		o.add("weight", strconv.Itoa(r.Weight))
	}
	o.addFlag("dead", r.Dead)
	for _, hop := range r.NextHops {
		o.add(keyNextHop, s.nextHop(hop))
	}
	return o
}

func (s *namespaceView) rules() ([]Object, error) {
	var objects []Object
	for _, family := range []Family{IPv4, IPv6} {
		rules, err := s.handle.Rules(family)
		if err != nil {
			return nil, err
		}
		standard := StandardRules(family)
		for _, r := range rules {
			if i := slices.Index(standard, r); i >= 0 {
				standard = slices.Delete(standard, i, i+1)
				continue
			}
			objects = append(objects, describeRule(r))
		}
		for _, r := range standard {
			o := describeRule(r)
			o.addFlag("deleted", true)
			objects = append(objects, o)
		}
	}
	return objects, nil
}

func describeRule(r Rule) Object {
	o := Object{Noun: NounRule, Name: strconv.Itoa(r.Priority)}
	o.add("family", r.Family.String())
	o.addFlag("not", r.Not)
	o.add("from", orAll(r.From))
	if r.To.IsValid() {
		o.add("to", r.To.String())
	}
	o.add("iif", r.In)
	o.add("oif", r.Out)
	if r.Mark != 0 || r.Mask != 0 {
		o.add("fwmark", fmt.Sprintf("%#x/%#x", r.Mark, r.Mask))
	}
	if r.Action == ToTable {
		o.add("lookup", tableName(r.Table))
	} else {
		o.add("type", string(r.Action))
	}
	if r.Protocol != 0 {
		o.add("proto", protocolName(r.Protocol))
	}
	return o
}

// orAll names the packets of a prefix as ip-rule(8) does.
func orAll(p netip.Prefix) string {
	if !p.IsValid() {
		return "all"
	}
	return p.String()
}

func (s *namespaceView) neighbours() ([]Object, error) {
	neighbours, err := s.handle.Neighbours(0)
	if err != nil {
		return nil, err
	}
	var objects []Object
	for _, n := range neighbours {
		if n.State != Permanent {
			continue
		}
		o := Object{Noun: NounNeighbour, Name: n.IP.String()}
		o.add("dev", s.linkName(n.Link))
		o.add("mac", n.MAC.String())
		o.add("state", string(n.State))
		objects = append(objects, o)
	}
	return objects, nil
}

// String returns the name that ip(8) prints, or the number.
func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	case ScopeNowhere:
		return "nowhere"
	}
	return strconv.Itoa(int(s))
}

func tableName(table int) string {
	switch table {
	case TableDefault:
		return "default"
	case TableMain:
		return "main"
	case TableLocal:
		return "local"
	}
	return strconv.Itoa(table)
}

func protocolName(protocol int) string {
	switch protocol {
	case ProtoRedirect:
		return "redirect"
	case ProtoKernel:
		return "kernel"
	case ProtoBoot:
		return "boot"
	case ProtoStatic:
		return "static"
	case ProtoRA:
		return "ra"
	}
	return strconv.Itoa(protocol)
}
