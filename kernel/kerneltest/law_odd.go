package kerneltest

import (
	"path"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// oddLinkLaws are about what is seldom asked of links, and about what a link that is too narrow loses.
var oddLinkLaws = []Law{
	{"link/add/name-numbered", "net/core/dev.c dev_prep_valid_name", func(e *env) {
		ns := e.netns("a")
		for range 2 {
			e.ok(ns.AddLink(kernel.LinkSpec{Name: "br%d", Kind: kernel.KindBridge}), "add a bridge named br%%d")
		}
		equal(e, ns.names(), []string{"br0", "br1"}, "names of two bridges that were to be named br%%d")
	}},
	{"link/add/name-numbered-oddly", "net/core/dev.c dev_prep_valid_name", func(e *env) {
		ns := e.netns("a")
		for _, name := range []string{"br%", "br%s", "br%d%d"} {
			e.refused(ns.AddLink(kernel.LinkSpec{Name: name, Kind: kernel.KindBridge}), kernel.EINVAL,
				"add a bridge named %s", name)
		}
	}},
	{"link/add/name-comes-before-kind", "net/core/rtnetlink.c __rtnl_newlink: NLM_F_EXCL", func(e *env) {
		ns := e.netns("a")
		ns.bridge("br")
		e.refused(ns.AddLink(kernel.LinkSpec{Name: "br", Kind: "cnilab-none"}), kernel.EEXIST,
			"add a link of no kind with a name that is taken")
	}},
	{"link/rename/to-nothing", "the contract: a name that is empty is none", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.ChangeLink(ns.bridge("br"), kernel.LinkChange{Name: new("")}), kernel.EINVAL,
			"rename a link to nothing")
	}},
	{"link/mac/too-short", "net/core/rtnetlink.c validate_linkmsg", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		e.refused(ns.ChangeLink(br, kernel.LinkChange{MAC: mac(macMid)[:5]}), kernel.EINVAL, "set a MAC of 5 bytes")
	}},
	{"link/narrow/loses-v4", "net/ipv4/devinet.c inetdev_event: NETDEV_CHANGEMTU", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo").Index
		ns.up(lo)
		ns.resize(lo, 67)
		equal(e, ns.prefixes(lo, kernel.IPv4), []string{}, "IPv4 addresses of a link whose MTU was set to 67")
	}},
	{"link/narrow/keeps-routes", "net/ipv4/fib_frontend.c fib_inetaddr_event, fib_netdev_event: with the last address", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo").Index
		r := via(lo, "10.0.0.0/24", "")
		r.Scope = kernel.ScopeHost
		e.ok(ns.AddRoute(r, kernel.Exclusive), "add a route by a link without an address")
		ns.resize(lo, 67)
		equal(e, len(ns.routes(kernel.IPv4)), 1, "routes by the link once its MTU was set to 67")
		ns.resize(lo, 1400)
		ns.give(lo, "10.0.9.1/32")
		ns.resize(lo, 67)
		equal(e, len(ns.routes(kernel.IPv4)), 0, "routes once it was set to 67 while it had an address")
	}},
	{"link/narrow/takes-no-v4", "net/ipv4/devinet.c rtm_to_ifaddr: no in_device", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo").Index
		ns.up(lo)
		ns.resize(lo, 67)
		e.refused(ns.AddAddress(on(lo, "10.0.0.1/24")), kernel.ENOBUFS, "add an address to a link with MTU 67")
		e.refused(ns.AddRoute(via(lo, "10.0.0.0/24", ""), kernel.Exclusive), kernel.ENODEV,
			"add a route on a link with MTU 67")
		e.refused(ns.AddNeighbour(neighbour(lo, "10.0.0.9")), kernel.EINVAL, "add a neighbour on a link with MTU 67")
	}},
	{"link/narrow/loses-v6", "net/ipv6/addrconf.c addrconf_notify: NETDEV_CHANGEMTU", func(e *env) {
		ns, v := e.wired()
		ns.resize(v, 1279)
		equal(e, ns.prefixes(v, kernel.IPv6), []string{}, "IPv6 addresses of a link whose MTU was set to 1279")
		_, err := ns.Sysctl(conf(kernel.IPv6, "v", "forwarding"))
		e.refused(err, kernel.ENOENT, "read an IPv6 sysctl of the link")
	}},
	{
		"link/narrow/takes-no-v6",
		"net/ipv6/addrconf.c addrconf_add_dev, inet6_addr_del; net/ipv6/route.c fib6_nh_init", func(e *env) {
			ns, v := e.wired()
			ns.resize(v, 1279)
			e.refused(ns.AddAddress(on(v, "fd00::5/64")), kernel.EINVAL, "add an address to a link with MTU 1279")
			e.refused(ns.DeleteAddress(on(v, "fd00::5/64")), kernel.ENXIO, "delete an address of a link with MTU 1279")
			e.refused(ns.AddRoute(via(v, "fd01::/64", ""), kernel.Exclusive), kernel.ENODEV,
				"add a route on a link with MTU 1279")
		},
	},
	{"link/narrow/v6-comes-back", "net/ipv6/addrconf.c addrconf_notify: NETDEV_CHANGEMTU", func(e *env) {
		ns, v := e.wired()
		ns.resize(v, 1279)
		ns.resize(v, 1500)
		e.ok(ns.AddAddress(on(v, "fd00::5/64")), "add an address to a link whose MTU was 1279 for a while")
	}},
}

