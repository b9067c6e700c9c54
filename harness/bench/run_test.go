package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A fake is a source that notes in a log when it is measured, and gives 1, 2, 3 and so on.
type fake struct {
	label    string
	perRound int
	log      *[]string
	setUp    error
	failAt   int // the measurement that fails; 0: none
}

func (f fake) Label() string { return f.label }

func (f fake) PerRound() int { return f.perRound }

func (f fake) SetUp(context.Context) (Measure, error) {
	n := 0
	return func(context.Context) (Values, error) {
		*f.log = append(*f.log, f.label)
		if n++; n == f.failAt {
			return nil, errors.New("broke")
		}
		return Values{"v": float64(n), "double": float64(2 * n)}, nil
	}, f.setUp
}

func between(name string, ours, other Source) Row {
	r := Row{Name: name, Ours: Reading{ours, "v"}}
	if other != nil {
		r.Other = Reading{other, "double"}
	}
	return r
}

func measure(t *testing.T, rounds int, rows ...Row) []Figure {
	t.Helper()
	told := 0
	figures, err := Run(t.Context(), rows, rounds, func(Figure) { told++ })
	if err != nil || told != len(rows) || len(figures) != len(rows) {
		t.Fatalf("%d of %d figures, %d of them told: %v", len(figures), len(rows), told, err)
	}
	return figures
}

// What rows hold side by side, even by way of a third, is measured by turns, and once for all rows; what stands alone is
// not among it.
func TestRunTakesTurns(t *testing.T) {
	var log []string
	a, b := fake{label: "a", log: &log}, fake{label: "b", perRound: 2, log: &log}
	floor, alone := fake{label: "floor", log: &log}, fake{label: "alone", log: &log}
	figures := measure(t, 2, between("a/b", a, b), between("alone", alone, nil), between("a/floor", a, floor))
	want := "a b floor a b floor a b floor a b floor alone alone"
	if got := strings.Join(log, " "); got != want {
		t.Errorf("measured %s, want %s", got, want)
	}
	if d := cmp.Diff(Sample{2, 4, 6, 8}, figures[2].OtherSample); d != "" {
		t.Errorf("the floor's (-want +got):\n%s", d)
	}
	if got := figures[0].Ratio(); got != 0.5 {
		t.Errorf("ratio %v of medians 2.5 and 5", got)
	}
}

// A source that fails is not measured again; the rows that it is not in are.
func TestRunGoesOnBehindFailures(t *testing.T) {
	var log []string
	a, b := fake{label: "a", log: &log}, fake{label: "b", log: &log, failAt: 2}
	lacking := fake{label: "c", log: &log, setUp: Lacking("root")}
	figures := measure(t, 3, between("a", a, nil), between("a/b", a, b), between("c", lacking, nil))
	if got := strings.Join(log, " "); got != "a b a b a" {
		t.Errorf("measured %s", got)
	}
	if !figures[0].Measured() || len(figures[0].OursSample) != 3 {
		t.Errorf("a: %+v", figures[0])
	}
	if f := figures[1]; f.Measured() || f.Held() || f.Lacks() || f.Err.Error() != "b: broke" {
		t.Errorf("a/b: %v", f.Err)
	}
	if f := figures[2]; f.Held() || !f.Lacks() || f.Err.Error() != "c: needs root" {
		t.Errorf("c: %v", f.Err)
	}
}

func TestRunMissesValue(t *testing.T) {
	a := fake{label: "a", log: new([]string)}
	figures := measure(t, 1, Row{Name: "a", Ours: Reading{a, "w"}})
	if err := figures[0].Err; err == nil || err.Error() != `a: no value "w"` {
		t.Error(err)
	}
}

func TestRunEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var log []string
	_, err := Run(ctx, []Row{between("a", fake{label: "a", log: &log}, nil)}, 3, func(Figure) {})
	if !errors.Is(err, context.Canceled) || len(log) > 0 {
		t.Errorf("%v after %q", err, log)
	}
}

func TestSample(t *testing.T) {
	for _, tt := range []struct {
		of                Sample
		median, low, high float64
	}{
		{nil, 0, 0, 0},
		{Sample{7}, 7, 7, 7},
		{Sample{3, 1}, 2, 1.5, 2.5},
		{Sample{9, 1, 5, 3, 7}, 5, 3, 7},
	} {
		given := slices.Clone(tt.of)
		low, high := tt.of.Quartiles()
		if tt.of.Median() != tt.median || low != tt.low || high != tt.high {
			t.Errorf("%v: median %v, quartiles %v and %v", tt.of, tt.of.Median(), low, high)
		}
		if !slices.Equal(given, tt.of) {
			t.Errorf("%v was sorted", given)
		}
	}
}

func TestTarget(t *testing.T) {
	for _, tt := range []struct {
		target      Target
		ours, ratio float64
		want        bool
	}{
		{Target{}, 9, 9, true},
		{RatioAtMost(0.5), 9, 0.5, true},
		{RatioAtMost(0.5), 0, 0.51, false},
		{RatioAtLeast(1.5), 0, 1.5, true},
		{RatioAtLeast(1.5), 9, 1.49, false},
		{AtMost(10), 10, 99, true},
		{AtMost(10), 11, 0, false},
	} {
		if got := tt.target.held(tt.ours, tt.ratio); got != tt.want {
			t.Errorf("%v of %v, ratio %v: %v", tt.target, tt.ours, tt.ratio, got)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{Seconds, 0, "0 ns"},
		{Seconds, 0.6e-6, "600 ns"},
		{Seconds, 60e-6, "60.0 µs"},
		{Seconds, 8.123e-3, "8.12 ms"},
		{Seconds, 0.1134, "113 ms"},
		{Seconds, 68, "68.0 s"},
		{Bytes, 4096, "4,096"},
		{Bytes, 3_859_152, "3,859,152"},
		{Bytes, 4066.4, "4,066"},
		{BitsPerSecond, 873e6, "873 Mbit/s"},
		{BitsPerSecond, 23.4e9, "23.4 Gbit/s"},
		{Pieces, 15, "15"},
		{Pieces, 15.5, "15.5"},
	} {
		if got := tt.unit.Format(tt.v); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.v, got, tt.want)
		}
	}
}
