package plugin_test

import (
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A comparison is of all dialogues on one backend.
type comparison struct {
	new         func(t *testing.T) machine
	differences *differenceTable
	reference   reference // nil: there are recordings alone
	held        atomic.Int64
}

// compare holds a dialogue with the reference, if it is there, and with our plugin.
func (c *comparison) compare(t *testing.T, d dialogue, recorded account) {
	c.held.Add(1)
	if c.reference != nil {
		now := c.reference(t, d, recorded.isAsBefore)
		if diff := cmp.Diff(recorded, now, cmp.AllowUnexported(entry{})); diff != "" {
			t.Errorf("the reference is not as recorded (%s):\n-recorded +reference\n%s", howToRecord, diff)
		}
	}
	l := newLab(t, c.new(t))
	ours := (&listener{lab: l, call: l.call, settled: func(at int, state string) bool {
		found := compare(d.name(), recorded.at(at), entry{step: recorded.at(at).step, text: state})
		return len(c.differences.unlisted(found)) == 0
	}}).hold(d)
	c.compareAccounts(t, d.name(), recorded, ours)
}

// at is the entry, or an empty one behind the last.
func (a account) at(i int) entry {
	if i < len(a) {
		return a[i]
	}
	return entry{}
}

func (a account) isAsBefore(at int, state string) bool { return a.at(at).text == state }

func (c *comparison) compareAccounts(t *testing.T, dialogue string, reference, ours account) {
	if len(ours) != len(reference) {
		t.Errorf("%d entries, and %d of the reference", len(ours), len(reference))
		return
	}
	for i := range reference {
		found := compare(dialogue, reference[i], ours[i])
		for _, unlisted := range c.differences.unlisted(found) {
			t.Errorf("not in DIFFERENCES.md: %q", unlisted)
		}
		c.differences.meet(found)
	}
}
