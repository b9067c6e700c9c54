//go:build linux

package linux

import (
	"cmp"
	"errors"
	"path"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/cable"
)

// A Cable joins two hosts of this process. At each of its ends is a network device that came with it, a card: it can be
// moved to another namespace and renamed. Both have a carrier while both are up and the cable is not cut.
//
// A card is one end of a veth; the other is, with that of the other card, in a namespace that nobody else knows, where
// both are ports of a bridge that learns nothing. Between two ends of one veth there would be no cable to be cut: they
// have a carrier whenever both are up. Frames that bridges keep to themselves (IEEE 802.1D: those to 01:80:c2:00:00:00 to
// :02) do not get across.
//
// What makes a card lose or get its carrier is done by Refresh. The methods may be called concurrently.
type Cable struct {
	wire *Host // of which Self is where the cable is
	ns   kernel.NetNS
	ends [2]*cableEnd

	mu    sync.Mutex // held while the state becomes another, or is carried out
	state cable.State
}

// A cableEnd is where a card is plugged in.
type cableEnd struct {
	host  kernel.Host
	index int // of the link that is the cable's, by which the card knows it
}

// A Plug says what card a cable is to have at one end.
type Plug struct {
	Host   kernel.Host // of this package
	Device string      // "": the first of eth0, eth1, ... that is not there yet
}

// cards counts those that this process has made.
var cards atomic.Int32

// firstCardIndex is what cards are numbered from. Both ends of a card's veth have the same index, which no other link has:
// where they have not, the card is LOWERLAYERDOWN without a carrier, instead of DOWN, on Linux 6.1 always, and on 6.18 if a
// link of its own namespace has the index of the other end and no carrier either (default_operstate,
// net/core/link_watch.c).
const firstCardIndex = 1 << 30

// NewCable joins two hosts, or two devices of one. The cards come down, with the MACs of QEMU. Close the cable before the
// hosts.
//
//	EINVAL  a name that no link may have
//	ERANGE  a name of more than 15 bytes
//	EEXIST  the host itself has a link of the name
//	EPERM   the caller may not make namespaces
func NewCable(a, b Plug) (*Cable, error) {
	wire, err := NewIsolated()
	if err != nil {
		return nil, err
	}
	ns, err := wire.Self()
	if err != nil {
		wire.Close()
		return nil, err
	}
	c := &Cable{wire: wire, ns: ns}
	if err := c.lay(a, b); err != nil {
		c.Close()
		return nil, fail("cable add", "", a.Device+" "+b.Device, err)
	}
	return c, nil
}

// Close takes the cable away, with its cards wherever they are; on Linux that takes some milliseconds more.
func (c *Cable) Close() {
	c.ns.Close()
	c.wire.Close()
}

func (c *Cable) lay(a, b Plug) error {
	// What IPv6 says by itself on each link that is up would come out of the cable.
	err := c.ns.SetSysctl("net/ipv6/conf/default/disable_ipv6", "1")
	if err != nil && !errors.Is(err, kernel.ENOENT) {
		return err
	}
	bridge, err := c.ns.(*NetNS).addHub("hub")
	if err != nil {
		return err
	}
	for i, plug := range []Plug{a, b} {
		if c.ends[i], err = c.plug(plug, bridge); err != nil {
			return err
		}
	}
	return nil
}

// Attributes of bridges; include/uapi/linux/if_link.h.
const (
	brAgeingTime      = 4
	brGroupFwdMask    = 9
	brMcastSnooping   = 23
	mayBeForwarded    = 0xfff8 // but BR_GROUPFWD_RESTRICTED, net/bridge/br_private.h
	neverLearns       = 0      // br_fdb_update, net/bridge/br_fdb.c
	forwardsMulticast = 0
)

// addHub makes a bridge that sends out by all other ports what comes in by one, and returns its index.
func (ns *NetNS) addHub(name string) (index int, err error) {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddChild(attrString(unix.IFLA_INFO_KIND, kernel.KindBridge))
	data := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	data.AddRtAttr(brAgeingTime, nl.Uint32Attr(neverLearns))
	data.AddRtAttr(brGroupFwdMask, nl.Uint16Attr(mayBeForwarded))
	data.AddRtAttr(brMcastSnooping, nl.Uint8Attr(forwardsMulticast))
	if err := ns.sendLink(kernel.LinkSpec{Name: name, Kind: kernel.KindBridge, Up: true}, info); err != nil {
		return 0, err
	}
	hub, err := ns.linkByName(name)
	return hub.Index, err
}

