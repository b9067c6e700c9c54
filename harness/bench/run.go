package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Run measures rows for so many rounds, and tells each figure as soon as it is known. The figures are in the order of the
// rows. It ends early only with ctx, with its error.
func Run(ctx context.Context, rows []Row, rounds int, tell func(Figure)) ([]Figure, error) {
	measured := map[Source]*series{}
	var figures []Figure
	for _, row := range rows {
		for _, side := range row.readings() {
			if measured[side.Of] == nil {
				measureTogether(ctx, besides(rows, side.Of), rounds, measured)
			}
		}
		if ctx.Err() != nil {
			return figures, context.Cause(ctx)
		}
		f := figureOf(row, measured)
		figures = append(figures, f)
		tell(f)
	}
	return figures, nil
}

// besides are the sources that rows hold side by side with one, directly or by others, itself first.
func besides(rows []Row, first Source) []Source {
	found := []Source{first}
	for i := 0; i < len(found); i++ {
		for _, row := range rows {
			sides := row.readings()
			if !slices.ContainsFunc(sides, func(r Reading) bool { return r.Of == found[i] }) {
				continue
			}
			for _, side := range sides {
				if !slices.Contains(found, side.Of) {
					found = append(found, side.Of)
				}
			}
		}
	}
	return found
}

// A series is what a source gave, time after time, until it failed.
type series struct {
	measure Measure
	values  []Values
	err     error
}

// measureTogether measures sources by turns.
func measureTogether(ctx context.Context, sources []Source, rounds int, into map[Source]*series) {
	turns := 1
	for _, source := range sources {
		s := new(series)
		s.measure, s.err = source.SetUp(ctx)
		into[source] = s
		turns = max(turns, source.PerRound())
	}
	for range rounds * turns {
		for _, source := range sources {
			into[source].next(ctx)
		}
	}
}

// longest is how long one measurement may take: longer, something hangs.
const longest = 2 * time.Minute

// next measures once more, if all went well so far.
func (s *series) next(ctx context.Context) {
	if s.err != nil || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	v, err := s.measure(ctx)
	if err != nil {
		s.err = err
		if ctx.Err() != nil {
			s.err = fmt.Errorf("not done after %s: %w", longest, err)
		}
		return
	}
	s.values = append(s.values, v)
}

// figureOf takes a row's readings out of what was measured.
func figureOf(row Row, measured map[Source]*series) Figure {
	f := Figure{Row: row}
	f.OursSample, f.Err = row.Ours.sample(measured)
	if f.Err == nil && row.Other.Of != nil {
		f.OtherSample, f.Err = row.Other.sample(measured)
	}
	return f
}

func (r Reading) sample(measured map[Source]*series) (s Sample, err error) {
	from := measured[r.Of]
	if from.err != nil {
		return nil, fmt.Errorf("%s: %w", r.Of.Label(), from.err)
	}
	for _, v := range from.values {
		value, err := r.of(v)
		if err != nil {
			return nil, err
		}
		s = append(s, value)
	}
	return s, nil
}
