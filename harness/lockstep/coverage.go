package lockstep

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel/operation"
)

// A Pair is an operation and what it was answered.
type Pair struct {
	Op    string // "link add"
	Errno string // "EEXIST"; "ok"
}

// Coverage counts the answers of the reference.
type Coverage map[Pair]int

func (c Coverage) add(o operation.Operation, a answer) { c[Pair{o.Op(), a.Name()}]++ }

func (c Coverage) addAll(other Coverage) {
	for p, n := range other {
		c[p] += n
	}
}

// Ops is how many operations there were.
func (c Coverage) Ops() int {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return sum
}

// Succeeded is the part of the operations that succeeded, from 0 to 1.
func (c Coverage) Succeeded() float64 {
	sum := 0
	for p, n := range c {
		if p.Errno == "ok" {
			sum += n
		}
	}
	return float64(sum) / float64(max(c.Ops(), 1))
}

// Pairs returns all that occurred, sorted.
func (c Coverage) Pairs() []Pair { return slices.SortedFunc(maps.Keys(c), comparePairs) }

func comparePairs(a, b Pair) int {
	return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Errno, b.Errno))
}

// String is the table, a line for each operation.
func (c Coverage) String() string {
	lines := map[string][]string{}
	for _, p := range c.Pairs() {
		lines[p.Op] = append(lines[p.Op], fmt.Sprintf("%s %d", p.Errno, c[p]))
	}
	var b strings.Builder
	for _, op := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&b, "%-17s %s\n", op, strings.Join(lines[op], ", "))
	}
	return b.String()
}

// Rare returns those of the pairs that occurred less often than that. Pairs of operations that sequences do not have
// (files, programs, probes) are left out.
func (c Coverage) Rare(known []Pair, than int) []Pair {
	ops := map[string]bool{}
	for p := range c {
		ops[p.Op] = true
	}
	var rare []Pair
	for _, p := range known {
		if ops[p.Op] && c[p] < than {
			rare = append(rare, p)
		}
	}
	slices.SortFunc(rare, comparePairs)
	return slices.Compact(rare)
}
