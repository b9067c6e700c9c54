package lockstep

import (
	"fmt"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// Scenario returns the difference as a scenario: the operations, each with the errno that the reference answered, and
// the state that the reference had in the end. rerun is the line that runs it.
func (d *Difference) Scenario(reference, rerun string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s and another kernel differ here.\n", reference)
	for line := range strings.Lines(d.String()) {
		fmt.Fprintf(&b, "# %s\n", strings.TrimSpace(line))
	}
	fmt.Fprintf(&b, "# Run it again: %s\n", rerun)
	for i, o := range d.Sequence {
		if i < len(d.answers) && d.answers[i].err != nil {
			fmt.Fprintf(&b, "! %s\nstderr %s\n", o, d.answers[i].errno.Name())
			continue
		}
		fmt.Fprintln(&b, o)
		if i < len(d.answers) && isProbe(o) {
			b.WriteString(said(d.answers[i].printed))
		}
	}
	if d.State != "" {
		fmt.Fprintf(&b, "expect end\n\n-- end --\n%s", d.expectation())
	}
	return b.String()
}

// expectation is the end as a file of "expect": what the reference has, and what it has not and the other has.
func (d *Difference) expectation() string {
	absent := map[string][]string{}
	for line := range strings.Lines(d.State) {
		netns, object, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "+ "), ": ")
		if ok && strings.HasPrefix(line, "+") && !d.hasLike(netns, object) {
			absent[netns] = append(absent[netns], object)
		}
	}
	var b strings.Builder
	for _, o := range d.end {
		if o.Noun != kernel.NounNetNS {
			fmt.Fprintf(&b, "  %s\n", o)
			continue
		}
		fmt.Fprintf(&b, "%s\n", o)
		for _, object := range absent[o.Name] {
			fmt.Fprintf(&b, "  ! %s\n", object)
		}
	}
	return b.String()
}

// hasLike reports whether the reference has an object of that noun and name, which is expected as it is there.
func (d *Difference) hasLike(netns, object string) bool {
	for _, o := range d.end {
		if o.NetNS == netns && strings.HasPrefix(object+" ", o.Noun+" "+o.Name+" ") {
			return true
		}
	}
	return false
}
