package sim_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

func newWorld(t *testing.T) *sim.World {
	w := sim.NewWorld(sim.Config{Seed: 1})
	t.Cleanup(w.Close)
	return w
}

func TestSleepTakesVirtualTimeOnly(t *testing.T) {
	w := newWorld(t)
	if err := w.Sleep(t.Context(), 1000*time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := w.Now().Sub(sim.Epoch); got != 1000*time.Hour {
		t.Errorf("slept %v", got)
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	wait := w.Go(func() {
		_ = w.Sleep(t.Context(), time.Second)
		cancel()
	})
	if err := w.Sleep(ctx, time.Hour); !errors.Is(err, kernel.ECANCELED) {
		t.Errorf("Sleep = %v, want ECANCELED", err)
	}
	if got := w.Now().Sub(sim.Epoch); got != time.Second {
		t.Errorf("ended after %v, want 1s", got)
	}
	if err := wait(); err != nil {
		t.Error(err)
	}
}

// Actors run one at a time and in the order in which they can go on, so their story is always the same.
func TestActorsTakeTurns(t *testing.T) {
	story := func() string {
		w := sim.NewWorld(sim.Config{})
		defer w.Close()
		var told []string
		var waits []func() error
		for _, name := range []string{"a", "b", "c"} {
			waits = append(waits, w.Go(func() {
				for range 3 {
					told = append(told, fmt.Sprint(name, w.Now().Sub(sim.Epoch).Seconds()))
					_ = w.Sleep(context.Background(), time.Second)
				}
			}))
		}
		told = append(told, "main")
		for _, wait := range waits {
			if err := wait(); err != nil {
				t.Error(err)
			}
		}
		return strings.Join(told, " ")
	}
	const want = "main a0 b0 c0 a1 b1 c1 a2 b2 c2"
	for range 20 {
		if got := story(); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func TestAnActorHoldsTimeWhileItComputes(t *testing.T) {
	w := newWorld(t)
	var at []time.Duration
	wait := w.Go(func() {
		for range 2 {
			_ = w.Sleep(context.Background(), time.Second)
			at = append(at, w.Now().Sub(sim.Epoch))
		}
	})
	_ = w.Sleep(t.Context(), 1500*time.Millisecond)
	if got := w.Now().Sub(sim.Epoch); got != 1500*time.Millisecond {
		t.Errorf("main woke at %v", got)
	}
	if err := wait(); err != nil {
		t.Error(err)
	}
	if want := []time.Duration{time.Second, 2 * time.Second}; !slices.Equal(at, want) {
		t.Errorf("actor woke at %v, want %v", at, want)
	}
}

func TestWaitingInACircleIsADeadlock(t *testing.T) {
	w := newWorld(t)
	var errs [2]error
	var second func() error
	first := w.Go(func() { errs[0] = second() })
	second = w.Go(func() { errs[1] = first() })
	if err := first(); err != nil {
		t.Error(err)
	}
	if errs[0] != nil || !errors.Is(errs[1], kernel.EDEADLK) {
		t.Errorf("got %v, want EDEADLK for the one that closed the circle only", errs)
	}
}

func TestCloseEndsWhoWaits(t *testing.T) {
	w := sim.NewWorld(sim.Config{})
	got := make(chan error, 1)
	w.Go(func() { got <- w.Sleep(context.Background(), time.Hour) })
	_ = w.Sleep(t.Context(), time.Second)
	w.Close()
	if err := <-got; !errors.Is(err, kernel.ECANCELED) {
		t.Errorf("Sleep = %v, want ECANCELED", err)
	}
	if err := w.Sleep(t.Context(), time.Second); !errors.Is(err, kernel.ECANCELED) {
		t.Errorf("Sleep in a closed world = %v, want ECANCELED", err)
	}
}

// Goroutines the world does not know of are slower than time perhaps, but they do not hang.
func TestStrangersDoNotHang(t *testing.T) {
	w := newWorld(t)
	done := make(chan error)
	for i := range 8 {
		go func() {
			var err error
			for range 50 {
				err = errors.Join(err, w.Sleep(context.Background(), time.Duration(i)*time.Millisecond))
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestNegativeTimeoutsAreOver, by a nanosecond too.
func TestNegativeTimeoutsAreOver(t *testing.T) {
	l := newLab(t)
	l.bridge("br0", "10.1.0.1/24")
	for _, d := range []time.Duration{-1, -2, -time.Hour} {
		start := l.world.Now()
		_, err := l.node.Ping(background, kernel.Ping{To: addr("10.1.0.9"), Timeout: d})
		wantErrno(t, err, kernel.ETIMEDOUT)
		if took := l.world.Now().Sub(start); took != 0 {
			t.Errorf("%v took %v", d, took)
		}
	}
}
