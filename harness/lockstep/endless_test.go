package lockstep

import (
	"fmt"
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// TestLongestWalk: chains in a row are no labyrinth, however long it is; three ways from each to the next are.
func TestLongestWalk(t *testing.T) {
	for ways, want := range map[int]bool{1: false, 2: false, 3: true} {
		var changes []kernel.FilterChange
		for i := range 40 {
			for range ways {
				changes = append(changes, kernel.FilterChange{
					Do: kernel.AddRule, Family: "bridge", Table: "t", Chain: fmt.Sprint("c", i),
					Rule: kernel.FilterRule{Action: kernel.Jump, Target: fmt.Sprint("c", i+1)},
				})
			}
		}
		if n := longestWalk(leads(nil, changes)); n > longWalk != want {
			t.Errorf("%d ways from each chain: %.0f steps", ways, n)
		}
	}
}
