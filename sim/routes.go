package sim

import "github.com/cnilab/cnilab/kernel"

// Routes is kernel.Routes'.
func (n *handle) Routes(f kernel.Family) (list []kernel.Route, err error) {
	err = n.do("route list", "", func() *refusal {
		tables := n.ns.fib4
		if f == kernel.IPv6 {
			tables = n.ns.fib6
		}
		for _, r := range tables.all() {
			list = append(list, r.describe())
		}
		return nil
	})
	return list, err
}

// AddRoute is kernel.Routes'.
func (n *handle) AddRoute(r kernel.Route, mode kernel.RouteMode) error {
	return n.do("route add", r.Dst.String(), func() *refusal {
		switch {
		case !r.Dst.IsValid():
			return refuse(kernel.EINVAL)
		case r.Dst.Addr().Is4():
			return n.ns.addRoute4(r, mode)
		}
		return n.ns.addRoute6(r, mode)
	})
}

// DeleteRoute is kernel.Routes'.
func (n *handle) DeleteRoute(r kernel.Route) error {
	return n.do("route delete", r.Dst.String(), func() *refusal {
		switch {
		case !r.Dst.IsValid():
			return refuse(kernel.EINVAL)
		case r.Dst.Addr().Is4():
			return n.ns.deleteRoute4(r)
		}
		return n.ns.deleteRoute6(r)
	})
}
