package kerneltest

import (
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

const (
	macLow  = "02:00:00:00:00:01"
	macMid  = "02:00:00:00:00:05"
	macHigh = "02:00:00:00:00:09"
)

// linkLaws are about making, finding and deleting links of any kind.
var linkLaws = []Law{
	{"link/list/loopback-alone", "drivers/net/loopback.c loopback_net_init, gen_lo_setup", func(e *env) {
		ns := e.netns("a")
		equal(e, ns.links(), []kernel.Link{{
			Index: 1, Name: "lo", MTU: 65536, MAC: mac("00:00:00:00:00:00"), Oper: kernel.OperDown,
		}}, "links of a new namespace")
	}},
	{"link/list/by-index", "net/core/rtnetlink.c rtnl_dump_ifinfo", func(e *env) {
		ns := e.netns("a")
		ns.bridge("z")
		ns.bridge("y")
		ns.bridge("x")
		equal(e, ns.names(), []string{"z", "y", "x"}, "links in the order they are listed in")
	}},
	{"link/show/absent", "net/core/rtnetlink.c rtnl_getlink", func(e *env) {
		ns := e.netns("a")
		_, err := ns.LinkByName("nobody")
		e.refused(err, kernel.ENODEV, "look at a link that is not there")
	}},
	{"link/show/same-as-listed", "net/core/rtnetlink.c rtnl_fill_ifinfo", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.enslave(v, ns.bridge("br"))
		equal(e, ns.link("v"), ns.at(v), "a link looked at by name, as it is listed")
	}},
	{"link/add/name-taken", "net/core/rtnetlink.c __rtnl_newlink: NLM_F_EXCL", func(e *env) {
		ns := e.netns("a")
		ns.bridge("br")
		e.refused(ns.AddLink(kernel.LinkSpec{Name: "br", Kind: kernel.KindBridge}), kernel.EEXIST,
			"add a second bridge br")
		e.refused(ns.AddLink(pair("br", "w", nil)), kernel.EEXIST, "add a veth with the name of the bridge br")
		equal(e, ns.names(), []string{"br"}, "links after the refusals")
	}},
	{"link/add/name-too-long", "net/core/rtnetlink.c ifla_policy: NLA_STRING of IFNAMSIZ-1", func(e *env) {
		ns := e.netns("a")
		ns.bridge("fifteen-bytes-x")
		e.refused(ns.AddLink(kernel.LinkSpec{Name: "sixteen-bytes-xx", Kind: kernel.KindBridge}), kernel.ERANGE,
			"add a bridge with a name of 16 bytes")
	}},
	{"link/add/name-invalid", "net/core/dev.c dev_valid_name", func(e *env) {
		ns := e.netns("a")
		for _, name := range []string{"", ".", "..", "a/b", "a:b", "a b", "a\tb"} {
			e.refused(ns.AddLink(kernel.LinkSpec{Name: name, Kind: kernel.KindBridge}), kernel.EINVAL,
				"add a bridge named %q", name)
		}
	}},
	{"link/add/kind-unknown", "net/core/rtnetlink.c rtnl_newlink: \"Unknown device type\"", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.AddLink(kernel.LinkSpec{Name: "x", Kind: "cnilab-none"}), kernel.EOPNOTSUPP,
			"add a link of a kind that no kernel has")
	}},
	{"link/add/mtu-default", "net/ethernet/eth.c ether_setup: ETH_DATA_LEN", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		v, w := ns.veth("v", "w")
		equal(e, []int{ns.at(br).MTU, ns.at(v).MTU, ns.at(w).MTU}, []int{1500, 1500, 1500},
			"MTUs of a bridge and both ends of a veth made without one")
	}},
	{"link/add/mtu-limits", "net/core/dev.c dev_validate_mtu", func(e *env) {
		ns := e.netns("a")
		for _, kind := range []string{kernel.KindBridge, kernel.KindVeth} {
			for _, mtu := range []int{kernel.MinMTU - 1, kernel.MaxMTU + 1} {
				spec := pair("x", "y", nil)
				spec.Kind, spec.MTU = kind, mtu
				e.refused(ns.AddLink(spec), kernel.EINVAL, "add a %s with MTU %d", kind, mtu)
			}
		}
		equal(e, ns.names(), []string{}, "links after the refusals")
	}},
	{"link/add/mtu-given", "net/core/rtnetlink.c rtnl_create_link: IFLA_MTU", func(e *env) {
		ns := e.netns("a")
		for _, mtu := range []int{kernel.MinMTU, kernel.MaxMTU} {
			e.ok(ns.AddLink(kernel.LinkSpec{Name: "br", Kind: kernel.KindBridge, MTU: mtu}),
				"add a bridge, MTU %d", mtu)
			br := ns.link("br")
			equal(e, br.MTU, mtu, "MTU of a bridge made with MTU %d", mtu)
			e.ok(ns.DeleteLink(br.Index), "delete the bridge")
		}
	}},
	{"link/add/mac-given", "net/core/rtnetlink.c rtnl_create_link: IFLA_ADDRESS", func(e *env) {
		ns := e.netns("a")
		for _, kind := range []string{kernel.KindBridge, kernel.KindVeth} {
			spec := pair(kind, kind+"-peer", nil)
			spec.Kind, spec.MAC = kind, mac(macMid)
			e.ok(ns.AddLink(spec), "add a %s with the MAC %s", kind, macMid)
			equal(e, ns.link(kind).MAC, mac(macMid), "MAC of a %s made with one", kind)
		}
	}},
	{"link/add/mac-invalid", "net/core/dev.c __dev_open's ndo_validate_addr; " +
		"drivers/net/veth.c veth_validate, net/bridge/br_netlink.c br_validate: is_valid_ether_addr", func(e *env) {
		ns := e.netns("a")
		for _, kind := range []string{kernel.KindBridge, kernel.KindVeth} {
			for _, bad := range []string{"01:00:00:00:00:01", "00:00:00:00:00:00"} {
				spec := pair("x", "y", nil)
				spec.Kind, spec.MAC = kind, mac(bad)
				e.refused(ns.AddLink(spec), kernel.EADDRNOTAVAIL, "add a %s with the MAC %s", kind, bad)
			}
		}
	}},
	{
		"link/add/mac-length",
		"drivers/net/veth.c veth_validate, net/bridge/br_netlink.c br_validate: ETH_ALEN", func(e *env) {
			ns := e.netns("a")
			for _, kind := range []string{kernel.KindBridge, kernel.KindVeth} {
				spec := pair("x", "y", nil)
				spec.Kind, spec.MAC = kind, mac("02:00:00:00:00:00:00:01")
				e.refused(ns.AddLink(spec), kernel.EINVAL, "add a %s with a MAC of 8 bytes", kind)
			}
		},
	},
	{"link/add/mac-random", "include/linux/etherdevice.h eth_hw_addr_random", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		br := ns.bridge("br")
		seen := make(map[string]bool)
		for _, index := range []int{v, w, br} {
			m := ns.at(index).MAC
			equal(e, m[0]&3, byte(2), "the two lowest bits of the first byte of a random MAC (%s): local, unicast", m)
			seen[m.String()] = true
		}
		equal(e, len(seen), 3, "number of different random MACs of 3 links")
	}},
	{"link/add/down", "net/core/rtnetlink.c rtnl_configure_link", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		equal(e, ns.at(br).Up, false, "flag UP of a bridge made without it")
	}},
	{"link/add/up", "net/core/rtnetlink.c rtnl_configure_link: rtnl_dev_combine_flags", func(e *env) {
		ns := e.netns("a")
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "br", Kind: kernel.KindBridge, Up: true}), "add a bridge that is up")
		equal(e, ns.link("br").Up, true, "flag UP of a bridge made with it")
	}},
	{"link/add/master-no-bridge", "net/core/rtnetlink.c do_set_master: no ndo_add_slave", func(e *env) {
		ns := e.netns("a")
		other, _ := ns.veth("other", "otherpeer")
		spec := pair("v", "w", nil)
		spec.Master = other
		e.refused(ns.AddLink(spec), kernel.EOPNOTSUPP, "add a veth with a veth as master")
	}},
	{"link/add/refused-leaves-nothing", "net/core/rtnetlink.c rtnl_newlink_create: out_unregister", func(e *env) {
		ns := e.netns("a")
		other, _ := ns.veth("other", "otherpeer")
		spec := pair("v", "w", nil)
		spec.Master = other
		_ = ns.AddLink(spec)
		names := ns.names()
		slices.Sort(names)
		equal(e, names, []string{"other", "otherpeer"}, "links after a veth was refused for its master")
	}},
	{"link/add/master-absent", "net/core/rtnetlink.c do_set_master: __dev_get_by_index", func(e *env) {
		ns := e.netns("a")
		spec := pair("v", "w", nil)
		spec.Master = absent
		e.refused(ns.AddLink(spec), kernel.EINVAL, "add a veth with a master that is not there")
	}},
	{"link/delete/gone", "net/core/rtnetlink.c rtnl_delete_link", func(e *env) {
		ns := e.netns("a")
		e.ok(ns.DeleteLink(ns.bridge("br")), "delete a bridge")
		_, err := ns.LinkByName("br")
		e.refused(err, kernel.ENODEV, "look at the bridge that was deleted")
	}},
	{"link/delete/absent", "net/core/rtnetlink.c rtnl_dellink", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.DeleteLink(absent), kernel.ENODEV, "delete a link that is not there")
	}},
	{"link/delete/twice", "net/core/rtnetlink.c rtnl_dellink", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		e.ok(ns.DeleteLink(br), "delete a bridge")
		e.refused(ns.DeleteLink(br), kernel.ENODEV, "delete it again")
	}},
	{"link/delete/loopback", "net/core/rtnetlink.c rtnl_delete_link: no rtnl_link_ops", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.DeleteLink(ns.link("lo").Index), kernel.EOPNOTSUPP, "delete lo")
	}},
	{"link/index/per-namespace", "net/core/dev.c dev_index_reserve", func(e *env) {
		a, b := e.netns("a"), e.netns("b")
		equal(e, []int{a.bridge("br"), b.bridge("br")}, []int{2, 2}, "indexes of the first links of two namespaces")
	}},
	{"link/index/never-reused", "net/core/dev.c dev_index_reserve: xa_alloc_cyclic", func(e *env) {
		ns := e.netns("a")
		first := ns.bridge("br")
		e.ok(ns.DeleteLink(first), "delete the first bridge")
		equal(e, ns.bridge("br"), first+1, "index of a link made after the one with index %d was deleted", first)
	}},
}

// absent is an index that no link has.
const absent = 4711