// plug makes a card, and the port of the hub behind it.
func (c *Cable) plug(p Plug, hub int) (*cableEnd, error) {
	self, err := p.Host.Self()
	if err != nil {
		return nil, err
	}
	defer self.Close()
	number := int(cards.Add(1) - 1)
	index := firstCardIndex + number
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddChild(attrString(unix.IFLA_INFO_KIND, kernel.KindVeth))
	return &cableEnd{p.Host, index}, c.ns.(*NetNS).addVeth(index, kernel.LinkSpec{
		Name: "port" + strconv.Itoa(number), Kind: kernel.KindVeth, MTU: kernel.MaxMTU, Master: hub,
		Peer: kernel.PeerSpec{Name: cable.CardName(p.Device), MAC: cable.MAC(number), NetNS: self},
	}, info)
}

// A Place is where a card is.
type Place struct {
	NetNS  string // the label of a namespace: "host", or its name below kernel.NetNSDir
	Device string
}

// Ends returns where the cards are; the zero Place is in no namespace that has a name, or nowhere any more.
func (c *Cable) Ends() (ends [2]Place, err error) {
	for i, end := range c.ends {
		found, err := end.find()
		if err != nil {
			return ends, err
		}
		ends[i] = found.at
	}
	return ends, nil
}

// State is what became of the cable.
func (c *Cable) State() cable.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Become cuts the cable, makes it a black hole, or mends it.
func (c *Cable) Become(state cable.State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
	for _, end := range c.ends {
		isolated := kernel.PortChange{Isolated: new(state == cable.Blackhole)}
		if err := unlessDeleted(c.ns.ChangePort(end.index, isolated)); err != nil {
			return err
		}
	}
	return c.refresh()
}

// Refresh gives the cards a carrier while both are up and the cable is not cut. It is to be called when either may have
// been set up or down, moved or deleted. No card is no error.
func (c *Cable) Refresh() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refresh()
}

func (c *Cable) refresh() error {
	var up [2]bool
	for i, end := range c.ends {
		found, err := end.find()
		if err != nil {
			return err
		}
		up[i] = found.up
	}
	carrier := c.state.HasCarrier(up[0], up[1])
	var errs [2]error
	for i, end := range c.ends {
		errs[i] = unlessDeleted(c.ns.ChangeLink(end.index, kernel.LinkChange{Up: new(carrier)}))
	}
	return cmp.Or(errs[0], errs[1])
}

// unlessDeleted forgets that an end is not there, because its card was deleted.
func unlessDeleted(err error) error {
	if errors.Is(err, kernel.ENODEV) {
		return nil
	}
	return err
}

// A foundCard is what was found of one; the zero value where it was not.
type foundCard struct {
	at Place
	up bool
}

// find looks for the card of an end in the host's own namespace, and in those with a name.
func (e *cableEnd) find() (foundCard, error) {
	self, err := e.host.Self()
	if err != nil {
		return foundCard{}, err
	}
	found, err := e.findIn(self)
	if err != nil || found.at != (Place{}) {
		return found, err
	}
	entries, err := e.host.ReadDir(kernel.NetNSDir)
	if err != nil && !errors.Is(err, kernel.ENOENT) {
		return foundCard{}, err
	}
	for _, entry := range entries {
		ns, err := e.host.OpenNetNS(path.Join(kernel.NetNSDir, entry.Name()))
		if err != nil {
			continue // it is none, or gone
		}
		if found, err := e.findIn(ns); err != nil || found.at != (Place{}) {
			return found, err
		}
	}
	return foundCard{}, nil
}

// findIn looks for the card in a namespace, which it closes.
func (e *cableEnd) findIn(ns kernel.NetNS) (foundCard, error) {
	defer ns.Close()
	links, err := ns.Links()
	for _, l := range links {
		if l.Kind == kernel.KindVeth && !l.PeerHere && l.Peer == e.index {
			return foundCard{Place{ns.Name(), l.Name}, l.Up}, nil
		}
	}
	return foundCard{}, err
}
