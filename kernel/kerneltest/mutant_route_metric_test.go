package kerneltest

import (
	"github.com/cnilab/cnilab/kernel"
)

func routeMetricMutants() []mutant {
	noMSS := routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.AdvMSS = 0 })
	refuse := func(mode kernel.RouteMode, greatest int, answer error) twist {
		return twist{AddRoute: func(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
			if m == mode && r.MTU > greatest {
				return answer
			}
			return ns.AddRoute(r, m)
		}}
	}
	return []mutant{
		{"route/v4/metrics", "forgets the segment size", noMSS},
		{"route/v6/metrics", "forgets the segment size", noMSS},
		{
			"route/v4/metrics-too-great", "refuses them",
			refuse(kernel.Beside, kernel.MaxMTU, &kernel.Error{Op: "route add", Errno: kernel.EINVAL}),
		},
		{
			"route/v4/great-numbers", "keeps what fits a signed number",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.Table = min(r.Table, 1<<31-1) }),
		},
		{
			"route/v4/beside-other-metrics", "knows a route again by its gateway alone",
			routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.MTU = 0 }),
		},
		{"route/v6/beside-other-metrics", "takes it for another route", twist{
			AddRoute: func(ns kernel.NetNS, r kernel.Route, m kernel.RouteMode) error {
				if r.MTU == 1300 {
					return nil
				}
				return ns.AddRoute(r, m)
			},
		}},
	}
}
