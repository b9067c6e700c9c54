package bench

import (
	"errors"
	"fmt"
)

// A Figure is a row that was measured.
type Figure struct {
	Row
	OursSample, OtherSample Sample
	Err                     error // why it could not be measured: Lacking, or a failure
}

// Ratio is that of the medians, ours to other; 0 where there is no other side.
func (f Figure) Ratio() float64 {
	if f.OtherSample.Median() == 0 {
		return 0
	}
	return f.OursSample.Median() / f.OtherSample.Median()
}

// Measured reports whether all was measured.
func (f Figure) Measured() bool { return f.Err == nil }

// Lacks reports whether it could not be measured here, which is no failure.
func (f Figure) Lacks() bool {
	var lacking Lacking
	return errors.As(f.Err, &lacking)
}

// Held reports whether the target is met.
func (f Figure) Held() bool { return f.Measured() && f.Target.held(f.OursSample.Median(), f.Ratio()) }

// String is one line on the figure.
func (f Figure) String() string {
	if !f.Measured() {
		return fmt.Sprintf("%-18s not measured: %s", f.Name, oneLine(f.Err.Error()))
	}
	line := fmt.Sprintf("%-18s %s %s", f.Name, f.Ours.Of.Label(), f.Unit.Format(f.OursSample.Median()))
	if f.Other.Of != nil {
		line += fmt.Sprintf(", %s %s: ratio %.2f", f.Other.Of.Label(), f.Unit.Format(f.OtherSample.Median()), f.Ratio())
	}
	return line + f.verdict()
}

func (f Figure) verdict() string {
	switch {
	case f.Target == Target{}:
		return ""
	case f.Held():
		return "; holds: " + f.Target.in(f.Unit)
	}
	return "; does not hold: " + f.Target.in(f.Unit)
}
