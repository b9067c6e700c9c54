package operation

import (
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// A LinkSet changes a link. Of Change, NetNS is not used, and Master only as 0, which takes the link off its bridge.
type LinkSet struct {
	NetNS, Link string
	Change      kernel.LinkChange
	Master      *string // the bridge it becomes a port of; nil: as Change.Master says
	To          *string // the namespace it is moved to; nil: it stays
}

func readLinkSet(netns string, r *words.Reader) (Operation, error) {
	o := LinkSet{NetNS: netns}
	r.Skip("dev")
	var err error
	if o.Link, err = r.Next("NAME"); err != nil {
		return nil, err
	}
	if len(r.Rest) == 0 {
		return nil, r.Wrong("what to set is missing")
	}
	if r.Rest[0] == "type" {
		return readBridgeSet(netns, o.Link, r)
	}
	c := &o.Change
	err = r.Keywords(words.Keywords{
		"up":       words.Set(&c.Up, new(true)),
		"down":     words.Set(&c.Up, new(false)),
		"mtu":      words.Value(r, "MTU", &c.MTU, words.Pointer(words.Int)),
		"address":  words.Value(r, "MAC", &c.MAC, words.MAC),
		"name":     words.Value(r, "NEW", &c.Name, words.Pointer(words.String)),
		"alias":    words.Value(r, "TEXT", &c.Alias, words.Pointer(words.String)),
		"master":   words.Value(r, "BRIDGE", &o.Master, words.Pointer(words.String)),
		"nomaster": words.Set(&c.Master, new(0)),
		"promisc":  words.Value(r, "switch (on or off)", &c.Promisc, words.Pointer(words.Switch)),
		"netns":    words.Value(r, "NS", &o.To, words.Pointer(words.String)),
	})
	return o, err
}

func (o LinkSet) String() string {
	l := lineOf(o.NetNS, "ip link set")
	l.quoted(o.Link)
	c := o.Change
	set(&l, "netns", o.To)
	set(&l, "name", c.Name)
	if c.MAC != nil {
		l.add("address", words.Quote(c.MAC.String()))
	}
	set(&l, "mtu", c.MTU)
	set(&l, "alias", c.Alias)
	set(&l, "master", o.Master)
	l.flag(o.Master == nil && c.Master != nil, "nomaster")
	onOff(&l, "promisc", c.Promisc)
	if c.Up != nil {
		l.flag(*c.Up, "up")
		l.flag(!*c.Up, "down")
	}
	return l.String()
}

// Op implements Operation.
func (o LinkSet) Op() string { return "link set" }

// In implements Operation.
func (o LinkSet) In() string { return o.NetNS }

// Apply implements Operation.
func (o LinkSet) Apply(h kernel.Host) (string, error) {
	return "", onLink(h, o.NetNS, o.Link, func(ns kernel.NetNS, link int) error {
		change := o.Change
		if o.Master != nil {
			master, err := IndexOf(ns, *o.Master)
			if err != nil {
				return err
			}
			change.Master = &master
		}
		return with(h, o.To, func(other kernel.NetNS) error {
			change.NetNS = other
			return ns.ChangeLink(link, change)
		})
	})
}
