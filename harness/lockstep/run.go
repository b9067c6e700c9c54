package lockstep

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cnilab/cnilab/kernel/operation"
)

// A Run says how much to ask.
type Run struct {
	Reference Kernel // who is right
	Other     Kernel // who is compared with it

	Seed  uint64
	First int           // the number of the first sequence
	Ops   int           // end after so many operations; 0: no limit
	For   time.Duration // end after so much time; 0: no limit
	Jobs  int           // how many sequences run at the same time
	Shape Shape

	// Packets says that sequences build networks and probe them, which sends packets; both kernels have to have probes.
	Packets bool

	// Found is told of each kind of difference when the others are over, made shorter; nil: nobody.
	Found func(d *Difference)
}

// A Report is what a run has shown.
type Report struct {
	Sequences   int
	Ops         int
	Took        time.Duration
	Coverage    Coverage
	Differences []*Difference  // one for each kind
	Kinds       map[string]int // how often each kind of difference came up
	Unstable    int            // sequences that differed once, and not when they were carried out anew
	Unsteady    []*Difference  // one for each kind of these
}

// OpsPerSecond is the speed of the run.
func (r *Report) OpsPerSecond() float64 { return float64(r.Ops) / r.Took.Seconds() }

// SequenceOf returns the sequence with a number in the run with a seed.
func SequenceOf(s Shape, seed uint64, number int) []operation.Operation {
	return Sequence(s).Example(int(seed<<32) + number)
}

// NetworkOf returns the sequence with a number in the run about packets with a seed.
func NetworkOf(s Shape, seed uint64, number int) []operation.Operation {
	return Packets(s).Example(int(seed<<32) + number)
}

// sequenceOf returns the sequence with a number.
func (r Run) sequenceOf(number int) []operation.Operation {
	if r.Packets {
		return NetworkOf(r.Shape, r.Seed, number)
	}
	return SequenceOf(r.Shape, r.Seed, number)
}

// A runner is a run under way.
type runner struct {
	Run
	ctx    context.Context
	cancel context.CancelCauseFunc
	next   atomic.Int64
	ops    atomic.Int64

	mu     sync.Mutex
	report Report
	met    map[string][]*Difference // the first few of each kind
}

// candidates is how many differences of a kind are carried out anew, until one is there again.
const candidates = 4

// Do runs it, until enough was asked or ctx ends.
func (r Run) Do(ctx context.Context) (*Report, error) {
	if r.Shape.Length == 0 {
		r.Shape = DefaultShape
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &runner{Run: r, ctx: ctx, cancel: cancel}
	w.report.Coverage, w.report.Kinds = Coverage{}, map[string]int{}
	w.met = map[string][]*Difference{}
	w.next.Store(int64(r.First))
	start := time.Now()
	var workers sync.WaitGroup
	for range max(r.Jobs, 1) {
		workers.Go(func() { w.work(start) })
	}
	workers.Wait()
	w.report.Took = time.Since(start)
	w.lookInto()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return &w.report, err
	}
	return &w.report, nil
}

func (w *runner) work(start time.Time) {
	for w.ctx.Err() == nil && (w.Ops == 0 || w.ops.Load() < int64(w.Ops)) && (w.For == 0 || time.Since(start) < w.For) {
		number := int(w.next.Add(1) - 1)
		if err := w.sequence(number); err != nil {
			w.cancel(fmt.Errorf("sequence %d of seed %d: %w", number, w.Seed, err))
		}
	}
}

// sequence carries out one.
func (w *runner) sequence(number int) error {
	sequence := w.sequenceOf(number)
	count := Coverage{}
	d, err := w.carryOut(sequence, Patience, count.add)
	if err != nil {
		return err
	}
	w.ops.Add(int64(count.Ops()))
	w.mu.Lock()
	w.report.Sequences++
	w.report.Ops += count.Ops()
	w.report.Coverage.addAll(count)
	w.mu.Unlock()
	if d != nil {
		w.differs(d)
	}
	return nil
}

// differs notes a difference, which is looked into when the run is over.
func (w *runner) differs(d *Difference) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kind := d.Kind()
	if w.report.Kinds[kind]++; w.report.Kinds[kind] <= candidates {
		w.met[kind] = append(w.met[kind], d)
	}
}

