package bench

import (
	"context"
	"fmt"
)

// A Row is one figure: its sides, and what is wanted of them.
type Row struct {
	Section string  // the heading that it stands below
	Name    string  // short and without spaces, to choose rows by
	What    string  // what is measured, for people
	Unit    Unit    // of the readings
	Ours    Reading // what is judged
	Other   Reading // what it is held against; the zero Reading: nothing
	Target  Target  // the zero Target: none, the figure is shown for comparison
	Reason  string  // why the target is not met, where that is known; it is shown only where it is not met
}

// A Reading is one of the values that a source gives.
type Reading struct {
	Of    Source
	Value string // by its name in Values
}

// A Source can be measured again and again. Sources are compared with ==: what is equal is set up and measured once for all
// rows.
type Source interface {
	// Label says whose values these are, in a word or two.
	Label() string

	// PerRound is how often it is measured each round, at least once: the quicker and the noisier, the more often.
	PerRound() int

	// SetUp makes ready what is measured; Lacking where it cannot be measured here.
	SetUp(ctx context.Context) (Measure, error)
}

// A Measure measures a source once.
type Measure func(ctx context.Context) (Values, error)

// Values are what a source gives at once, by name, in the base unit: seconds, bytes, bits per second, pieces.
type Values map[string]float64

// Lacking is the error of what cannot be measured here, and says what would have to be there. It is no failure.
type Lacking string

func (l Lacking) Error() string { return "needs " + string(l) }

// of takes a reading out of what its source gave.
func (r Reading) of(v Values) (float64, error) {
	value, ok := v[r.Value]
	if !ok {
		return 0, fmt.Errorf("%s: no value %q", r.Of.Label(), r.Value)
	}
	return value, nil
}

// readings are those of a row.
func (r Row) readings() []Reading {
	if r.Other.Of == nil {
		return []Reading{r.Ours}
	}
	return []Reading{r.Ours, r.Other}
}
