package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// loopbackName is the name by which the program is the loopback plugin; loopbackLink the one interface it knows,
// whatever CNI_IFNAME says.
const (
	loopbackName = "loopback"
	loopbackLink = "lo"
)

// loopback is the loopback plugin. It owns nothing: ADD sets the interface up that every namespace has, and DEL down.
// So there is nothing for GC to remove, and ADD can always work for STATUS.
func (c *call) loopback(ctx context.Context) error {
	switch c.env.command {
	case verbAdd:
		return c.addLoopback(ctx)
	case verbDel:
		return c.delLoopback()
	case verbCheck:
		return c.checkLoopback()
	}
	return nil
}

func (c *call) addLoopback(ctx context.Context) error {
	previous, err := config.ParsePrevResult(c.network)
	if err != nil {
		return err
	}
	var n namespaces
	defer n.close()
	if err := n.open(c.machine, c.env); err != nil {
		return err
	}
	var u undo
	if err := c.setLoopbackUp(n.container, previous, &u); err != nil {
		return undone(err, u.run(ctx))
	}
	return nil
}

// setLoopbackUp sets the interface up and prints the result: that of the plugin before in the chain, if there is one.
func (c *call) setLoopbackUp(ns kernel.NetNS, previous *types100.Result, u *undo) error {
	lo, err := ns.LinkByName(loopbackLink)
	if err != nil {
		return err
	}
	if !lo.Up {
		if err := pushDown(ns, lo, u); err != nil {
			return err
		}
	}
	if err := setUp(ns, lo, true); err != nil {
		return err
	}
	result, err := c.loopbackResult(ns, lo)
	if err != nil {
		return err
	}
	if previous != nil {
		result = previous
	}
	return c.printResult(result)
}

// pushDown undoes setting the interface up. The IPv4 address that it gets then, 127.0.0.1, Linux leaves to it
// (inetdev_event, net/ipv4/devinet.c).
func pushDown(ns kernel.NetNS, lo kernel.Link, u *undo) error {
	before, err := ns.Addresses(lo.Index)
	if err != nil {
		return err
	}
	u.push("delete the addresses of the loopback interface", func(context.Context) error {
		return deleteAddressesBut(ns, lo, before)
	})
	u.push("set the loopback interface down", func(context.Context) error { return setUp(ns, lo, false) })
	return nil
}

func deleteAddressesBut(ns kernel.NetNS, l kernel.Link, kept []kernel.Address) error {
	addresses, err := ns.Addresses(l.Index)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		isThis := func(k kernel.Address) bool { return k.Prefix == a.Prefix }
		if slices.ContainsFunc(kept, isThis) {
			continue
		}
		if err := ns.DeleteAddress(a); err != nil && !errors.Is(err, kernel.EADDRNOTAVAIL) {
			return err
		}
	}
	return nil
}

func setUp(ns kernel.NetNS, l kernel.Link, up bool) error {
	return ns.ChangeLink(l.Index, kernel.LinkChange{Up: &up})
}

// loopbackResult has the first address of each family. All have to be loopback addresses, as the reference wants.
func (c *call) loopbackResult(ns kernel.NetNS, lo kernel.Link) (*types100.Result, error) {
	r := &types100.Result{
		Interfaces: []*types100.Interface{{Name: lo.Name, Mac: lo.MAC.String(), Sandbox: c.env.netns}},
	}
	addresses, err := ns.Addresses(lo.Index)
	if err != nil {
		return nil, err
	}
	seen := map[kernel.Family]bool{}
	for _, a := range addresses {
		ip := a.Prefix.Addr()
		if !ip.IsLoopback() {
			return nil, fmt.Errorf("loopback interface found with non-loopback address %q", ip)
		}
		if family := familyOf(ip); !seen[family] {
			seen[family] = true
			r.IPs = append(r.IPs, &types100.IPConfig{Interface: new(0), Address: ipNet(a.Prefix)})
		}
	}
	return r, nil
}

func ipNet(p netip.Prefix) net.IPNet {
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// delLoopback leaves a namespace alone that is gone, or is the plugin's own by now: without its loopback interface a
// node does not work.
func (c *call) delLoopback() error {
	if c.env.netns == "" {
		return nil
	}
	var n namespaces
	defer n.close()
	err := n.open(c.machine, c.env)
	var refused *types.Error
	switch {
	case errors.As(err, &refused):
		return nil
	case err != nil:
		return err
	}
	lo, err := n.container.LinkByName(loopbackLink)
	if err != nil {
		return err
	}
	return setUp(n.container, lo, false)
}

func (c *call) checkLoopback() error {
	var n namespaces
	defer n.close()
	if err := n.open(c.machine, c.env); err != nil {
		return err
	}
	lo, err := n.container.LinkByName(loopbackLink)
	switch {
	case err != nil:
		return err
	case !lo.Up:
		return types.NewError(CodeBroken, "loopback interface is down", "ADD sets it up")
	}
	return nil
}