// oddAddressLaws are about requests that leave out or mix up what an address or a neighbour needs.
var oddAddressLaws = []Law{
	{
		"address/none-given",
		"net/ipv4/devinet.c rtm_to_ifaddr, net/ipv6/addrconf.c inet6_rtm_newaddr: IFA_LOCAL", func(e *env) {
			ns := e.netns("a")
			v, _ := ns.veth("v", "w")
			e.refused(ns.AddAddress(kernel.Address{Link: v}), kernel.EINVAL, "add no address")
			e.refused(ns.DeleteAddress(kernel.Address{Link: v}), kernel.EINVAL, "delete no address")
		},
	},
	{"address/v4/scopes-differ", "net/ipv4/devinet.c __inet_insert_ifa: ifa_scope", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.give(v, "10.0.0.1/24")
		second := on(v, "10.0.0.2/24")
		second.Scope = kernel.ScopeLink
		e.refused(ns.AddAddress(second), kernel.EINVAL, "add a second address of a subnet with another scope")
	}},
	{"neighbour/mac-too-short", "net/core/neighbour.c neigh_add: dev->addr_len", func(e *env) {
		ns, v := e.wired()
		n := neighbour(v, "10.0.0.9")
		n.MAC = n.MAC[:5]
		e.refused(ns.AddNeighbour(n), kernel.EINVAL, "add a neighbour with a MAC of 5 bytes")
	}},
	{"neighbour/no-mac", "net/core/neighbour.c __neigh_update", func(e *env) {
		ns, v := e.wired()
		n := neighbour(v, "10.0.0.9")
		n.MAC = nil
		e.refused(ns.AddNeighbour(n), kernel.EINVAL, "add a permanent neighbour without a MAC")
	}},
	{"neighbour/delete-no-address", "net/core/neighbour.c neigh_delete: NDA_DST", func(e *env) {
		ns, v := e.wired()
		e.refused(ns.DeleteNeighbour(kernel.Neighbour{Link: v}), kernel.EINVAL, "delete a neighbour without an address")
	}},
	{"sysctl/is-a-folder", "fs/proc/proc_sysctl.c: a folder of keys", func(e *env) {
		ns := e.netns("a")
		_, err := ns.Sysctl("net/ipv4/conf")
		e.refused(err, kernel.EISDIR, "read a folder of sysctls")
	}},
	{"sysctl/value-empty", "kernel/sysctl.c do_proc_dointvec: nothing but white space", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.SetSysctl("net/ipv4/ip_forward", " "), kernel.EINVAL, "set a sysctl to white space")
	}},
	{"sysctl/ttl-out-of-range", "net/ipv4/sysctl_net_ipv4.c ip_ttl_min, ip_ttl_max", func(e *env) {
		ns := e.netns("a")
		for _, value := range []string{"0", "256"} {
			e.refused(ns.SetSysctl("net/ipv4/ip_default_ttl", value), kernel.EINVAL,
				"set net/ipv4/ip_default_ttl to %s", value)
		}
	}},
	{"sysctl/v6-mtu-out-of-range", "net/ipv6/addrconf.c addrconf_sysctl_mtu", func(e *env) {
		ns := e.netns("a")
		ns.veth("v", "w")
		for _, value := range []string{"1279", "1501"} {
			e.refused(ns.SetSysctl(conf(kernel.IPv6, "v", "mtu"), value), kernel.EINVAL,
				"set the IPv6 MTU of a link to %s", value)
		}
	}},
}