// lookInto looks into all kinds of differences, at the same time: most of it is waiting.
func (w *runner) lookInto() {
	var workers sync.WaitGroup
	for kind, met := range w.met {
		workers.Go(func() {
			short, err := w.shortened(met)
			if err != nil {
				w.cancel(err)
				return
			}
			w.tell(kind, met, short)
		})
	}
	workers.Wait()
}

// shortened returns the first of some differences that is there again, made shorter. What is not there again each time is a
// matter of when Linux got round to what it does late.
func (w *runner) shortened(met []*Difference) (*Difference, error) {
	for _, d := range met {
		again, err := w.confirmed(d)
		if again == nil && err == nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		short, err := w.shrink(again)
		if err == nil {
			short, err = w.confirmed(short)
		}
		if short == nil {
			short = again
		}
		return short, err
	}
	return nil, nil
}

// tell reports what has become of the differences of a kind; short is nil where none was there again.
func (w *runner) tell(kind string, met []*Difference, short *Difference) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if short == nil {
		w.report.Unstable += w.report.Kinds[kind]
		w.report.Unsteady = append(w.report.Unsteady, met[0])
		delete(w.report.Kinds, kind)
		return
	}
	w.report.Differences = append(w.report.Differences, short)
	if w.Found != nil {
		w.Found(short)
	}
}

var pairNumber atomic.Int64

// carryOut carries out a sequence on both kernels.
func (r Run) carryOut(sequence []operation.Operation, patience time.Duration, answered func(operation.Operation, answer)) (d *Difference, err error) {
	prefix := fmt.Sprintf("step%d-", pairNumber.Add(1))
	want, endWant, err := enter(r.Reference, prefix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, endWant()) }()
	got, endGot, err := enter(r.Other, prefix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, endGot()) }()
	p := &pair{want: want, got: got, patience: patience, answered: answered, every: patience == shrinkPatience}
	if r.Reference.Virtual {
		p.patience = 0
	}
	if r.Packets {
		return p.walkPackets(sequence)
	}
	return p.walk(sequence)
}

// enter makes an arena on a kernel.
func enter(k Kernel, prefix string) (a *arena, end func() error, err error) {
	h, done, err := k.New()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	a, err = newArena(h, prefix)
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	return a, func() error {
		defer done()
		return a.close()
	}, nil
}

// confirmed carries a difference out anew, twice; nil where it is not there again.
func (w *runner) confirmed(d *Difference) (*Difference, error) {
	again := d
	for range 2 {
		var err error
		again, err = w.carryOut(d.Sequence, Patience, ignore)
		if err != nil || again == nil || !again.likely(d) {
			return nil, err
		}
	}
	return again, nil
}

// likely reports whether another difference is probably this one: what is compared last is compared to a greater depth.
func (d *Difference) likely(other *Difference) bool {
	return d.Kind() == other.Kind() || d.State != "" && other.State != "" && len(d.Sequence) == len(other.Sequence)
}

func ignore(operation.Operation, answer) {}

var particulars = regexp.MustCompile(` oper [A-Z]+|\b(v[0-5]|br[01]|eth0|host|[ab]|\S*[0-9:./]\S*)\b`)

var wordsOfAddresses = regexp.MustCompile(`[0-9a-f]*[.:][0-9a-f.:\]]+`)

// Kind is what differences have in common that are probably the same: the operation and the answers, or what kinds of
// objects differ.
func (d *Difference) Kind() string {
	if d.State == "" && isProbe(d.Last()) {
		answers := wordsOfAddresses.ReplaceAllString(fmt.Sprintf("want %s, got %s", d.Want, d.Got), "_")
		return fmt.Sprintf("%s IPv%s: %s", d.Last().Op(), familyOf(d.Last()), answers)
	}
	if d.State == "" {
		return fmt.Sprintf("%s: want %s, got %s", d.Last().Op(), d.Want, d.Got)
	}
	var kinds []string
	for line := range strings.Lines(d.State) {
		kinds = append(kinds, particulars.ReplaceAllString(strings.TrimSpace(line), "_"))
	}
	slices.Sort(kinds)
	return "state: " + strings.Join(slices.Compact(kinds), "; ")
}
