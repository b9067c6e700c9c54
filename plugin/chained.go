package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// CONVENTIONS.md, "Chained Plugins": "the bridge plugin adds the host-side interface to a bridge. So, it should accept
// any previous result that includes a host-side interface, including tap devices. If not called as a chained plugin, it
// creates a veth pair first."
//
// Such an interface is adopted: it becomes a port of the bridge, and its addresses are told to whoever is behind it,
// into which the plugin has no way. Its alias says whose it is, and with that, that it was this plugin who attached it:
// what was on the bridge before is left as it is. DEL takes it off the bridge, and leaves it to the plugin that made it.

// hostSide returns the index of the first interface in a previous result that is the host's, and neither the bridge nor
// a VLAN's gateway; -1 where there is none.
func hostSide(prev *types100.Result, c config.Config) int {
	if prev == nil {
		return -1
	}
	return slices.IndexFunc(prev.Interfaces, func(i *types100.Interface) bool {
		return isHostSide(i) && i.Name != c.Bridge && i.Name != c.VLANGateway()
	})
}

// isHostSide reports whether an interface of a result is the host's, and has a name that a link can have.
func isHostSide(i *types100.Interface) bool {
	return i != nil && i.Sandbox == "" && config.ValidateLinkName(i.Name) == nil
}

// adopt finds the interface that the plugin before has made. One that is not there, or is plugged in elsewhere, is
// none, and there is a veth pair as without a chain. One that the attachment has adopted already is refused, before the
// address that it has would be given back.
func (a *add) adopt() error {
	at := hostSide(a.config.PrevResult, a.config)
	if at < 0 {
		return nil
	}
	link, err := a.host.LinkByName(a.config.PrevResult.Interfaces[at].Name)
	switch {
	case errors.Is(err, kernel.ENODEV):
		return nil
	case err != nil:
		return err
	case link.Kind == kernel.KindBridge, link.Name == "lo":
		return nil
	}
	if _, ours := a.attachment.noteOf(link); ours {
		return a.attachmentExists(link.Name, "call DEL first")
	}
	if link.Master != 0 {
		bridge, err := a.host.LinkByName(a.config.Bridge)
		if err != nil && !errors.Is(err, kernel.ENODEV) {
			return err
		}
		if link.Master != bridge.Index {
			return nil
		}
	}
	a.adopted, a.adoptedAt, a.hostEnd = true, at, link
	return nil
}

// noteBefore divides an adopted link's alias of ours from what it was before.
const noteBefore = " was:"

// adoptedAlias marks a link, and keeps its note.
func (a attachment) adoptedAlias(note string) (string, error) {
	mark := a.alias()
	if note != "" {
		mark += noteBefore + note
	}
	if len(mark) > maxAlias {
		return "", types.NewError(types.ErrInvalidNetworkConfig, fmt.Sprintf("the alias %q is too long to be kept", note),
			"the plugin notes in the alias of the interface whose it is; take it away")
	}
	return mark, nil
}

// noteOf returns the alias that a link of the attachment had before it was adopted.
func (a attachment) noteOf(l kernel.Link) (note string, adopted bool) {
	rest, ok := strings.CutPrefix(l.Alias, a.alias())
	note, noted := strings.CutPrefix(rest, noteBefore)
	return note, ok && (rest == "" || noted) && l.Name != a.hostEnd()
}

// attachAdopted makes the adopted link a port, once it says whose it is.
func (s *section) attachAdopted() error {
	if s.hostEnd.Master == s.bridge.Index {
		return nil
	}
	alias, err := s.attachment.adoptedAlias(s.hostEnd.Alias)
	if err != nil {
		return err
	}
	before := s.hostEnd
	if !before.Up {
		if err := s.keepAddresses(before); err != nil {
			return err
		}
	}
	s.undo.push("give the interface its alias back", func(context.Context) error {
		return ifThere(s.host.ChangeLink(before.Index, kernel.LinkChange{Alias: &before.Alias}))
	})
	if err := s.host.ChangeLink(before.Index, kernel.LinkChange{Alias: &alias}); err != nil {
		return err
	}
	s.undo.push("take the interface off the bridge", func(context.Context) error {
		return ifThere(s.host.ChangeLink(before.Index, kernel.LinkChange{Master: new(0), Up: &before.Up}))
	})
	return s.host.ChangeLink(before.Index, kernel.LinkChange{Master: &s.bridge.Index, Up: new(true)})
}

