package kerneltest

import (
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// neighbourLaws are about neighbour entries that are added and deleted.
var neighbourLaws = []Law{
	{"neighbour/added", "net/core/neighbour.c neigh_add: NUD_PERMANENT", func(e *env) {
		ns, v := e.wired()
		for _, ip := range []string{"10.0.0.9", "fd00::9"} {
			want := neighbour(v, ip)
			e.ok(ns.AddNeighbour(want), "add the neighbour %s", ip)
			want.State = kernel.Permanent
			equal(e, ns.neighbours(v), []kernel.Neighbour{want}, "permanent neighbours")
			e.ok(ns.DeleteNeighbour(want), "delete the neighbour %s", ip)
		}
	}},
	{"neighbour/twice", "net/core/neighbour.c neigh_add: NLM_F_EXCL", func(e *env) {
		ns, v := e.wired()
		for _, ip := range []string{"10.0.0.9", "fd00::9"} {
			e.ok(ns.AddNeighbour(neighbour(v, ip)), "add the neighbour %s", ip)
			e.refused(ns.AddNeighbour(neighbour(v, ip)), kernel.EEXIST, "add the neighbour %s again", ip)
		}
	}},
	{"neighbour/on-two-links", "net/core/neighbour.c neigh_lookup: the link counts", func(e *env) {
		ns, v := e.wired()
		e.ok(ns.AddNeighbour(neighbour(v, "10.0.0.9")), "add a neighbour")
		e.ok(ns.AddNeighbour(neighbour(ns.at(v).Peer, "10.0.0.9")), "add the same on another link")
	}},
	{"neighbour/link-absent", "net/core/neighbour.c neigh_add", func(e *env) {
		ns := e.netns("a")
		e.refused(ns.AddNeighbour(neighbour(absent, "10.0.0.9")), kernel.ENODEV,
			"add a neighbour on a link that is not there")
		e.refused(ns.DeleteNeighbour(neighbour(absent, "10.0.0.9")), kernel.ENODEV,
			"delete one on a link that is not there")
	}},
	{"neighbour/no-address", "net/core/neighbour.c neigh_add: NDA_DST", func(e *env) {
		ns, v := e.wired()
		e.refused(ns.AddNeighbour(kernel.Neighbour{Link: v, MAC: mac(macLow)}), kernel.EINVAL,
			"add a neighbour without an address")
	}},
	{"neighbour/delete", "net/core/neighbour.c neigh_delete", func(e *env) {
		ns, v := e.wired()
		e.ok(ns.AddNeighbour(neighbour(v, "10.0.0.9")), "add a neighbour")
		e.ok(ns.DeleteNeighbour(neighbour(v, "10.0.0.9")), "delete it")
		equal(e, ns.neighbours(v), []kernel.Neighbour{}, "permanent neighbours after it")
	}},
	{"neighbour/delete-absent", "net/core/neighbour.c neigh_delete", func(e *env) {
		ns, v := e.wired()
		e.refused(ns.DeleteNeighbour(neighbour(v, "10.0.0.9")), kernel.ENOENT, "delete a neighbour that is not there")
		e.refused(ns.DeleteNeighbour(neighbour(v, "fd00::9")), kernel.ENOENT,
			"delete an IPv6 neighbour that is not there")
	}},
	{"neighbour/gone-with-up", "net/ipv4/arp.c arp_ifdown, net/core/neighbour.c neigh_ifdown", func(e *env) {
		ns, v := e.wired()
		e.ok(ns.AddNeighbour(neighbour(v, "10.0.0.9")), "add a permanent neighbour")
		ns.down(v)
		equal(e, ns.neighbours(v), []kernel.Neighbour{}, "permanent neighbours of a link that was set down")
	}},
	{"neighbour/gone-with-change", "net/core/rtnetlink.c do_setlink, __rtnl_newlink: DO_SETLINK_NOTIFY; " +
		"net/core/neighbour.c neigh_carrier_down", func(e *env) {
		ns := e.netns("a")
		br := ns.bridge("br")
		ns.setMAC(br, macHigh)
		ns.up(br)
		ns.oper(br, kernel.OperDown, "of a bridge without ports")
		stale := neighbour(br, "10.0.0.9")
		stale.State = kernel.Stale
		e.ok(ns.AddNeighbour(stale), "add a neighbour that is not permanent")
		ns.resize(br, 1400)
		e.ok(ns.DeleteNeighbour(stale), "delete it after a change that nobody is told of as one")
		e.ok(ns.AddNeighbour(stale), "add it again")
		ns.set(br, kernel.LinkChange{Alias: new("x")})
		e.refused(ns.DeleteNeighbour(stale), kernel.ENOENT, "delete it once the link without a carrier has an alias")
		e.ok(ns.AddNeighbour(stale), "add it again")
		ns.setBridge(br, kernel.BridgeChange{DefaultPVID: new(7)})
		e.refused(ns.DeleteNeighbour(stale), kernel.ENOENT, "delete it once the bridge has another setting")
	}},
	{"neighbour/loopback", "net/ipv6/ndisc.c ndisc_constructor, include/net/ndisc.h ndisc_mc_map: dev->broadcast", func(e *env) {
		ns := e.netns("a")
		lo := ns.link("lo").Index
		ns.setMAC(lo, macLow)
		ns.up(lo)
		for _, ip := range []string{"fd00::9", "ff02::9"} {
			e.ok(ns.AddNeighbour(kernel.Neighbour{Link: lo, IP: netip.MustParseAddr(ip)}), "add %s without a MAC address", ip)
		}
		macs := map[string]string{}
		for _, n := range ns.neighbours(lo) {
			macs[n.IP.String()] = n.MAC.String()
		}
		equal(e, macs, map[string]string{"fd00::9": macLow, "ff02::9": "00:00:00:00:00:00"}, "MAC addresses that they have")
	}},
	{"neighbour/list/all-links", "net/core/neighbour.c neigh_dump_info", func(e *env) {
		ns, v := e.wired()
		w := ns.at(v).Peer
		e.ok(ns.AddNeighbour(neighbour(v, "10.0.0.9")), "add a neighbour")
		e.ok(ns.AddNeighbour(neighbour(w, "10.0.0.8")), "add a neighbour on another link")
		equal(e, []int{len(ns.neighbours(v)), len(ns.neighbours(w)), len(ns.neighbours(0))}, []int{1, 1, 2},
			"numbers of permanent neighbours: of each link, of all links")
	}},
}

func neighbour(link int, ip string) kernel.Neighbour {
	return kernel.Neighbour{Link: link, IP: netip.MustParseAddr(ip), MAC: mac(macLow)}
}

// neighbours returns the permanent entries; others come and go as Linux sends packets of its own.
func (n *netns) neighbours(link int) []kernel.Neighbour {
	all, err := n.Neighbours(link)
	n.e.ok(err, "list the neighbours of link %d", link)
	permanent := []kernel.Neighbour{}
	for _, entry := range all {
		if entry.State == kernel.Permanent {
			permanent = append(permanent, entry)
		}
	}
	return permanent
}
