package bench

import "fmt"

// A Target bounds a row's figure: the ratio of our side to the other, or our side alone.
type Target struct {
	kind  targetKind
	bound float64
}

type targetKind int

const (
	noTarget targetKind = iota
	ratioAtMost
	ratioAtLeast
	valueAtMost
)

// RatioAtMost wants ours / other to be no more than the bound.
func RatioAtMost(bound float64) Target { return Target{ratioAtMost, bound} }

// RatioAtLeast wants ours / other to be no less than the bound.
func RatioAtLeast(bound float64) Target { return Target{ratioAtLeast, bound} }

// AtMost wants our side to be no more than the bound, in the base unit.
func AtMost(bound float64) Target { return Target{valueAtMost, bound} }

// held reports whether a figure is as is wanted.
func (t Target) held(ours, ratio float64) bool {
	switch t.kind {
	case ratioAtMost:
		return ratio <= t.bound
	case ratioAtLeast:
		return ratio >= t.bound
	case valueAtMost:
		return ours <= t.bound
	}
	return true
}

// in says what is wanted, with values of a unit.
func (t Target) in(u Unit) string {
	switch t.kind {
	case ratioAtMost:
		return fmt.Sprintf("ratio ≤ %g", t.bound)
	case ratioAtLeast:
		return fmt.Sprintf("ratio ≥ %g", t.bound)
	case valueAtMost:
		return "≤ " + u.bound(t.bound)
	}
	return "–"
}
