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
	links, err := r.Links()
	for _, l := range links {
		if l.Index == index {
			say(r.to, fmt.Sprintf("delete link %s (%s)", l.Name, l.Alias))
			r.gone[index], r.gone[l.Peer] = true, true
		}
	}
	return err
}

func (r *rehearsal) ChangeRuleset(b kernel.FilterBackend, changes []kernel.FilterChange) error {
	for i := range changes {
		say(r.to, "do "+describeChange(b, &changes[i]))
	}
	return nil
}
