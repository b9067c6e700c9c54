package lockstep

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// TestLostByChance: a difference is none where two links wanted one address and it was lost, and is one where it was lost
// by the only link that wanted it, or by nobody.
func TestLostByChance(t *testing.T) {
	on := func(dev string, more ...kernel.Attr) kernel.Object {
		return kernel.Object{
			Noun: kernel.NounAddress, Name: "fe80::1/64", Attrs: append([]kernel.Attr{{Key: "dev", Value: dev}}, more...),
		}
	}
	failed := kernel.Attr{Key: "dadfailed", Value: "yes"}
	for name, c := range map[string]struct {
		end  kernel.Snapshot
		none bool
	}{
		"one of two":  {kernel.Snapshot{on("v0", failed), on("v1")}, true},
		"the only":    {kernel.Snapshot{on("v0", failed)}, false},
		"none of two": {kernel.Snapshot{on("v0"), on("v1")}, false},
	} {
		if d := (&Difference{end: c.end}).unlessRaced(); (d == nil) != c.none {
			t.Errorf("%s: a difference: %v", name, d != nil)
		}
	}
}