// oddRouteLaws are about routes that do not make sense.
var oddRouteLaws = []Law{
	{"route/none-given", "the contract", func(e *env) {
		ns, v := e.wired()
		e.refused(ns.AddRoute(kernel.Route{Link: v}, kernel.Exclusive), kernel.EINVAL, "add a route to nowhere")
		e.refused(ns.DeleteRoute(kernel.Route{Link: v}), kernel.EINVAL, "delete a route to nowhere")
	}},
	{"route/v4/delete-host-bits", "net/ipv4/fib_trie.c fib_valid_key_len", func(e *env) {
		ns, _ := e.wired()
		e.refused(ns.DeleteRoute(via(0, "10.1.0.1/16", "")), kernel.EINVAL,
			"delete a route whose destination has host bits")
	}},
	{"route/v4/scope-of-type", "net/ipv4/fib_semantics.c fib_create_info: fib_props", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "")
		r.Type = kernel.Local
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add a local route of scope global")
	}},
	{"route/v4/scope-nowhere", "net/ipv4/fib_semantics.c fib_create_info: RT_SCOPE_HOST", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "")
		r.Scope = kernel.ScopeNowhere
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add a route of scope nowhere")
	}},
	{"route/v4/scope-host-with-gateway", "net/ipv4/fib_semantics.c fib_create_info: RT_SCOPE_HOST", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "10.0.0.9")
		r.Scope = kernel.ScopeHost
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add a route of scope host by a gateway")
	}},
	{"route/v4/scope-link-with-gateway", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw: fc_scope", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "10.0.0.9")
		r.Scope, r.OnLink = kernel.ScopeLink, true
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL,
			"add a route of scope link by a gateway said to be on the link")
	}},
	{"route/v4/reject-with-gateway", "net/ipv4/fib_semantics.c fib_create_info: fib_props", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "10.0.0.9")
		r.Type = kernel.Blackhole
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add a blackhole route by a gateway")
	}},
	{"route/v4/gateway-link-absent", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw: fib_lookup", func(e *env) {
		ns, _ := e.wired()
		e.refused(ns.AddRoute(via(absent, "10.1.0.0/16", "10.0.0.9"), kernel.Exclusive), kernel.ENETUNREACH,
			"add a route by a gateway on a link that is not there")
	}},
	{"route/v4/onlink-without-gateway", "net/ipv4/fib_semantics.c fib_check_nh_nongw", func(e *env) {
		ns, v := e.wired()
		r := via(v, "10.1.0.0/16", "")
		r.OnLink = true
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add a route onlink without a gateway")
	}},
	{"route/v4/onlink-link-down", "net/ipv4/fib_semantics.c fib_check_nh_v4_gw: RTNH_F_ONLINK", func(e *env) {
		ns, v := e.wired()
		ns.down(v)
		r := via(v, "10.1.0.0/16", "10.77.0.1")
		r.OnLink = true
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.ENETDOWN, "add a route by a gateway on a link that is down")
	}},
	{
		"route/v4/onlink-own-address",
		"net/ipv4/fib_semantics.c fib_check_nh_v4_gw: inet_addr_type_dev_table", func(e *env) {
			ns, v := e.wired()
			r := via(v, "10.1.0.0/16", "10.0.0.1")
			r.OnLink = true
			e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL,
				"add a route by an own address said to be on the link")
		},
	},
	{"route/v6/gateway-is-own-address-anywhere", "net/ipv6/route.c ip6_validate_gw", func(e *env) {
		ns, v := e.wired()
		e.refused(ns.AddRoute(via(0, "fd01::/64", "fd00::1"), kernel.Exclusive), kernel.EINVAL,
			"add a route by an own address")
		ns.giveAtOnce(v, "fe80::77/64")
		e.refused(ns.AddRoute(via(v, "fd01::/64", "fe80::77"), kernel.Exclusive), kernel.EINVAL,
			"add a route by an own link-local address")
	}},
	{"route/v6/gateway-invalid", "net/ipv6/route.c ip6_validate_gw: ipv6_addr_type", func(e *env) {
		ns, v := e.wired()
		e.refused(ns.AddRoute(via(v, "fd01::/64", "ff02::1"), kernel.Exclusive), kernel.EINVAL,
			"add a route by a multicast address")
		e.refused(ns.AddRoute(via(v, "fd01::/64", "::1"), kernel.Exclusive), kernel.EHOSTUNREACH,
			"add a route by ::1, a unicast address to this check")
	}},
	{"route/v6/gateway-on-loopback", "net/ipv6/route.c ip6_validate_gw: IFF_LOOPBACK", func(e *env) {
		ns, _ := e.wired()
		lo := ns.link("lo").Index
		ns.up(lo)
		r := via(lo, "fd01::/64", "fd77::1")
		r.OnLink = true
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL, "add a route by a gateway on lo")
	}},
	{"route/v6/onlink-without-link", "net/ipv6/route.c fib6_nh_init: RTNH_F_ONLINK", func(e *env) {
		ns, _ := e.wired()
		r := via(0, "fd01::/64", "fd77::1")
		r.OnLink = true
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.ENODEV, "add a route onlink without a link")
	}},
	{"route/v6/onlink-link-down", "net/ipv6/route.c fib6_nh_init: RTNH_F_ONLINK", func(e *env) {
		ns, v := e.wired()
		ns.down(v)
		r := via(v, "fd01::/64", "fd77::1")
		r.OnLink = true
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.ENETDOWN, "add a route by a gateway on a link that is down")
	}},
	{"route/v6/onlink-elsewhere", "net/ipv6/route.c ip6_route_check_nh_onlink", func(e *env) {
		ns, v := e.wired()
		r := via(ns.at(v).Peer, "fd01::/64", "fd00::9")
		r.OnLink = true
		e.refused(ns.AddRoute(r, kernel.Exclusive), kernel.EINVAL,
			"add a route by a gateway said to be on another link than it is")
	}},
	{"route/v6/link-disabled", "net/ipv6/route.c fib6_nh_init: disable_ipv6", func(e *env) {
		ns, v := e.wired()
		ns.setSysctl(conf(kernel.IPv6, "v", "disable_ipv6"), "1")
		e.refused(ns.AddRoute(via(v, "fd01::/64", ""), kernel.Exclusive), kernel.EACCES,
			"add a route where IPv6 is disabled")
	}},
	{"route/v6/delete-default-absent", "net/ipv6/ip6_fib.c fib6_del: fib6_null_entry", func(e *env) {
		ns, _ := e.wired()
		e.refused(ns.DeleteRoute(via(0, "::/0", "")), kernel.ENOENT, "delete a default route that is not there")
	}},
}

