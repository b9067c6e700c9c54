package plugin

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/hostlocal"
)

// An add is one ADD. It is a transaction: it makes all of the attachment and tells so, or it returns an error and leaves
// the host as it was.
//
// Making the veth pair is the lock of the attachment. Of two ADDs of one attachment the second finds the name taken,
// and undoes nothing; releases no address either.
type add struct {
	*call
	namespaces

	config     config.Config
	attachment attachment
	bootID     string
	ipam       ipam.Plugin // nil: layer 2 only
	undo       undo

	hostEnd      kernel.Link
	containerEnd kernel.Link
	bridge       kernel.Link
	gateway      kernel.Link // has the gateway's addresses: the bridge, or the gateway of the VLAN

	gaveWay bool // others had the lock after the container was connected

	adopted   bool // the host end is the interface at adoptedAt in prevResult, and there is no other end
	adoptedAt int

	leased *types100.Result // what the IPAM plugin gave, completed
	layer3 layer3

	backend       kernel.FilterBackend // by which the container is masqueraded; "" where that is not asked for
	madeMasqTable bool                 // the table of nftables that all share was not there
}

func (c *call) add(ctx context.Context) error {
	a := &add{call: c, attachment: c.attachment()}
	defer a.close()
	err := run(ctx, a.steps())
	if err == nil || a.isSuperseded() {
		return err
	}
	return undone(err, a.undo.run(ctx))
}

// isSuperseded reports whether, while this ADD ran, the attachment was deleted and added anew: then all that is named after
// it is the other ADD's. (A runtime that has lost its patience with the first may do so.)
func (a *add) isSuperseded() bool {
	if a.hostEnd.Name == "" || a.adopted {
		return false
	}
	l, err := a.host.LinkByName(a.hostEnd.Name)
	return err == nil && !bytes.Equal(l.MAC, a.hostEnd.MAC)
}

func (a *add) steps() []step {
	return []step{
		{"read the configuration", a.parse},
		{"find the IPAM plugin", a.prepareIPAM},
		{"open the namespaces", a.openNamespaces},
		{"look for what is there already", a.inspect},
		{"look for the MAC address to check", a.requireMAC},
		{"create the veth pair", a.createPair},
		{"drop frames from other MAC addresses", a.refuseSpoofing},
		{"get addresses", a.lease},
		{"masquerade the addresses", a.masquerade},
		{"connect the container", a.connect},
	}
}

func (a *add) parse(context.Context) (err error) {
	a.warnOfTypos()
	if a.config, err = config.Parse(a.stdin, a.env.args); err != nil {
		return err
	}
	return a.respectVersion()
}

func (a *add) prepareIPAM(context.Context) (err error) {
	a.ipam, err = a.findValidIPAM()
	return err
}

func (a *add) openNamespaces(context.Context) error { return a.open(a.machine, a.env) }

// inspect refuses early what would be refused later, with less to undo. Names that are taken it leaves to the request that
// makes the veth pair, which is refused then, and has no effect.
func (a *add) inspect(context.Context) (err error) {
	if a.bootID, err = a.machine.BootID(); err != nil {
		return err
	}
	bridge, err := a.host.LinkByName(a.config.Bridge)
	switch {
	case errors.Is(err, kernel.ENODEV):
	case err != nil:
		return err
	default:
		if err := mustBeBridge(bridge); err != nil {
			return err
		}
	}
	if err := requireVLANs(a.host, a.config, bridge); err != nil {
		return err
	}
	return a.adopt()
}

func exists(ns kernel.NetNS, name string) (bool, error) {
	_, err := ns.LinkByName(name)
	if errors.Is(err, kernel.ENODEV) {
		return false, nil
	}
	return err == nil, err
}

// nameTries is how often making the veth pair is tried while others take its names, and give them back.
const nameTries = 3

