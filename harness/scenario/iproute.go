package scenario

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/cnilab/cnilab/kernel"
)

// routeWords are what a route is made of, behind the verb.
const routeWords = " [TYPE] PREFIX|default [via ADDRESS] [dev LINK] [src ADDRESS] [metric N] [table N|main|local]" +
	" [scope global|link|host]"

func routeForms() []form {
	return []form{
		{
			"ip route add", "ip [-n NS] route add" + routeWords + " [onlink]",
			"add a route; refused where there is one to the same destination", (*session).addRoute,
		},
		{
			"ip route prepend", "ip [-n NS] route prepend" + routeWords + " [onlink]",
			"add a route before (IPv6: beside) those to the same destination", (*session).prependRoute,
		},
		{
			"ip route del", "ip [-n NS] route del" + routeWords, "delete the first route that matches",
			(*session).deleteRoute,
		},
		{
			"ip route show", "ip [-n NS] route show [table N|main|local]",
			"print routes, as in a snapshot; without a table: of main", (*session).showRoutes,
		},
	}
}

// A routeLine is what "ip route" says: a route, with the link's name.
type routeLine struct {
	kernel.Route
	dev   string
	scope *kernel.Scope // nil: the line names none
}

var routeTypes = []kernel.RouteType{
	kernel.Unicast, kernel.Local, kernel.Broadcast, kernel.Anycast, kernel.Multicast,
	kernel.Blackhole, kernel.Unreachable, kernel.Prohibit, kernel.Throw,
}

// route reads a route. extra are words that only some verbs take.
func (w *words) route(r *routeLine, extra keywords) error {
	if len(w.rest) > 0 && slices.Contains(routeTypes, kernel.RouteType(w.rest[0])) {
		r.Type = kernel.RouteType(w.rest[0])
		w.rest = w.rest[1:]
	}
	destination, err := w.next("PREFIX")
	if err != nil {
		return err
	}
	known := keywords{
		"via":    value(w, "ADDRESS", &r.Gateway, parseAddr),
		"dev":    value(w, "LINK", &r.dev, parseString),
		"src":    value(w, "ADDRESS", &r.Source, parseAddr),
		"metric": value(w, "N", &r.Metric, parseInt),
		"table":  value(w, "table", &r.Table, parseTable),
		"scope":  value(w, "scope", &r.scope, parseScope),
	}
	maps.Copy(known, extra)
	if err := w.keywords(known); err != nil {
		return err
	}
	if r.Dst, err = parseDestination(destination, r.Gateway); err != nil {
		return w.wrong("%q is no PREFIX", destination)
	}
	return nil
}

// parseDestination reads a destination. The default route is of its gateway's family.
func parseDestination(s string, gateway netip.Addr) (netip.Prefix, error) {
	switch {
	case s != "default":
		return parsePrefix(s)
	case gateway.Is6():
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
}

func (s *session) addRoute(netns string, w *words) (string, error) {
	return "", s.newRoute(netns, w, kernel.Exclusive)
}

func (s *session) prependRoute(netns string, w *words) (string, error) {
	return "", s.newRoute(netns, w, kernel.Beside)
}

func (s *session) newRoute(netns string, w *words, mode kernel.RouteMode) error {
	var r routeLine
	if err := w.route(&r, keywords{"onlink": set(&r.OnLink)}); err != nil {
		return err
	}
	r.Scope = r.scopeToAdd()
	return s.withRoute(netns, r, func(ns kernel.NetNS, route kernel.Route) error { return ns.AddRoute(route, mode) })
}

// scopeToAdd is the scope that ip(8) gives a new IPv4 route whose line names none.
func (r routeLine) scopeToAdd() kernel.Scope {
	switch {
	case r.scope != nil:
		return *r.scope
	case r.Type == kernel.Local:
		return kernel.ScopeHost
	case r.Type == kernel.Broadcast, r.Type == kernel.Multicast, r.Type == kernel.Anycast:
		return kernel.ScopeLink
	case (r.Type == "" || r.Type == kernel.Unicast) && !r.Gateway.IsValid():
		return kernel.ScopeLink
	}
	return kernel.ScopeGlobal
}

func (s *session) deleteRoute(netns string, w *words) (string, error) {
	var r routeLine
	if err := w.route(&r, nil); err != nil {
		return "", err
	}
	if r.scope != nil {
		r.Scope = *r.scope
	}
	return "", s.withRoute(netns, r, func(ns kernel.NetNS, route kernel.Route) error { return ns.DeleteRoute(route) })
}

// withRoute calls f with the route as the kernel takes it.
func (s *session) withRoute(netns string, r routeLine, f func(kernel.NetNS, kernel.Route) error) error {
	return s.in(netns, func(ns kernel.NetNS) (err error) {
		if r.Link, err = linkIndex(ns, r.dev); err != nil {
			return err
		}
		return f(ns, r.Route)
	})
}

func (s *session) showRoutes(netns string, w *words) (string, error) {
	table := kernel.TableMain
	if err := w.keywords(keywords{"table": value(w, "table", &table, parseTable)}); err != nil {
		return "", err
	}
	return s.show(netns, func(o kernel.Object) bool {
		return o.Noun == kernel.NounRoute && tableOf(o) == table
	})
}

// tableOf returns the table of a route in a snapshot, which does not say main.
func tableOf(o kernel.Object) int {
	name, ok := o.Attr("table")
	if !ok {
		return kernel.TableMain
	}
	table, err := parseTable(name)
	if err != nil {
		return 0
	}
	return table
}

func parseTable(s string) (int, error) {
	for _, table := range []struct {
		name   string
		number int
	}{{"default", kernel.TableDefault}, {"main", kernel.TableMain}, {"local", kernel.TableLocal}} {
		if s == table.name {
			return table.number, nil
		}
	}
	return strconv.Atoi(s)
}

func parseScope(s string) (*kernel.Scope, error) {
	for _, scope := range []kernel.Scope{kernel.ScopeGlobal, kernel.ScopeLink, kernel.ScopeHost} {
		if s == scope.String() {
			return &scope, nil
		}
	}
	return nil, fmt.Errorf("no scope %q", s)
}
