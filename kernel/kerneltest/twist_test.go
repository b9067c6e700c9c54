package kerneltest

import (
	"errors"
	"slices"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	"github.com/cnilab/cnilab/kernel/kerneltest/twisted"
)

// A twist is one way in which a backend is wrong.
type twist = twisted.Kernel

// swallow is the twist that answers success where a call fails with an errno.
func swallow(op intercept.Op, errno kernel.Errno) twist {
	return twist{Hook: func(c intercept.Call, next func() error) error {
		err := next()
		if c.Op == op && errors.Is(err, errno) {
			return nil
		}
		return err
	}}
}

// confuse is the twist that answers another errno.
func confuse(op intercept.Op, errno, instead kernel.Errno) twist {
	return twist{Hook: func(c intercept.Call, next func() error) error {
		err := next()
		if c.Op == op && errors.Is(err, errno) {
			return refusal(c, instead)
		}
		return err
	}}
}

// refuse is the twist that does not do what can be done.
func refuse(errno kernel.Errno, when intercept.Match) twist {
	return twist{Hook: func(c intercept.Call, next func() error) error {
		if when(c) {
			return refusal(c, errno)
		}
		return next()
	}}
}

// pretend is the twist that answers success and does nothing.
func pretend(when intercept.Match) twist {
	return twist{Hook: func(c intercept.Call, next func() error) error {
		if when(c) {
			return nil
		}
		return next()
	}}
}

func refusal(c intercept.Call, errno kernel.Errno) error {
	return &kernel.Error{Op: string(c.Op), NetNS: c.NetNS, Object: c.Object, Errno: errno}
}

// eachLink is the twist that shows links other than they are.
func eachLink(f func(l *kernel.Link)) twist {
	return twist{ShowLinks: func(_ kernel.NetNS, links []kernel.Link) []kernel.Link {
		for i := range links {
			f(&links[i])
		}
		return links
	}}
}

// eachAddress is the twist that shows addresses other than they are.
func eachAddress(f func(a *kernel.Address)) twist {
	return twist{ShowAddresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
		for i := range list {
			f(&list[i])
		}
		return list
	}}
}

// hideAddress is the twist that does not show some addresses.
func hideAddress(which func(a kernel.Address) bool) twist {
	return twist{ShowAddresses: func(_ kernel.NetNS, list []kernel.Address) []kernel.Address {
		return slices.DeleteFunc(list, which)
	}}
}

// eachRoute is the twist that shows routes other than they are.
func eachRoute(f func(r *kernel.Route)) twist {
	return twist{ShowRoutes: func(_ kernel.NetNS, list []kernel.Route) []kernel.Route {
		for i := range list {
			f(&list[i])
		}
		return list
	}}
}

// hideRoute is the twist that does not have some routes.
func hideRoute(which func(r kernel.Route) bool) twist {
	return twist{ShowRoutes: func(_ kernel.NetNS, list []kernel.Route) []kernel.Route {
		return slices.DeleteFunc(list, which)
	}}
}

// addAs is the twist that adds links as if another had been asked for.
func addAs(f func(s *kernel.LinkSpec)) twist {
	return twist{AddLink: func(ns kernel.NetNS, spec kernel.LinkSpec) error {
		f(&spec)
		return ns.AddLink(spec)
	}}
}

// changeAs is the twist that changes links as if other changes had been asked for.
func changeAs(f func(ns kernel.NetNS, index int, c *kernel.LinkChange)) twist {
	return twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
		f(ns, index, &c)
		return ns.ChangeLink(index, c)
	}}
}

// giveAs is the twist that gives addresses as if others had been asked for.
func giveAs(f func(a *kernel.Address)) twist {
	return twist{AddAddress: func(ns kernel.NetNS, a kernel.Address) error {
		f(&a)
		return ns.AddAddress(a)
	}}
}

// routeAs is the twist that adds routes as if others had been asked for.
func routeAs(f func(r *kernel.Route, mode *kernel.RouteMode)) twist {
	return twist{AddRoute: func(ns kernel.NetNS, r kernel.Route, mode kernel.RouteMode) error {
		f(&r, &mode)
		return ns.AddRoute(r, mode)
	}}
}
