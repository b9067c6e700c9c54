package plugin

import (
	"fmt"
	"io"

	"github.com/cnilab/cnilab/kernel"
)

// rehearse is the variable by which GC only says, on standard error, what it would delete: CNILAB_GC_DRYRUN=1.
const rehearse = "CNILAB_GC_DRYRUN"

// A rehearsal is a namespace in which GC deletes nothing. It says what it would, and goes on as if it had.
type rehearsal struct {
	kernel.NetNS
	to   io.Writer
	gone map[int]bool
}

// say goes to whoever reads the plugin's standard error; that nobody does is no failure.
func say(to io.Writer, what string) { _, _ = fmt.Fprintf(to, "GC would %s\n", what) }

func (r *rehearsal) Links() ([]kernel.Link, error) {
	all, err := r.NetNS.Links()
	var links []kernel.Link
	for _, l := range all {
		if !r.gone[l.Index] {
			links = append(links, l)
		}
	}
	return links, err
}

func (r *rehearsal) DeleteLink(index int) error {
	l, err := r.sayOf(index, "delete link %s (%s)")
	r.gone[index] = true
	if l.PeerHere { // else the number is another namespace's
		r.gone[l.Peer] = true
	}
	return err
}

// ChangeLink is called for what was adopted.
func (r *rehearsal) ChangeLink(index int, change kernel.LinkChange) error {
	what := "take link %s (%s) off its bridge"
	if change.Alias != nil {
		what = "give link %s (%s) its alias back"
	}
	_, err := r.sayOf(index, what)
	return err
}

// sayOf says what would become of a link, by name and alias.
func (r *rehearsal) sayOf(index int, what string) (kernel.Link, error) {
	links, err := r.Links()
	for _, l := range links {
		if l.Index == index {
			say(r.to, fmt.Sprintf(what, l.Name, l.Alias))
			return l, err
		}
	}
	return kernel.Link{}, err
}

func (r *rehearsal) ChangeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	for i := range changes {
		say(r.to, "do "+describeChange(b, &changes[i]))
	}
	return nil
}
