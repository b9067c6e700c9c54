package scenario

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func stateForms() []form {
	return []form{
		{
			"snapshot", "snapshot NAME", "keep the state of the machine, as the file NAME too;" +
				" without what Linux adds by itself in time (operational states, IPv6 link-local); of files, those below " +
				strings.Join(stateFolders, " and "),
			(*session).keepSnapshot,
		},
		{
			"same", "same NAME", "the machine has, or gets within two seconds, the state of the snapshot",
			(*session).same,
		},
		{
			"expect", "expect FILE", "the machine has, or gets within two seconds, the state that FILE says;" +
				" its lines are those of a snapshot, with only what matters stated; of files, those below " +
				strings.Join(stateFolders, " and "),
			(*session).expect,
		},
		{
			"jsoncmp", "jsoncmp FILE1 FILE2", "all that FILE2, a JSON document, states is so in FILE1, and lists are as long",
			(*session).compareJSON,
		},
	}
}

// stateFolders are those whose files belong to the state of the machine: what plugins have handed out or noted, whosever
// they are, and what runtimes know of attachments.
var stateFolders = []string{"/var/lib/cni", "/run/cni"}

// lasting leaves out of a state what follows from the rest sooner or later: operational states, and what IPv6 does by
// itself on a link that is up. Two states are compared without.
func lasting(state kernel.Snapshot) kernel.Snapshot {
	var kept kernel.Snapshot
	for _, o := range state {
		if isAutomatic(o) {
			continue
		}
		o.Attrs = slices.DeleteFunc(slices.Clone(o.Attrs), func(a kernel.Attr) bool {
			return a.Key == "oper" || a.Key == "tentative"
		})
		kept = append(kept, o)
	}
	return kept
}

// isAutomatic knows link-local IPv6 addresses, the routes to them and to multicast, and those that an IPv6 address gets
// when its duplicate address detection ends.
func isAutomatic(o kernel.Object) bool {
	prefix, err := netip.ParsePrefix(o.Name)
	if err != nil || prefix.Addr().Is4() {
		return false
	}
	table, _ := o.Attr("table")
	return prefix.Addr().IsLinkLocalUnicast() || o.Noun == kernel.NounRoute && table == "local"
}

// isBookkeeping knows what host-local keeps on purpose when an address is given back: its lock, where to go on, and an
// index of what other files say.
func isBookkeeping(o kernel.Object) bool {
	base := path.Base(o.Name)
	return o.Noun == kernel.NounFile &&
		(base == "lock" || strings.HasPrefix(base, "last_reserved_ip.") || strings.HasSuffix(base, ".index"))
}

// show prints what a snapshot of a namespace says of some objects.
func (s *session) show(netns string, wanted func(kernel.Object) bool) (string, error) {
	// The kernel's own error for a namespace that is not there.
	if err := s.in(netns, func(kernel.NetNS) error { return nil }); err != nil {
		return "", err
	}
	state, err := s.node.take(stateFolders...)
	var out strings.Builder
	for _, o := range state {
		if o.NetNS == netns && wanted(o) {
			fmt.Fprintln(&out, o)
		}
	}
	return out.String(), err
}

func (s *session) keepSnapshot(_ string, w *words.Reader) (string, error) {
	var name string
	if err := w.Only("NAME", &name); err != nil {
		return "", err
	}
	state, err := s.take(stateFolders...)
	if err != nil {
		return "", err
	}
	if s.snapshots == nil {
		s.snapshots = map[string]kernel.Snapshot{}
	}
	state = lasting(state)
	s.snapshots[name] = state
	s.files.write(name, state.String())
	return "", nil
}

func (s *session) same(_ string, w *words.Reader) (string, error) {
	var name string
	if err := w.Only("NAME", &name); err != nil {
		return "", err
	}
	want, ok := s.snapshots[name]
	if !ok {
		return "", w.Wrong("no snapshot %q was taken before", name)
	}
	return "", s.settle(func(got kernel.Snapshot) error {
		if diff := kernel.Diff(want, lasting(got)); diff != "" {
			return fmt.Errorf("the machine is not as in snapshot %s (- then, + now)\n%s", name, diff)
		}
		return nil
	})
}

// Linux does some things behind the caller's back: what dies with a namespace, operational states, duplicate address
// detection. A comparison waits for them.
const (
	settleTime  = 2 * time.Second
	settlePause = 10 * time.Millisecond
)

// settle compares the state until it is right, or for settleTime of the machine's clock.
func (s *session) settle(compare func(kernel.Snapshot) error) error {
	deadline := s.host.Now().Add(settleTime)
	for {
		state, err := s.take(stateFolders...)
		if err == nil {
			err = compare(state)
		}
		if err == nil || !s.host.Now().Before(deadline) {
			return err
		}
		if err := s.host.Sleep(s.ctx, settlePause); err != nil {
			return err
		}
	}
}
