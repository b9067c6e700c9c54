package sim

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"sort"

	"github.com/cnilab/cnilab/kernel"
)

// A fib is the routing tables of one address family, and the rules that lead to them.
type fib struct {
	ns     *namespace
	family kernel.Family
	list   []*table       // by number
	rules  []*kernel.Rule // in the order in which they are tried
	apart  bool           // a rule has come or gone: fib_has_custom_rules

	learned map[routedPath]pathMTU
}

// A table is one routing table.
type table struct {
	id      int
	routes  []*route    // by destination, and those to one in the order in which they are tried
	lengths []bitsCount // the longest first
	changes int32       // how often a route came or went
}

// A bitsCount is how many routes have a prefix length.
type bitsCount struct{ bits, routes int32 }

// A route as the tables keep it.
type route struct {
	Dst  netip.Prefix
	link *link // nil for types that have none
	*fibInfo
}

// A fibInfo is what routes are like, wherever they lead. Those in the tables share it, and it is never written to. (Linux
// has it for IPv4: include/net/ip_fib.h, fib_info.) The fields are kernel.Route's.
type fibInfo struct {
	Gateway, Source netip.Addr
	Type            kernel.RouteType
	Metric          int
	Table, Protocol int32
	MTU, AdvMSS     int32
	Scope           kernel.Scope
	nhScope         kernel.Scope // IPv4: the scope of the next hop (fib_nh_scope)
	OnLink          bool
	expired         bool // IPv6: it was learned of a router, for a time that is over
}

// newRoute makes a route of its own out of a request.
func newRoute(req kernel.Route, l *link) *route {
	return &route{Dst: req.Dst, link: l, fibInfo: &fibInfo{
		Gateway: req.Gateway, Source: req.Source, OnLink: req.OnLink,
		Type: req.Type, Table: int32(req.Table), Protocol: int32(req.Protocol), Scope: req.Scope,
		Metric: req.Metric, MTU: int32(req.MTU), AdvMSS: int32(req.AdvMSS),
	}}
}

func newFIB(ns *namespace, f kernel.Family) fib {
	return fib{ns: ns, family: f, rules: standardRules(f)}
}

// find returns the table with the number, nil where it is not there. What is asked for most are the last ones: local and
// main.
func (f *fib) find(id int) *table {
	for _, t := range slices.Backward(f.list) {
		if t.id == id {
			return t
		}
	}
	return nil
}

// table returns the table with the number, made where it is not there. (fib_new_table, fib6_new_table.)
func (f *fib) table(id int) *table {
	i, found := f.search(id)
	if !found {
		f.list = slices.Insert(f.list, i, &table{id: id})
	}
	return f.list[i]
}

func (f *fib) search(id int) (i int, found bool) {
	return slices.BinarySearchFunc(f.list, id, func(t *table, id int) int { return cmp.Compare(t.id, id) })
}

// lookup returns the route with the longest prefix that ok accepts, nil where there is none, or no table.
func (t *table) lookup(dst netip.Addr, ok func(*route) bool) *route {
	if t == nil {
		return nil
	}
	for _, l := range t.lengths {
		key, _ := dst.Prefix(int(l.bits))
		for _, r := range t.routes[t.place(key, math.MinInt):] {
			if r.Dst != key {
				break
			}
			if ok(r) {
				return r
			}
		}
	}
	return nil
}

// place returns the position in front of the routes to a destination with a metric.
func (t *table) place(dst netip.Prefix, metric int) int {
	return sort.Search(len(t.routes), func(i int) bool {
		r := t.routes[i]
		return cmp.Or(comparePrefixes(r.Dst, dst), cmp.Compare(r.Metric, metric)) >= 0
	})
}

// to returns the routes to a destination, in the order in which they are tried.
func (t *table) to(dst netip.Prefix) []*route {
	if t == nil {
		return nil
	}
	return slices.Clone(t.routes[t.place(dst, math.MinInt):t.place(dst, math.MaxInt)])
}

// before returns the position in front of the routes with r's destination and metric.
func (t *table) before(r *route) int { return t.place(r.Dst, r.Metric) }

// behind returns the position after the routes with r's destination and metric.
func (t *table) behind(r *route) int { return t.place(r.Dst, r.Metric+1) }

// alike returns the routes with r's destination and metric.
func (t *table) alike(r *route) []*route { return t.routes[t.before(r):t.behind(r)] }

// insert puts r at a position that is before or behind those like it.
func (t *table) insert(r *route, i int) {
	t.routes = slices.Insert(t.routes, i, r)
	t.count(r, 1)
}

// remove takes r out.
func (t *table) remove(r *route) {
	i := t.before(r) + slices.Index(t.alike(r), r)
	t.routes = slices.Delete(t.routes, i, i+1)
	t.count(r, -1)
}

// count notes that a route has come or gone.
func (t *table) count(r *route, n int32) {
	t.changes++
	bits := int32(r.Dst.Bits())
	i, found := slices.BinarySearchFunc(t.lengths, bits, func(l bitsCount, bits int32) int { return int(bits - l.bits) })
	if !found {
		t.lengths = slices.Insert(t.lengths, i, bitsCount{bits: bits})
	}
	if t.lengths[i].routes += n; t.lengths[i].routes == 0 {
		t.lengths = slices.Delete(t.lengths, i, i+1)
	}
}

// flush takes all routes out that match, and reports whether there were any.
func (f *fib) flush(match func(*route) bool) (any bool) {
	for _, t := range f.list {
		t.routes = slices.DeleteFunc(t.routes, func(r *route) bool {
			gone := match(r)
			if gone {
				t.count(r, -1)
				any = true
			}
			return gone
		})
	}
	return any
}

// all returns the routes by table, destination and the order in which they are tried.
func (f *fib) all() (all []*route) {
	for _, t := range f.list {
		all = append(all, t.routes...)
	}
	return all
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// describe returns the route as a reader is told.
func (r *route) describe() kernel.Route {
	d := kernel.Route{
		Dst: r.Dst, Gateway: r.Gateway, Source: r.Source, OnLink: r.OnLink,
		Type: r.Type, Table: int(r.Table), Protocol: int(r.Protocol), Scope: r.Scope,
		Metric: r.Metric, MTU: int(r.MTU), AdvMSS: int(r.AdvMSS),
	}
	if r.link != nil {
		d.Link = r.link.index
	}
	return d
}
