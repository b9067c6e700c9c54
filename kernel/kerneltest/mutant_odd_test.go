package kerneltest

import (
	"errors"
	"io/fs"
	"net/netip"
	"path"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func oddLinkMutants() []mutant {
	return []mutant{
		{"link/add/name-numbered", "takes names as they are", addAs(func(s *kernel.LinkSpec) {
			s.Name = strings.ReplaceAll(s.Name, "%", "_")
		})},
		{"link/add/name-numbered-oddly", "takes names as they are", addAs(func(s *kernel.LinkSpec) {
			s.Name = strings.ReplaceAll(s.Name, "%", "_")
		})},
		{
			"link/add/name-comes-before-kind", "looks at the kind first",
			confuse(intercept.LinkAdd, kernel.EEXIST, kernel.EOPNOTSUPP),
		},
		{"link/rename/to-nothing", "keeps the name and says nothing", swallow(intercept.LinkSet, kernel.EINVAL)},
		{"link/mac/too-short", "fills MACs up", changeAs(func(_ kernel.NetNS, _ int, c *kernel.LinkChange) {
			if c.MAC != nil {
				c.MAC = append(c.MAC, 0, 0)[:6]
			}
		})},
		{"link/narrow/loses-v4", "has no least MTU for IPv4", pretend(intercept.Every(intercept.LinkSet, "lo mtu 67"))},
		{"link/narrow/keeps-routes", "takes routes away with IPv4", twist{ChangeLink: func(ns kernel.NetNS, index int, c kernel.LinkChange) error {
			err := ns.ChangeLink(index, c)
			routes, _ := ns.Routes(kernel.IPv4)
			for _, r := range routes {
				if c.MTU != nil && *c.MTU < kernel.MinMTU {
					err = errors.Join(err, ns.DeleteRoute(r))
				}
			}
			return err
		}}},
		{
			"link/narrow/takes-no-v4", "has no least MTU for IPv4",
			pretend(intercept.Every(intercept.LinkSet, "lo mtu 67")),
		},
		{
			"link/narrow/loses-v6", "has no least MTU for IPv6",
			pretend(intercept.Every(intercept.LinkSet, "v mtu 1279")),
		},
		{
			"link/narrow/takes-no-v6", "says EADDRNOTAVAIL",
			confuse(intercept.AddressDelete, kernel.ENXIO, kernel.EADDRNOTAVAIL),
		},
		{
			"link/narrow/v6-comes-back", "takes IPv6 away for good",
			pretend(intercept.Every(intercept.LinkSet, "v mtu 1500")),
		},
	}
}

func oddAddressMutants() []mutant {
	return []mutant{
		{"address/none-given", "says nothing", swallow(intercept.AddressDelete, kernel.EINVAL)},
		{
			"address/v4/scopes-differ", "does not compare scopes",
			giveAs(func(a *kernel.Address) { a.Scope = kernel.ScopeGlobal }),
		},
		{"neighbour/mac-too-short", "fills MACs up", twist{AddNeighbour: func(ns kernel.NetNS, n kernel.Neighbour) error {
			n.MAC = append(n.MAC, 0, 0)[:6]
			return ns.AddNeighbour(n)
		}}},
		{"neighbour/no-mac", "waits for the MAC to be found", swallow(intercept.NeighbourAdd, kernel.EINVAL)},
		{
			"neighbour/delete-no-address", "says ENOENT",
			confuse(intercept.NeighbourDelete, kernel.EINVAL, kernel.ENOENT),
		},
		{"sysctl/is-a-folder", "says ENOENT", confuse(intercept.SysctlGet, kernel.EISDIR, kernel.ENOENT)},
		{"sysctl/value-empty", "takes it for 0", twist{SetSysctl: func(ns kernel.NetNS, key, value string) error {
			return ns.SetSysctl(key, "0"+strings.TrimSpace(value))
		}}},
		{"sysctl/ttl-out-of-range", "takes any number", swallow(intercept.SysctlSet, kernel.EINVAL)},
		{"sysctl/v6-mtu-out-of-range", "takes any number", swallow(intercept.SysctlSet, kernel.EINVAL)},
	}
}

func oddRouteMutants() []mutant {
	// passes is the twist that lets pass what Linux says EINVAL of.
	passes := swallow(intercept.RouteAdd, kernel.EINVAL)
	noOnLink := routeAs(func(r *kernel.Route, _ *kernel.RouteMode) { r.OnLink = false })
	return []mutant{
		{"route/none-given", "says ESRCH", confuse(intercept.RouteDelete, kernel.EINVAL, kernel.ESRCH)},
		{"route/v4/delete-host-bits", "clears them", twist{DeleteRoute: func(ns kernel.NetNS, r kernel.Route) error {
			r.Dst = r.Dst.Masked()
			return ns.DeleteRoute(r)
		}}},
		{"route/v4/scope-of-type", "finds a scope that will do", routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
			r.Scope = kernel.ScopeHost
		})},
		{"route/v4/scope-nowhere", "lets it pass", passes},
		{"route/v4/scope-host-with-gateway", "lets it pass", passes},
		{"route/v4/scope-link-with-gateway", "lets it pass", passes},
		{"route/v4/reject-with-gateway", "ignores the gateway", routeAs(func(r *kernel.Route, _ *kernel.RouteMode) {
			if r.Type == kernel.Blackhole {
				r.Gateway, r.Link = netip.Addr{}, 0
			}
		})},
		{"route/v4/gateway-link-absent", "says ENODEV", confuse(intercept.RouteAdd, kernel.ENETUNREACH, kernel.ENODEV)},
		{"route/v4/onlink-without-gateway", "ignores onlink", noOnLink},
		{
			"route/v4/onlink-link-down", "says ENETUNREACH",
			confuse(intercept.RouteAdd, kernel.ENETDOWN, kernel.ENETUNREACH),
		},
		{"route/v4/onlink-own-address", "ignores onlink", noOnLink},
		{
			"route/v6/gateway-is-own-address-anywhere", "says EHOSTUNREACH",
			confuse(intercept.RouteAdd, kernel.EINVAL, kernel.EHOSTUNREACH),
		},
		{
			"route/v6/gateway-invalid", "says EHOSTUNREACH",
			confuse(intercept.RouteAdd, kernel.EINVAL, kernel.EHOSTUNREACH),
		},
		{"route/v6/gateway-on-loopback", "lets it pass", passes},
		{"route/v6/onlink-without-link", "says EINVAL", confuse(intercept.RouteAdd, kernel.ENODEV, kernel.EINVAL)},
		{
			"route/v6/onlink-link-down", "says EHOSTUNREACH",
			confuse(intercept.RouteAdd, kernel.ENETDOWN, kernel.EHOSTUNREACH),
		},
		{"route/v6/onlink-elsewhere", "believes the link", passes},
		{"route/v6/link-disabled", "says ENODEV", confuse(intercept.RouteAdd, kernel.EACCES, kernel.ENODEV)},
		{
			"route/v6/delete-default-absent", "says ESRCH, as of every other",
			confuse(intercept.RouteDelete, kernel.ENOENT, kernel.ESRCH),
		},
	}
}