// createPair makes both ends in one request. Where that is refused because a name is taken, nothing is ours to undo; it
// is tried again if the name gets free.
func (a *add) createPair(ctx context.Context) error {
	a.undo.push("delete the VLAN's gateway", a.leaveVLAN)
	if a.adopted {
		return nil
	}
	spec := a.pair()
	a.hostEnd = kernel.Link{Name: spec.Name, MAC: spec.MAC}
	a.undo.push("delete the veth pair", func(context.Context) error { return a.deletePair(spec) })
	for try := 1; ; try++ {
		err := a.host.AddLink(spec)
		if err == nil {
			return a.readPair(spec)
		}
		if !errors.Is(err, kernel.EEXIST) {
			return err
		}
		if refused := a.awaitNames(ctx); refused != nil {
			a.undo.pop()
			return refused
		}
		if try == nameTries {
			a.undo.pop()
			return types.NewError(types.ErrTryAgainLater, err.Error(), "the name was taken a moment ago, and is free now")
		}
	}
}

func (a *add) pair() kernel.LinkSpec {
	mac := a.config.MAC
	if mac == nil {
		mac = a.attachment.containerMAC(a.bootID)
	}
	nonce := strconv.FormatInt(a.machine.Now().UnixNano(), 10)
	return kernel.LinkSpec{
		Name: a.attachment.hostEnd(),
		Kind: kernel.KindVeth,
		MTU:  a.config.MTU,
		MAC:  a.attachment.hostMAC(a.bootID, nonce),
		Peer: kernel.PeerSpec{Name: a.env.ifname, MTU: a.config.MTU, MAC: mac, NetNS: a.container},
	}
}

// deletePair deletes the pair that this ADD made, which the host end's address proves: the request may have been
// carried out though it seemed to fail, and another ADD may have been first.
func (a *add) deletePair(spec kernel.LinkSpec) error {
	return deleteOwn(a.host, spec.Name, func(l kernel.Link) bool { return bytes.Equal(l.MAC, spec.MAC) })
}

// deleteOwn deletes the link with a name, if it is there, and ours.
func deleteOwn(ns kernel.NetNS, name string, owns func(kernel.Link) bool) error {
	l, err := ns.LinkByName(name)
	switch {
	case errors.Is(err, kernel.ENODEV):
		return nil
	case err != nil:
		return err
	case !owns(l):
		return nil
	}
	return deleteLink(ns, l.Index)
}

// deleteLink deletes a link; that it is gone already is no error.
func deleteLink(ns kernel.NetNS, index int) error {
	if err := ns.DeleteLink(index); err != nil && !errors.Is(err, kernel.ENODEV) {
		return err
	}
	return nil
}

// readPair reads the host end, which tells all of the container's that is not known: its index. It has the MTU that was
// asked for too, or the one of all veths.
func (a *add) readPair(spec kernel.LinkSpec) (err error) {
	l, err := a.host.LinkByName(spec.Name)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(l.MAC, spec.MAC):
		return types.NewError(types.ErrTryAgainLater, "the attachment was deleted and added anew meanwhile", "")
	}
	a.hostEnd = l
	a.containerEnd = kernel.Link{
		Name: spec.Peer.Name, Kind: spec.Kind, Index: a.hostEnd.Peer, MTU: a.hostEnd.MTU, MAC: spec.Peer.MAC,
	}
	return nil
}

// lease gets addresses. A failed ADD of the IPAM plugin is followed by its DEL; whatever that releases is this
// attachment's, since no other ADD of it can be under way. One may have been where the interface was on the bridge before.
func (a *add) lease(ctx context.Context) (err error) {
	if a.ipam == nil {
		a.leased = &types100.Result{}
		return nil
	}
	a.undo.push("release the addresses", func(ctx context.Context) error { return a.ipam.Del(ctx, a.request()) })
	if a.leased, err = a.ipam.Add(ctx, a.request()); err != nil {
		if a.adopted && a.hostEnd.Master != 0 && strings.Contains(err.Error(), hostlocal.Duplicate) {
			a.undo.pop() // no mark on the interface says whose the address is
		}
		return err
	}
	if len(a.leased.IPs) == 0 {
		return types.NewError(types.ErrInvalidNetworkConfig, "IPAM plugin returned missing IP config", "")
	}
	if err := completeResult(a.leased, a.config); err != nil {
		return err
	}
	a.layer3, err = newLayer3(a.leased)
	return err
}
