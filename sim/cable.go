package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/cable"
)

// A Cable joins two hosts of a world. At each of its ends is a network device that came with it: an Ethernet card, of no
// kind as ip-link(8) knows them, which can be moved to another namespace and renamed, but not deleted. Both have a
// carrier while both are up and the cable is not cut.
//
// A third host is joined by a second cable; hosts share a segment where one in the middle has its ends as ports of a
// bridge.
type Cable struct {
	world *World
	ends  [2]*link
	spec  CableSpec
	state cable.State
	cuts  int // how often it was cut: what was on it then never arrives
}

// A CableSpec says how a cable carries frames, in both directions. The zero value carries all at once (in HopDelay).
type CableSpec struct {
	// Delay is how long a frame is on its way, once it is sent.
	Delay time.Duration

	// Loss is the share of frames that never arrive, 0 to 1. Which ones depends on the world's seed.
	Loss float64

	// Rate is how many bits a second can be sent: those of the frames with their headers, without preamble and checksum,
	// as tc-netem(8) counts them. 0: any number.
	Rate int64

	// Limit is how many frames may wait at an end to be sent, where there is a Rate; what does not fit is dropped
	// (DropQueueFull), as by tc-pfifo(8). 0: DefaultQueue.
	Limit int
}

// DefaultQueue is how many frames wait at most for a cable: DEFAULT_TX_QUEUE_LEN.
const DefaultQueue = 1000

// A Plug is an end of a cable: a device of a host.
type Plug struct {
	Host   *Host
	Device string // "": the first of eth0, eth1, ... that is not there yet
}

// The limits of a card's MTU: drivers/net/ethernet/intel/e1000/e1000_main.c: e1000_probe.
const (
	minCardMTU = 46
	maxCardMTU = 16110
)

// Cable joins two hosts, or two devices of one. The devices come down, with the MACs of QEMU.
//
//	EINVAL  a name that no link may have; a host of another world; a spec out of range
//	ERANGE  a name of more than 15 bytes
//	EEXIST  the host itself has a link of the name
func (w *World) Cable(a, b Plug, spec CableSpec) (c *Cable, err error) {
	w.update(func() {
		var r *refusal
		c, r = w.newCable(a, b, spec)
		err = fail("cable add", a.Device+" "+b.Device, r)
	})
	return c, err
}

func (w *World) newCable(a, b Plug, spec CableSpec) (*Cable, *refusal) {
	if r := spec.check(); r != nil {
		return nil, r
	}
	c := &Cable{world: w, spec: spec}
	for i, p := range []Plug{a, b} {
		l, r := w.newCard(p)
		if r != nil {
			c.discard()
			return nil, r
		}
		l.card.cable, c.ends[i] = c, l
	}
	c.ends[0].card.far, c.ends[1].card.far = c.ends[1], c.ends[0]
	w.cables = append(w.cables, c)
	return c, nil
}

// check refuses what no cable can be.
func (s CableSpec) check() *refusal {
	if s.Delay < 0 || !(s.Loss >= 0 && s.Loss <= 1) || s.Rate < 0 || s.Limit < 0 {
		return refuse(kernel.EINVAL, "no cable has a negative delay, rate or limit, or a loss that is not 0 to 1")
	}
	return nil
}

// newCard makes the device at an end. (e1000_main.c: e1000_probe.)
func (w *World) newCard(p Plug) (*link, *refusal) {
	if p.Host == nil || p.Host.world != w {
		return nil, refuse(kernel.EINVAL, "a cable joins hosts of its own world")
	}
	if r := checkNameLength(p.Device); r != nil {
		return nil, r
	}
	ns := p.Host.self
	name, r := ns.newName(cable.CardName(p.Device))
	switch {
	case r != nil:
		return nil, r
	case !hasSysctls(name):
		return nil, refuse(kernel.EINVAL)
	}
	l := newDevice("", name, defaultMTU)
	l.mac = mac(cable.MAC(w.cards))
	w.cards++
	l.card = &card{rand: rand.New(rand.NewPCG(w.derive("card", l.mac), 0))}
	ns.insert(l, 0)
	l.setCarrier(false)
	return l, nil
}

// discard takes away what there is of a cable that did not come to be.
func (c *Cable) discard() {
	for _, l := range c.ends {
		if l != nil {
			l.unregister()
		}
	}
}

// Cables returns all cables of the world, in the order in which they were made.
func (w *World) Cables() (all []*Cable) {
	w.update(func() { all = slices.Clone(w.cables) })
	return all
}

// Ends returns where the cable's devices are now.
func (c *Cable) Ends() (ends [2]Place) {
	c.world.update(func() { ends = [2]Place{c.ends[0].place(), c.ends[1].place()} })
	return ends
}

// Spec returns how the cable carries frames.
func (c *Cable) Spec() (spec CableSpec) {
	c.world.update(func() { spec = c.spec })
	return spec
}

// State is what became of the cable.
func (c *Cable) State() (state cable.State) {
	c.world.update(func() { state = c.state })
	return state
}

// Change makes the cable another one. What is on it already arrives as it would have. EINVAL for a spec out of range.
func (c *Cable) Change(spec CableSpec) (err error) {
	c.world.update(func() {
		r := spec.check()
		if r == nil {
			c.spec = spec
		}
		err = fail("cable change", "", r)
	})
	return err
}

// Become cuts the cable, makes it a black hole, or mends it.
func (c *Cable) Become(state cable.State) {
	c.world.update(func() {
		if state == cable.Cut && c.state != cable.Cut {
			c.cuts++
		}
		c.state = state
		c.refreshCarriers()
	})
}

// refreshCarriers tells both ends whether they have a carrier. (e1000_main.c: e1000_watchdog.)
func (c *Cable) refreshCarriers() {
	carrier := c.state.HasCarrier(c.ends[0].up, c.ends[1].up)
	for _, l := range c.ends {
		if !carrier {
			l.purge()
		}
		l.setCarrier(carrier)
	}
}
