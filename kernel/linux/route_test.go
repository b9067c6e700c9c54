//go:build linux

package linux

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
)

// newRouted returns a namespace with a link that is up and has 10.1.0.1/24 and fd00::1/64.
func newRouted(t *testing.T) (kernel.NetNS, int) {
	h, self := newMachine(t)
	a, _ := join(t, self, "a", newPod(t, h, "pod"), "b")
	must(t, self.AddAddress(kernel.Address{Link: a.Index, Prefix: prefix("10.1.0.1/24")}))
	must(t, self.AddAddress(kernel.Address{Link: a.Index, Prefix: prefix("fd00::1/64"), NoDAD: true}))
	return self, a.Index
}

// routesTo returns the routes to dst.
func routesTo(t *testing.T, ns kernel.NetNS, dst netip.Prefix) []kernel.Route {
	t.Helper()
	f := kernel.IPv6
	if dst.Addr().Is4() {
		f = kernel.IPv4
	}
	all, err := ns.Routes(f)
	must(t, err)
	return slices.DeleteFunc(all, func(r kernel.Route) bool { return r.Dst != dst })
}

// What is added comes back, with what Linux sets where the request left it open.
func TestRoutesComeBack(t *testing.T) {
	self, link := newRouted(t)
	gateway4, gateway6 := addr("10.1.0.254"), addr("fd00::254")
	tests := []struct{ add, want kernel.Route }{
		{
			kernel.Route{Dst: prefix("0.0.0.0/0"), Gateway: gateway4},
			kernel.Route{Link: link, Table: kernel.TableMain, Protocol: kernel.ProtoBoot, Type: kernel.Unicast},
		}, {
			kernel.Route{
				Dst: prefix("10.2.0.0/16"), Link: link, Scope: kernel.ScopeLink, Metric: 7,
				Source: addr("10.1.0.1"), Protocol: kernel.ProtoStatic,
			},
			kernel.Route{Table: kernel.TableMain, Type: kernel.Unicast},
		}, {
			kernel.Route{Dst: prefix("10.3.0.0/16"), Gateway: addr("192.0.2.1"), Link: link, OnLink: true, Table: 1000},
			kernel.Route{Protocol: kernel.ProtoBoot, Type: kernel.Unicast},
		}, {
			kernel.Route{Dst: prefix("10.4.0.0/16"), Type: kernel.Blackhole, Table: 100},
			kernel.Route{Protocol: kernel.ProtoBoot},
		}, {
			kernel.Route{Dst: prefix("::/0"), Gateway: gateway6},
			kernel.Route{Link: link, Table: kernel.TableMain, Protocol: kernel.ProtoBoot, Type: kernel.Unicast, Metric: 1024},
		}, {
			kernel.Route{Dst: prefix("fd02::/64"), Gateway: addr("fd99::1"), Link: link, OnLink: true, Metric: 5, Table: 1000},
			kernel.Route{Protocol: kernel.ProtoBoot, Type: kernel.Unicast},
		}, {
			kernel.Route{Dst: prefix("fd03::/64"), Type: kernel.Unreachable},
			kernel.Route{Link: 1, Table: kernel.TableMain, Protocol: kernel.ProtoBoot, Metric: 1024},
		},
	}
	must(t, self.ChangeLink(1, kernel.LinkChange{Up: new(true)}))
	for _, tt := range tests {
		must(t, self.AddRoute(tt.add, kernel.Exclusive))
		if diff := cmp.Diff([]kernel.Route{merged(tt.add, tt.want)}, routesTo(t, self, tt.add.Dst), byValue); diff != "" {
			t.Error(diff)
		}
		wantErrno(t, "add again "+tt.add.Dst.String(), self.AddRoute(tt.add, kernel.Exclusive), kernel.EEXIST)
		must(t, self.DeleteRoute(tt.add))
		wantErrno(t, "delete again "+tt.add.Dst.String(), self.DeleteRoute(tt.add), kernel.ESRCH)
	}
}

// merged returns r with what set adds.
func merged(r, set kernel.Route) kernel.Route {
	if set.Link != 0 {
		r.Link = set.Link
	}
	if set.Table != 0 {
		r.Table = set.Table
	}
	if set.Protocol != 0 {
		r.Protocol = set.Protocol
	}
	if set.Type != "" {
		r.Type = set.Type
	}
	if set.Metric != 0 {
		r.Metric = set.Metric
	}
	return r
}

func TestKernelsOwnRoutesAreListed(t *testing.T) {
	self, link := newRouted(t)
	want := []kernel.Route{{
		Dst: prefix("10.1.0.1/32"), Link: link, Source: addr("10.1.0.1"),
		Table: kernel.TableLocal, Protocol: kernel.ProtoKernel, Scope: kernel.ScopeHost, Type: kernel.Local,
	}}
	if diff := cmp.Diff(want, routesTo(t, self, want[0].Dst), byValue); diff != "" {
		t.Error(diff)
	}
	connected := routesTo(t, self, prefix("10.1.0.0/24"))
	if len(connected) != 1 || connected[0].Scope != kernel.ScopeLink || connected[0].Table != kernel.TableMain {
		t.Errorf("connected: %+v", connected)
	}
}

