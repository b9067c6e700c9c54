package kerneltest

import (
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// changeLaws are about what can be changed on a link, except its master and its namespace.
var changeLaws = []Law{
	{"link/change/absent", "net/core/rtnetlink.c rtnl_setlink", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.ChangeLink(absent, kernel.LinkChange{Up: new(true)}), kernel.ENODEV,
			"set a link up that is not there")
	}},
	{"link/rename/found-by-new-name", "net/core/dev.c netif_change_name", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("old")
		ns.set(br, kernel.LinkChange{Name: new("new")})
		equal(e, ns.link("new").Index, br, "index of the link under its new name")
		_, err := ns.LinkByName("old")
		e.refused(err, kernel.ENODEV, "look for the link by its old name")
	}},
	{"link/rename/taken", "net/core/dev.c dev_get_valid_name", func(e *env) {
		ns := e.netns("a")
		ns.bridge("taken")
		e.refused(ns.ChangeLink(ns.bridge("br"), kernel.LinkChange{Name: new("taken")}), kernel.EEXIST,
			"give a link the name of another")
	}},
	{"link/rename/to-itself", "net/core/dev.c netif_change_name", func(e *env) {
		ns := e.netns("a")
		e.ok(ns.ChangeLink(ns.bridge("br"), kernel.LinkChange{Name: new("br")}), "give a link the name it has")
	}},
	{"link/rename/while-up", "net/core/dev.c netif_change_name; measured on 6.18.44, EBUSY before 6.2", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.up(br)
		e.ok(ns.ChangeLink(br, kernel.LinkChange{Name: new("new")}), "rename a link that is up")
		equal(e, ns.at(br).Name, "new", "its name")
	}},
	{"link/rename/invalid", "net/core/dev.c dev_valid_name", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		for _, name := range []string{".", "..", "a/b", "a:b", "a b"} {
			e.refused(ns.ChangeLink(br, kernel.LinkChange{Name: &name}), kernel.EINVAL, "rename a link to %q", name)
		}
	}},
	{"link/rename/too-long", "net/core/rtnetlink.c ifla_policy: NLA_STRING of IFNAMSIZ-1", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		e.refused(ns.ChangeLink(br, kernel.LinkChange{Name: new("sixteen-bytes-xx")}), kernel.ERANGE,
			"rename a link to a name of 16 bytes")
	}},
	{"link/rename/frees-name", "net/core/dev.c netif_change_name: netdev_name_node_del", func(e *env) {
		ns := e.netns("a")
		ns.set(ns.bridge("br"), kernel.LinkChange{Name: new("new")})
		e.ok(ns.AddLink(kernel.LinkSpec{Name: "br", Kind: kernel.KindBridge}),
			"add a link with the name that is free now")
	}},
	{"link/mtu/set", "net/core/dev.c netif_set_mtu_ext", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		ns.resize(v, 1400)
		equal(e, []int{ns.at(v).MTU, ns.at(w).MTU}, []int{1400, 1500},
			"MTUs of a veth changed to 1400, and of its peer")
	}},
	{"link/mtu/limits", "net/core/dev.c dev_validate_mtu", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		for _, index := range []int{ns.bridge("br"), v} {
			for _, mtu := range []int{kernel.MinMTU - 1, kernel.MaxMTU + 1} {
				e.refused(ns.ChangeLink(index, kernel.LinkChange{MTU: &mtu}), kernel.EINVAL,
					"set MTU %d on %s", mtu, ns.at(index).Name)
			}
		}
	}},
	{"link/mtu/loopback-has-no-limits", "drivers/net/loopback.c gen_lo_setup: min_mtu 0, max_mtu 0", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo").Index
		ns.resize(lo, 67)
		equal(e, ns.at(lo).MTU, 67, "MTU of lo")
	}},
	{"link/mac/same-and-invalid", "net/core/dev.c netif_set_mac_address, dev_set_mac_address", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo")
		err := ns.ChangeLink(lo.Index, kernel.LinkChange{MAC: lo.MAC})
		e.mayBeRefused(err, kernel.EADDRNOTAVAIL, "set lo's MAC, which is no device's, to what it is")
	}},
	{"link/mac/set", "net/core/dev.c netif_set_mac_address", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		ns.setMAC(v, macMid)
		equal(e, ns.at(v).MAC, mac(macMid), "MAC that was set")
	}},
	{
		"link/mac/invalid",
		"net/ethernet/eth.c eth_prepare_mac_addr_change, net/bridge/br_device.c br_set_mac_address", func(e *env) {
			ns := e.netns("a")
			v, _ := ns.veth("v", "w")
			for _, index := range []int{ns.bridge("br"), v} {
				for _, bad := range []string{"01:00:00:00:00:01", "00:00:00:00:00:00"} {
					e.refused(ns.ChangeLink(index, kernel.LinkChange{MAC: mac(bad)}), kernel.EADDRNOTAVAIL,
						"set the MAC %s on %s", bad, ns.at(index).Name)
				}
			}
		},
	},
	{"link/alias/set", "net/core/dev.c dev_set_alias", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.set(br, kernel.LinkChange{Alias: new("a bridge: of mine")})
		equal(e, ns.at(br).Alias, "a bridge: of mine", "alias that was set")
	}},
	{"link/alias/removed", "net/core/dev.c dev_set_alias", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.set(br, kernel.LinkChange{Alias: new("x")})
		ns.set(br, kernel.LinkChange{Alias: new("")})
		equal(e, ns.at(br).Alias, "", "alias that was taken away")
	}},
	{"link/alias/too-long", "net/core/rtnetlink.c ifla_policy: NLA_STRING of IFALIASZ-1", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.set(br, kernel.LinkChange{Alias: new(strings.Repeat("x", 255))})
		e.refused(ns.ChangeLink(br, kernel.LinkChange{Alias: new(strings.Repeat("x", 256))}), kernel.ERANGE,
			"set an alias of 256 bytes")
	}},
	{"link/change/order", "net/core/rtnetlink.c do_setlink: name, MTU and flags come before the master", func(e *env) {
		ns := e.netns("a")
		v, w := ns.veth("v", "w")
		err := ns.ChangeLink(v, kernel.LinkChange{Name: new("new"), MTU: new(1400), Master: &w, Up: new(true)})
		e.refused(err, kernel.EOPNOTSUPP, "change name, MTU, master (a veth) and flags of a link in one request")
		got := ns.at(v)
		equal(e, []any{got.Name, got.MTU, got.Up}, []any{"new", 1400, true}, "name, MTU and flag UP after it")
	}},
	{"link/up/set-and-unset", "net/core/dev.c netif_change_flags", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.up(br)
		equal(e, ns.at(br).Up, true, "flag UP of a link set up")
		ns.down(br)
		equal(e, ns.at(br).Up, false, "flag UP of a link set down")
	}},
	{"link/promisc/flag", "net/core/dev.c __dev_change_flags: IFF_PROMISC", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		for _, on := range []bool{true, true, false} { // a second time it is not counted again
			ns.set(br, kernel.LinkChange{Promisc: &on})
			want := map[bool]int{true: 1}[on]
			got := ns.at(br)
			equal(e, []any{got.Promisc, got.Promiscuity}, []any{on, want}, "promiscuous flag and count, set to %v", on)
		}
	}},
	{"link/promisc/port", "net/bridge/br_if.c br_add_if: dev_set_promiscuity", func(e *env) {
		ns := e.netns("a")
		v, _ := ns.veth("v", "w")
		br := ns.bridge("br")
		ns.enslave(v, br)
		equal(e, []any{ns.at(v).Promisc, ns.at(v).Promiscuity}, []any{false, 1}, "promiscuous flag and count of a port")
		ns.set(v, kernel.LinkChange{Promisc: new(true)})
		equal(e, []any{ns.at(v).Promisc, ns.at(v).Promiscuity}, []any{true, 2}, "the same with the flag set as well")
		ns.enslave(v, 0)
		equal(e, []any{ns.at(v).Promisc, ns.at(v).Promiscuity}, []any{true, 1}, "the same when it is no port any more")
	}},
}
