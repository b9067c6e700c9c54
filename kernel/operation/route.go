package operation

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// routeWords are what a route is made of, behind the verb.
const routeWords = " [TYPE] PREFIX|default [via ADDRESS] [dev LINK] [src ADDRESS] [metric N] [table N|main|local]" +
	" [proto N|kernel|static] [scope global|link|host] [mtu N] [advmss N]"

func routeForms() []Form {
	return []Form{
		{
			"ip route add", "ip [-n NS] route add" + routeWords + " [onlink]" + nextHopWords,
			"add a route; refused where there is one to the same destination", readRouteAdd(kernel.Exclusive),
		},
		{
			"ip route prepend", "ip [-n NS] route prepend" + routeWords + " [onlink]" + nextHopWords,
			"add a route before (IPv6: beside) those to the same destination", readRouteAdd(kernel.Beside),
		},
		{
			"ip route del", "ip [-n NS] route del" + routeWords + nextHopWords, "delete the first route that matches", readRouteDelete,
		},
	}
}

// A RouteAdd adds a route. The indexes of links in Route are not used.
type RouteAdd struct {
	NetNS    string
	Route    kernel.Route
	Link     *string   // nil: none is given
	HopLinks []*string // of the next hops, one each; nil: none is given
	Mode     kernel.RouteMode
}

func readRouteAdd(mode kernel.RouteMode) func(string, *words.Reader) (Operation, error) {
	return func(netns string, r *words.Reader) (Operation, error) {
		route, links, scope, err := readRoute(r, true)
		if err != nil {
			return nil, err
		}
		route.Scope = UsualRouteScope(route)
		if scope != nil {
			route.Scope = *scope
		}
		return RouteAdd{NetNS: netns, Route: route, Link: links.own, HopLinks: links.hops, Mode: mode}, nil
	}
}

// UsualRouteScope is the scope that ip(8) gives a new IPv4 route whose line names none (ip/iproute.c iproute_modify).
func UsualRouteScope(r kernel.Route) kernel.Scope {
	switch {
	case r.Type == kernel.Local:
		return kernel.ScopeHost
	case r.Type == kernel.Broadcast, r.Type == kernel.Multicast, r.Type == kernel.Anycast:
		return kernel.ScopeLink
	case (r.Type == "" || r.Type == kernel.Unicast) && !r.Gateway.IsValid() && len(r.NextHops) == 0:
		return kernel.ScopeLink
	}
	return kernel.ScopeGlobal
}

func (o RouteAdd) String() string {
	verb := map[kernel.RouteMode]string{kernel.Exclusive: "add", kernel.Beside: "prepend"}[o.Mode]
	l := lineOf(o.NetNS, "ip route "+verb)
	addRoute(&l, o.Route, o.Link)
	if o.Route.Scope != UsualRouteScope(o.Route) {
		l.add("scope", o.Route.Scope.String())
	}
	l.flag(o.Route.OnLink, "onlink")
	addNextHops(&l, o.Route, o.HopLinks)
	return l.String()
}

// Op implements Operation.
func (o RouteAdd) Op() string { return "route add" }

// In implements Operation.
func (o RouteAdd) In() string { return o.NetNS }

// Apply implements Operation.
func (o RouteAdd) Apply(h kernel.Host) (string, error) {
	return "", withRoute(h, o.NetNS, o.Route, routeLinks{o.Link, o.HopLinks}, func(ns kernel.NetNS, r kernel.Route) error {
		return ns.AddRoute(r, o.Mode)
	})
}

// A RouteDelete deletes the first route that matches. The indexes of links in Route are not used.
type RouteDelete struct {
	NetNS    string
	Route    kernel.Route
	Link     *string   // nil: none is given
	HopLinks []*string // of the next hops, one each; nil: none is given
}

func readRouteDelete(netns string, r *words.Reader) (Operation, error) {
	route, links, scope, err := readRoute(r, false)
	if err != nil {
		return nil, err
	}
	if scope != nil {
		route.Scope = *scope
	}
	return RouteDelete{NetNS: netns, Route: route, Link: links.own, HopLinks: links.hops}, nil
}

func (o RouteDelete) String() string {
	l := lineOf(o.NetNS, "ip route del")
	addRoute(&l, o.Route, o.Link)
	if o.Route.Scope != kernel.ScopeGlobal {
		l.add("scope", o.Route.Scope.String())
	}
	addNextHops(&l, o.Route, o.HopLinks)
	return l.String()
}

// Op implements Operation.
func (o RouteDelete) Op() string { return "route delete" }

// In implements Operation.
func (o RouteDelete) In() string { return o.NetNS }

// Apply implements Operation.
func (o RouteDelete) Apply(h kernel.Host) (string, error) {
	return "", withRoute(h, o.NetNS, o.Route, routeLinks{o.Link, o.HopLinks}, kernel.NetNS.DeleteRoute)
}

// routeLinks are the links of a route by name; nil where none is given.
type routeLinks struct {
	own  *string
	hops []*string
}