// isOthersPort reports whether the host end was on the bridge before, so that its modes and VLANs are not ours to set.
func (s *section) isOthersPort() bool { return s.adopted && s.hostEnd.Master == s.bridge.Index }

// ifThere makes it no error that a link is gone.
func ifThere(err error) error {
	if errors.Is(err, kernel.ENODEV) {
		return nil
	}
	return err
}

// giveBackAdopted takes what ADD has adopted off the bridge. prevResult says which link that is; where it tells neither
// of one nor of a host end of ours, all are looked at.
func (c *call) giveBackAdopted(_ context.Context, host kernel.NetNS) error {
	links, err := c.candidates(host)
	if err != nil {
		return err
	}
	for _, l := range links {
		if note, ok := c.attachment().noteOf(l); ok {
			if err := giveBack(host, l, note); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *call) candidates(host kernel.NetNS) (links []kernel.Link, err error) {
	bridge, hostEnd, told := config.FindBridge(c.stdin), c.attachment().hostEnd(), false
	for _, i := range c.previousInterfaces() {
		if !isHostSide(i) || i.Name == bridge {
			continue
		}
		told = true
		if i.Name == hostEnd {
			continue
		}
		l, err := host.LinkByName(i.Name)
		switch {
		case errors.Is(err, kernel.ENODEV):
			continue
		case err != nil:
			return nil, err
		}
		links = append(links, l)
	}
	if !told {
		return host.Links()
	}
	return links, nil
}

// giveBack takes the mark away last, so that a second DEL finds what the first one could not do.
func giveBack(host kernel.NetNS, l kernel.Link, note string) error {
	if l.Master != 0 {
		if err := ifThere(host.ChangeLink(l.Index, kernel.LinkChange{Master: new(0)})); err != nil {
			return err
		}
	}
	return ifThere(host.ChangeLink(l.Index, kernel.LinkChange{Alias: &note}))
}

// giveBackStale is giveBackAdopted for all attachments of the network but those that are valid.
func (c *call) giveBackStale(host kernel.NetNS, links []kernel.Link, valid []types.GCAttachment) error {
	var failures []error
	for _, l := range links {
		mark, note, _ := strings.Cut(l.Alias, noteBefore)
		if isHostEndOf(c.network.Name, l) || !strings.HasPrefix(mark, asAlias(c.network.Name+"/")) {
			continue
		}
		isThis := func(v types.GCAttachment) bool {
			return attachment{c.network.Name, v.ContainerID, v.IfName}.alias() == mark
		}
		if !slices.ContainsFunc(valid, isThis) {
			failures = append(failures, giveBack(host, l, note))
		}
	}
	return errors.Join(failures...)
}

// findAdopted decides whether the attachment is one whose host end ADD has adopted: its result has no host end of ours.
func (k *check) findAdopted() (at int, ok bool) {
	isOurs := func(i *types100.Interface) bool {
		return isHostSide(i) && i.Name == k.attachment().hostEnd()
	}
	at = hostSide(k.prev, k.config)
	return at, at >= 0 && !slices.ContainsFunc(k.prev.Interfaces, isOurs)
}

// checkAdopted looks at the adopted link as at a host end. Its state is not the plugin's to judge: who is behind it may
// not have started yet.
func (k *check) checkAdopted() error {
	link, err := k.host.LinkByName(k.own.Name)
	switch {
	case errors.Is(err, kernel.ENODEV):
		k.missing("no link %s in netns %s", k.own.Name, k.host.Name())
		return nil
	case err != nil:
		return err
	}
	if _, ours := k.attachment().noteOf(link); !ours {
		if k.bridge.Index != 0 && link.Master != k.bridge.Index {
			k.missing("%s is not a port of bridge %s", link.Name, k.bridge.Name)
		}
		return nil
	}
	k.hostEnd = link
	k.checkPort()
	return nil
}
