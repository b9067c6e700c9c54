package sim

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

// A fib is the routing tables of one address family, and the rules that lead to them.
type fib struct {
	ns     *namespace
	family kernel.Family
	list   []*table // by number
	rules  *policy
	apart  bool // a rule has come or, of IPv4, gone: fib_has_custom_rules
	ways   bool // there is, or was, a route that shares its traffic: who looks for such need not look in vain

	learned map[routedPath]pathMTU
}

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
	hops            *nextHops // IPv4: of a route that has several; it then has no gateway and no link itself
	Table           uint32
	MTU, AdvMSS     uint16
	Protocol        uint8
	Scope           kernel.Scope
	nhScope         kernel.Scope // IPv4: the scope of the next hop (fib_nh_scope)
	OnLink          bool
	byRouter        bool  // IPv6: a default route that its router has said to be one for (RTF_ADDRCONF)
	expired         bool  // IPv6: it was learned of a router, for a time that is over
	weight          uint8 // less one: of a next hop of IPv4, or an IPv6 route beside others
	dead            bool  // RTNH_F_DEAD: likewise
}

// newRoute makes a route of its own out of a request.
func newRoute(req kernel.Route, l *link) *route {
	return &route{Dst: req.Dst, link: l, fibInfo: &fibInfo{
		Gateway: req.Gateway, Source: req.Source, OnLink: req.OnLink,
		Type: req.Type, Table: uint32(req.Table), Protocol: uint8(req.Protocol), Scope: req.Scope,
		Metric: req.Metric, MTU: uint16(req.MTU), AdvMSS: uint16(req.AdvMSS),
	}}
}

func newFIB(ns *namespace, f kernel.Family) fib {
	return fib{ns: ns, family: f, rules: standardPolicy(f)}
}

// find returns the table with the number, nil where it is not there. What is asked for most are the last ones: local and
// main.
func (f *fib) find(id int) *table {
	if n := len(f.list); n > 0 && f.list[n-1].id == id {
		return f.list[n-1]
	}
	if i, found := f.search(id); found {
		return f.list[i]
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

// flush takes all routes out that match, and reports whether there were any.
func (f *fib) flush(match func(*route) bool) (any bool) {
	for _, t := range f.list {
		any = t.flush(match) || any
	}
	return any
}

// all returns the routes by table, destination and the order in which they are tried.
func (f *fib) all() (all []*route) {
	for _, t := range f.list {
		all = t.appendThose(anyRoute, all)
	}
	return all
}

// describe returns the routes as a reader is told.
func (f *fib) describe() (list []kernel.Route) {
	for _, r := range f.all() {
		d := r.describe()
		if f.hasSiblings(r) {
			d.Weight, d.Dead = r.weightGiven(), r.isDead()
		}
		list = append(list, d)
	}
	return list
}

// describe returns the route as a reader is told who sees no other.
func (r *route) describe() kernel.Route {
	d := kernel.Route{
		Dst: r.Dst, Gateway: r.Gateway, Source: r.Source, OnLink: r.OnLink,
		Type: r.Type, Table: int(r.Table), Protocol: int(r.Protocol), Scope: r.Scope,
		Metric: r.Metric, MTU: int(r.MTU), AdvMSS: int(r.AdvMSS),
	}
	if r.link != nil {
		d.Link = r.link.index
	}
	if r.hops != nil {
		d.NextHops = r.hops.describe()
	}
	return d
}