// withRoute calls f with the route as the kernel takes it.
func withRoute(h kernel.Host, netns string, r kernel.Route, links routeLinks, f func(kernel.NetNS, kernel.Route) error) error {
	return in(h, netns, func(ns kernel.NetNS) (err error) {
		if r.Link, err = indexOf(ns, links.own); err != nil {
			return err
		}
		r.NextHops = slices.Clone(r.NextHops)
		for i, link := range links.hops {
			if r.NextHops[i].Link, err = indexOf(ns, link); err != nil {
				return err
			}
		}
		return f(ns, r)
	})
}

// indexOf is the index of a link that may not be given: 0.
func indexOf(ns kernel.NetNS, link *string) (int, error) {
	if link == nil {
		return 0, nil
	}
	return IndexOf(ns, *link)
}

var routeTypes = []kernel.RouteType{
	kernel.Unicast, kernel.Local, kernel.Broadcast, kernel.Anycast, kernel.Multicast,
	kernel.Blackhole, kernel.Unreachable, kernel.Prohibit, kernel.Throw,
}

// readRoute reads a route, the names of its links, and the scope if the line names one. Only some verbs may say
// that the gateway is on the link.
func readRoute(r *words.Reader, mayOnLink bool) (route kernel.Route, links routeLinks, scope *kernel.Scope, err error) {
	if len(r.Rest) > 0 && slices.Contains(routeTypes, kernel.RouteType(r.Rest[0])) {
		route.Type = kernel.RouteType(r.Rest[0])
		r.Rest = r.Rest[1:]
	}
	destination, err := r.Next("PREFIX")
	if err != nil {
		return route, links, nil, err
	}
	known := words.Keywords{
		"via":    words.Value(r, "ADDRESS", &route.Gateway, words.Addr),
		"dev":    words.Value(r, "LINK", &links.own, words.Pointer(words.String)),
		"src":    words.Value(r, "ADDRESS", &route.Source, words.Addr),
		"metric": words.Value(r, "N", &route.Metric, words.Int),
		"mtu":    words.Value(r, "N", &route.MTU, words.Int),
		"advmss": words.Value(r, "N", &route.AdvMSS, words.Int),
		"table":  words.Value(r, "table", &route.Table, ParseTable),
		"proto":  words.Value(r, "proto", &route.Protocol, parseProtocol),
		"scope":  words.Value(r, "scope", &scope, words.Pointer(parseScope)),

		"nexthop": func() error { return readNextHop(r, &route, &links) },
	}
	if mayOnLink {
		known["onlink"] = words.Set(&route.OnLink, true)
	}
	if err := r.Keywords(known); err != nil {
		return route, links, nil, err
	}
	if route.Dst, err = parseDestination(destination, route); err != nil {
		return route, links, nil, r.Wrong("%q is no PREFIX", destination)
	}
	return route, links, scope, nil
}

// parseDestination reads a destination. The default route is of its gateway's family.
func parseDestination(s string, r kernel.Route) (netip.Prefix, error) {
	six := func(hop kernel.NextHop) bool { return hop.Gateway.Is6() }
	switch {
	case s != "default":
		return words.Prefix(s)
	case r.Gateway.Is6(), slices.ContainsFunc(r.NextHops, six):
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
}

// addRoute appends what adds and deletes have in common. A destination is said by its prefix, the default route too:
// "default" is of a family only beside a gateway.
func addRoute(l *line, r kernel.Route, link *string) {
	l.flag(r.Type != "", string(r.Type))
	l.add(prefix(r.Dst))
	given(l, "via", r.Gateway)
	set(l, "dev", link)
	given(l, "src", r.Source)
	given(l, "metric", r.Metric)
	given(l, "mtu", r.MTU)
	given(l, "advmss", r.AdvMSS)
	if r.Table != 0 {
		l.add("table", strconv.Itoa(r.Table))
	}
	given(l, "proto", r.Protocol)
}

// ParseTable reads the name or the number of a routing table.
func ParseTable(s string) (int, error) {
	return named(s, map[string]int{
		"default": kernel.TableDefault, "main": kernel.TableMain, "local": kernel.TableLocal,
	})
}

func parseProtocol(s string) (int, error) {
	return named(s, map[string]int{
		"redirect": kernel.ProtoRedirect, "kernel": kernel.ProtoKernel, "boot": kernel.ProtoBoot,
		"static": kernel.ProtoStatic, "ra": kernel.ProtoRA,
	})
}

func parseScope(s string) (kernel.Scope, error) {
	n, err := named(s, map[string]int{
		"global": int(kernel.ScopeGlobal), "site": int(kernel.ScopeSite), "link": int(kernel.ScopeLink),
		"host": int(kernel.ScopeHost), "nowhere": int(kernel.ScopeNowhere),
	})
	if err == nil && (n < 0 || n > 255) {
		err = fmt.Errorf("%d is not in 0 to 255", n)
	}
	return kernel.Scope(n), err
}

// named returns the number of a name, or the number that is there instead of one.
func named(s string, names map[string]int) (int, error) {
	if n, ok := names[s]; ok {
		return n, nil
	}
	return strconv.Atoi(s)
}