func oddFileMutants() []mutant {
	return []mutant{
		{"file/netns/no-content", "takes it for empty", swallow(intercept.FileRead, kernel.EINVAL)},
		{"file/netns/stays", "lets the binding go", pretend(intercept.Every(intercept.FileRemove, bindPath("file/netns/stays", "a")))},
		{"file/proc/stays", "says EACCES", confuse(intercept.FileRemove, kernel.EPERM, kernel.EACCES)},
		{"file/root/is-a-folder", "says EBUSY", confuse(intercept.FileWrite, kernel.EISDIR, kernel.EBUSY)},
		{"file/slash-after-file", "ignores the slash", swallow(intercept.FileRead, kernel.ENOTDIR)},
		{"file/name-too-long-to-find", "says ENOENT", confuse(intercept.FileRead, kernel.ENAMETOOLONG, kernel.ENOENT)},
		{"folder/name-too-long", "cuts names", twist{MkdirAll: func(h kernel.Host, name string, perm fs.FileMode) error {
			base := path.Base(name)
			return h.MkdirAll(path.Join(path.Dir(name), base[:min(len(base), 255)]), perm)
		}}},
		{"folder/rename/into-itself", "says ENOENT", confuse(intercept.FileRename, kernel.EINVAL, kernel.ENOENT)},
		{
			"program/exec/cancelled", "starts it all the same",
			confuse(intercept.ProgramExec, kernel.ECANCELED, kernel.ENOEXEC),
		},
	}
}
