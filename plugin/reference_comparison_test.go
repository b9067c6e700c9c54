package plugin_test

import (
	"path"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A comparison is of all dialogues on one backend.
type comparison struct {
	new         func(t *testing.T) machine
	differences *differenceTable
	reference   reference // nil: there are recordings alone

	mu   sync.Mutex
	held map[string]bool // by name of the dialogue; false: this kernel could not
}

// compare holds a dialogue with the reference, if it is there, and with our plugin.
func (c *comparison) compare(t *testing.T, d dialogue, recorded account) {
	defer func() { c.note(d, !t.Skipped()) }()
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

func (c *comparison) note(d dialogue, held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[d.name()] = held
}

// wantAllMet demands of every row of DIFFERENCES.md that it occurs, if its dialogues were held.
func (c *comparison) wantAllMet(t *testing.T) {
	t.Helper()
	for i, row := range c.differences.rows {
		if !c.differences.met[i] && c.someHeld(row) {
			t.Errorf("stands in DIFFERENCES.md, and does not occur: %q", row)
		}
	}
}

// someHeld reports whether any of the dialogues that a row speaks of was held.
func (c *comparison) someHeld(row discrepancy) bool {
	for name, held := range c.held {
		if ok, err := path.Match(row.dialogue, name); held && (ok || err != nil) {
			return true
		}
	}
	return false
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
