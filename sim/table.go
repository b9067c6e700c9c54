package sim

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
)

// A table is one routing table: by destination, and the routes to one in the order in which they are tried, which is by
// metric.
type table struct {
	id      int
	changes int32    // how often a route came or went
	few     []*route // nil once there are, or were, many
	many    *crossing
}

// fewRoutes is how many are looked through for the one with the longest prefix.
const fewRoutes = 16

// lookup returns the route with the longest prefix that ok accepts, nil where there is none, or no table.
func (t *table) lookup(dst netip.Addr, ok func(*route) bool) (best *route) {
	switch {
	case t == nil:
		return nil
	case t.many != nil:
		return t.many.lookup(dst, ok)
	}
	if dst.Is4() {
		return t.lookupFew4(number4(dst), ok)
	}
	dst = dst.WithZone("")
	for _, r := range t.few {
		if r.Dst.Contains(dst) && (best == nil || r.Dst.Bits() > best.Dst.Bits()) && ok(r) {
			best = r
		}
	}
	return best
}

// lookupFew4 is lookup among few, for IPv4.
func (t *table) lookupFew4(dst uint32, ok func(*route) bool) (best *route) {
	longest := -1
	for _, r := range t.few {
		if n := r.Dst.Bits(); n > longest && (number4(r.Dst.Addr())^dst)>>(32-n) == 0 && ok(r) {
			best, longest = r, n
		}
	}
	return best
}

// at returns the routes to a destination.
func (t *table) at(dst netip.Prefix) []*route {
	switch {
	case t == nil:
		return nil
	case t.many != nil:
		return t.many.at(dst)
	}
	first, end := t.span(dst)
	return t.few[first:end]
}

// span is where the few routes to a destination are.
func (t *table) span(dst netip.Prefix) (first, end int) {
	first = sort.Search(len(t.few), func(i int) bool { return comparePrefixes(t.few[i].Dst, dst) >= 0 })
	for end = first; end < len(t.few) && t.few[end].Dst == dst; end++ {
	}
	return first, end
}

// to returns the routes to a destination, for who changes them meanwhile.
func (t *table) to(dst netip.Prefix) []*route { return slices.Clone(t.at(dst)) }

// alike returns the routes with r's destination and metric.
func (t *table) alike(r *route) []*route {
	list := t.at(r.Dst)
	return list[before(list, r.Metric):before(list, r.Metric+1)]
}

// before is the position in front of those routes to one destination that have a metric, or a greater one. What is looked
// for most is behind them all.
func before(list []*route, metric int) int {
	if n := len(list); n > 0 && list[n-1].Metric < metric {
		return n
	}
	return sort.Search(len(list), func(i int) bool { return list[i].Metric >= metric })
}

// prepend puts r in front of those like it.
func (t *table) prepend(r *route) { t.insert(r, r.Metric) }

// append puts r behind those like it.
func (t *table) append(r *route) { t.insert(r, r.Metric+1) }

func (t *table) insert(r *route, metric int) {
	t.changes++
	if t.many == nil && len(t.few) < fewRoutes {
		first, end := t.span(r.Dst)
		t.few = slices.Insert(t.few, first+before(t.few[first:end], metric), r)
		return
	}
	if t.many == nil {
		t.many = new(crossing)
		for _, r := range t.few {
			t.many.insert(r, r.Metric+1)
		}
		t.few = nil
	}
	t.many.insert(r, metric)
}

// remove takes r out.
func (t *table) remove(r *route) {
	t.changes++
	if t.many != nil {
		t.many.remove(r)
		return
	}
	i := slices.Index(t.few, r)
	t.few = slices.Delete(t.few, i, i+1)
}

// flush takes all routes out that match, and reports whether there were any.
func (t *table) flush(match func(*route) bool) (any bool) {
	gone := t.appendThose(match, nil)
	for _, r := range gone {
		t.remove(r)
	}
	return len(gone) > 0
}

// removeAt takes the routes to a destination out that match.
func (t *table) removeAt(dst netip.Prefix, match func(*route) bool) {
	for _, r := range t.to(dst) {
		if match(r) {
			t.remove(r)
		}
	}
}

// appendThose appends the routes that match to a list.
func (t *table) appendThose(match func(*route) bool, list []*route) []*route {
	if t.many != nil {
		return t.many.appendThose(match, list)
	}
	return appendThose(match, list, t.few)
}

func appendThose(match func(*route) bool, list, of []*route) []*route {
	for _, r := range of {
		if match(r) {
			list = append(list, r)
		}
	}
	return list
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}