// oddFileLaws are about files that are none, names that are no good, and moves that cannot be.
var oddFileLaws = []Law{
	{"file/netns/no-content", "fs/nsfs.c ns_file_operations; fs/libfs.c path_from_stashed: S_IMMUTABLE", func(e *env) {
		a := e.netns("a")
		_, err := e.ReadFile(a.path)
		e.refused(err, kernel.EINVAL, "read a namespace as a file")
		e.refused(e.WriteFile(a.path, []byte("x"), 0o644), kernel.EPERM, "write a namespace as a file")
	}},
	{"file/netns/stays", "fs/namei.c: is_local_mountpoint; do_linkat", func(e *env) {
		a := e.netns("a")
		e.refused(e.Remove(a.path), kernel.EBUSY, "remove the file that a namespace is bound to")
		e.refused(e.Rename(a.path, e.bindPath("b")), kernel.EBUSY, "rename it")
		e.refused(e.Link(a.path, e.bindPath("b")), kernel.EXDEV, "link it")
	}},
	{"file/proc/stays", "fs/proc/base.c: no unlink", func(e *env) {
		e.refused(e.Remove("/proc/self/ns/net"), kernel.EPERM, "remove a file of procfs")
	}},
	{"file/root/is-a-folder", "fs/namei.c do_open", func(e *env) {
		e.refused(e.WriteFile("/", nil, 0o644), kernel.EISDIR, "write the root as a file")
	}},
	{"file/slash-after-file", "fs/namei.c: LOOKUP_DIRECTORY", func(e *env) {
		_, err := e.ReadFile(e.file(e.folder(), "f", "") + "/")
		e.refused(err, kernel.ENOTDIR, "read a file by a name with a slash at its end")
	}},
	{"file/name-too-long-to-find", "include/linux/limits.h NAME_MAX", func(e *env) {
		_, err := e.ReadFile(path.Join(e.folder(), strings.Repeat("x", 256)))
		e.refused(err, kernel.ENAMETOOLONG, "read a file with a name of 256 bytes")
	}},
	{"folder/name-too-long", "include/linux/limits.h NAME_MAX", func(e *env) {
		e.refused(e.MkdirAll(path.Join(e.folder(), strings.Repeat("x", 256)), 0o755), kernel.ENAMETOOLONG,
			"make a folder with a name of 256 bytes")
	}},
	{"folder/rename/into-itself", "fs/namei.c do_renameat2: lock_rename", func(e *env) {
		sub := e.subfolder(e.folder(), "sub")
		e.refused(e.Rename(sub, path.Join(sub, "below")), kernel.EINVAL, "rename a folder into itself")
	}},
	{"program/exec/cancelled", "the contract", func(e *env) {
		file := path.Join(e.folder(), "f")
		e.ok(e.WriteFile(file, []byte("neither ELF nor a script"), 0o755), "write a file that is executable")
		_, err := e.Exec(e.cancelled(), file, nil, nil)
		e.refused(err, kernel.ECANCELED, "execute with a context that has ended")
	}},
}