// Siblings of IPv6 share one message of the kernel, next hops of IPv4 are entries of their own.
func TestRoutesBesideEachOther(t *testing.T) {
	t.Run("IPv4", func(t *testing.T) { testRoutesBeside(t, prefix("10.2.0.0/16"), "10.1.0.3", "10.1.0.2") })
	t.Run("IPv6", func(t *testing.T) { testRoutesBeside(t, prefix("fd02::/64"), "fd00::2", "fd00::3") })
}

func testRoutesBeside(t *testing.T, dst netip.Prefix, first, second string) {
	self, link := newRouted(t)
	via := func(gateway string) kernel.Route { return kernel.Route{Dst: dst, Gateway: addr(gateway)} }
	must(t, self.AddRoute(via(first), kernel.Beside))
	must(t, self.AddRoute(via(second), kernel.Beside))
	wantErrno(t, "the same once more", self.AddRoute(via(second), kernel.Beside), kernel.EEXIST)
	var gateways []string
	for _, r := range routesTo(t, self, dst) {
		gateways = append(gateways, r.Gateway.String())
		if r.Link != link || r.Protocol != kernel.ProtoBoot {
			t.Errorf("%+v", r)
		}
	}
	slices.Sort(gateways)
	if want := []string{min(first, second), max(first, second)}; !slices.Equal(gateways, want) {
		t.Errorf("%s via %v, want %v", dst, gateways, want)
	}
	must(t, self.DeleteRoute(via(first)))
	if left := routesTo(t, self, dst); len(left) != 1 || left[0].Gateway != addr(second) {
		t.Errorf("left: %+v", left)
	}
}

func TestRouteErrors(t *testing.T) {
	self, link := newRouted(t)
	down := addBridge(t, self, "down").Index
	must(t, self.ChangeLink(down, kernel.LinkChange{Up: new(false)}))
	four, six := prefix("10.9.0.0/16"), prefix("fd09::/64")
	for what, tt := range map[string]struct {
		r    kernel.Route
		want kernel.Errno
	}{
		"host bits":            {kernel.Route{Dst: prefix("10.9.0.1/16"), Link: link}, kernel.EINVAL},
		"nothing":              {kernel.Route{}, kernel.EINVAL},
		"no such type":         {kernel.Route{Dst: four, Link: link, Type: "nonsense"}, kernel.EINVAL},
		"neither":              {kernel.Route{Dst: four}, kernel.ENODEV},
		"neither, IPv6":        {kernel.Route{Dst: six}, kernel.ENODEV},
		"no link":              {kernel.Route{Dst: four, Link: 99}, kernel.ENODEV},
		"no link, IPv6":        {kernel.Route{Dst: six, Link: 99}, kernel.ENODEV},
		"link down":            {kernel.Route{Dst: four, Link: down}, kernel.ENETDOWN},
		"link down, IPv6":      {kernel.Route{Dst: six, Link: down}, kernel.ENETDOWN},
		"gateway off":          {kernel.Route{Dst: four, Gateway: addr("192.0.2.1")}, kernel.ENETUNREACH},
		"gateway off, IPv6":    {kernel.Route{Dst: six, Gateway: addr("fd99::1")}, kernel.EHOSTUNREACH},
		"gateway on down":      {kernel.Route{Dst: four, Gateway: addr("192.0.2.1"), Link: down}, kernel.ENETUNREACH},
		"source not ours":      {kernel.Route{Dst: four, Link: link, Source: addr("192.0.2.9")}, kernel.EINVAL},
		"gateway of blackhole": {kernel.Route{Dst: four, Gateway: addr("10.1.0.2"), Type: kernel.Blackhole}, kernel.EINVAL},
	} {
		wantErrno(t, what, self.AddRoute(tt.r, kernel.Exclusive), tt.want)
	}
	for _, dst := range []netip.Prefix{four, six} {
		wantErrno(t, "delete "+dst.String(), self.DeleteRoute(kernel.Route{Dst: dst}), kernel.ESRCH)
	}
}

// IPv4 deletes a route only if all that is given of it is right; IPv6 does not look at its type and source
// (ip6_route_del).
func TestDeleteRouteLooksAtWhatIsGiven(t *testing.T) {
	self, link := newRouted(t)
	for dst, want := range map[string]kernel.Errno{"10.2.0.0/16": kernel.ESRCH, "fd02::/64": 0} {
		add := func() { must(t, self.AddRoute(kernel.Route{Dst: prefix(dst), Link: link}, kernel.Exclusive)) }
		add()
		for what, wrong := range map[string]kernel.Route{
			"link": {Link: 1}, "metric": {Metric: 7}, "protocol": {Protocol: kernel.ProtoStatic}, "table": {Table: 1000},
		} {
			wrong.Dst = prefix(dst)
			wantErrno(t, dst+" with a wrong "+what, self.DeleteRoute(wrong), kernel.ESRCH)
		}
		wantErrno(t, dst+" with a wrong type", self.DeleteRoute(kernel.Route{Dst: prefix(dst), Type: kernel.Blackhole}), want)
	}
}
