package sim

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cnilab/cnilab/kernel"
)

// A table of many routes answers as a plain list of them does, whatever has come and gone.
func TestTablesFindRoutesAsListsDo(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		rapid.Check(t, func(t *rapid.T) {
			addr := func() netip.Addr {
				for {
					if a := drawAddr(t); a.Is6() == v6 {
						return a
					}
				}
			}
			table, list := new(table), []*route(nil)
			for range rapid.IntRange(40, 90).Draw(t, "changes") {
				if len(list) > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
					i := rapid.IntRange(0, len(list)-1).Draw(t, "which")
					table.remove(list[i])
					list = slices.Delete(list, i, i+1)
					continue
				}
				a := addr()
				r := &route{
					Dst:     netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "bits")).Masked(),
					fibInfo: &fibInfo{Metric: rapid.IntRange(0, 2).Draw(t, "metric")},
				}
				if rapid.Bool().Draw(t, "prepend") {
					table.prepend(r)
					list = slices.Insert(list, placeIn(list, r, r.Metric), r)
				} else {
					table.append(r)
					list = slices.Insert(list, placeIn(list, r, r.Metric+1), r)
				}
			}
			if got := table.appendThose(anyRoute, nil); !slices.Equal(got, list) {
				t.Fatalf("lists %v, want %v", describeRoutes(got), describeRoutes(list))
			}
			for range 20 {
				dst, metric := addr(), rapid.IntRange(0, 2).Draw(t, "metric")
				ok := func(r *route) bool { return r.Metric >= metric }
				if got, want := table.lookup(dst, ok), longestIn(list, dst, ok); got != want {
					t.Fatalf("to %s: %v, want %v of %v", dst, got, want, describeRoutes(list))
				}
			}
			for _, r := range list {
				if got, want := table.to(r.Dst), allTo(list, r.Dst); !slices.Equal(got, want) {
					t.Fatalf("to %s: %v, want %v", r.Dst, describeRoutes(got), describeRoutes(want))
				}
			}
			table.flush(anyRoute)
			if left := table.many; left != nil && (len(left.routes) > 0 || left.below != [2]*crossing{}) {
				t.Fatal("crossings are left where no route is")
			}
		})
	}
}

// placeIn is where in a list a route goes, before others to its destination with a metric or a greater one.
func placeIn(list []*route, r *route, metric int) int {
	i := slices.IndexFunc(list, func(o *route) bool {
		order := comparePrefixes(o.Dst, r.Dst)
		return order > 0 || order == 0 && o.Metric >= metric
	})
	if i < 0 {
		return len(list)
	}
	return i
}

func longestIn(list []*route, dst netip.Addr, ok func(*route) bool) (best *route) {
	for _, r := range list {
		if r.Dst.Contains(dst) && ok(r) && (best == nil || best.Dst.Bits() < r.Dst.Bits()) {
			best = r
		}
	}
	return best
}

func allTo(list []*route, dst netip.Prefix) (some []*route) {
	for _, r := range list {
		if r.Dst == dst {
			some = append(some, r)
		}
	}
	return some
}

func describeRoutes(list []*route) (all []kernel.Route) {
	for _, r := range list {
		all = append(all, r.describe())
	}
	return all
}
