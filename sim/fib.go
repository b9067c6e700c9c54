package sim

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// A fib is the routing tables of one address family, and the rules that lead to them.
type fib struct {
	ns     *namespace
	family kernel.Family
	tables map[int]*table
	rules  []*kernel.Rule // in the order in which they are tried
	apart  bool           // a rule has come or gone: fib_has_custom_rules
}

// A table is one routing table.
type table struct {
	id      int
	routes  map[netip.Prefix][]*route // to each destination, in the order in which they are tried
	lengths [129]int                  // how many destinations have each prefix length
	changes int                       // how often a route came or went
}

// A route as the tables keep it.
type route struct {
	kernel.Route              // Link is set only in what is given out
	link         *link        // nil for types that have none
	nhScope      kernel.Scope // IPv4: the scope of the next hop (fib_nh_scope)
}

func newFIB(ns *namespace, f kernel.Family) *fib {
	return &fib{ns: ns, family: f, tables: map[int]*table{}, rules: standardRules(f)}
}

// table returns the table with the number, made where it is not there. (fib_new_table, fib6_new_table.)
func (f *fib) table(id int) *table {
	t := f.tables[id]
	if t == nil {
		t = &table{id: id, routes: map[netip.Prefix][]*route{}}
		f.tables[id] = t
	}
	return t
}

// lookup returns the route with the longest prefix that ok accepts, nil where there is none, or no table.
func (t *table) lookup(dst netip.Addr, ok func(*route) bool) *route {
	if t == nil {
		return nil
	}
	for bits := dst.BitLen(); bits >= 0; bits-- {
		if t.lengths[bits] == 0 {
			continue
		}
		key, _ := dst.Prefix(bits)
		for _, r := range t.routes[key] {
			if ok(r) {
				return r
			}
		}
	}
	return nil
}

// to returns the routes to a destination, in the order in which they are tried.
func (t *table) to(dst netip.Prefix) []*route {
	if t == nil {
		return nil
	}
	return slices.Clone(t.routes[dst])
}

// before returns the position in front of the routes with r's destination and metric.
func (t *table) before(r *route) int {
	return t.firstWhere(r.Dst, func(other *route) bool { return other.Metric >= r.Metric })
}

// behind returns the position after the routes with r's destination and metric.
func (t *table) behind(r *route) int {
	return t.firstWhere(r.Dst, func(other *route) bool { return other.Metric > r.Metric })
}

func (t *table) firstWhere(dst netip.Prefix, ok func(*route) bool) int {
	if i := slices.IndexFunc(t.routes[dst], ok); i >= 0 {
		return i
	}
	return len(t.routes[dst])
}

// insert puts r at position i of the routes to its destination.
func (t *table) insert(r *route, i int) {
	t.changes++
	if len(t.routes[r.Dst]) == 0 {
		t.lengths[r.Dst.Bits()]++
	}
	t.routes[r.Dst] = slices.Insert(t.routes[r.Dst], i, r)
}

// remove takes r out.
func (t *table) remove(r *route) {
	t.changes++
	left := slices.DeleteFunc(t.routes[r.Dst], func(other *route) bool { return other == r })
	if len(left) > 0 {
		t.routes[r.Dst] = left
		return
	}
	delete(t.routes, r.Dst)
	t.lengths[r.Dst.Bits()]--
}

// flush takes all routes out that match, and reports whether there were any.
func (f *fib) flush(match func(*route) bool) (any bool) {
	for _, r := range f.all() {
		if match(r) {
			f.tables[r.Table].remove(r)
			any = true
		}
	}
	return any
}

// all returns the routes by table, destination and the order in which they are tried.
func (f *fib) all() []*route {
	var all []*route
	for _, id := range slices.Sorted(maps.Keys(f.tables)) {
		t := f.tables[id]
		for _, dst := range slices.SortedFunc(maps.Keys(t.routes), comparePrefixes) {
			all = append(all, t.routes[dst]...)
		}
	}
	return all
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// describe returns the route as a reader is told.
func (r *route) describe() kernel.Route {
	d := r.Route
	if r.link != nil {
		d.Link = r.link.index
	}
	return d
}
