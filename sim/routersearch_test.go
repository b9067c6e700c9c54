package sim_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// solicitations returns a function that says when a link has asked for routers.
func solicitations(w *sim.World, link string) func() []time.Duration {
	var at []time.Duration
	w.Watch(func(s sim.Sight) {
		const icmp, solicitation = 54, 133 // behind the headers of Ethernet and IPv6
		f := s.Frame
		if s.Event == sim.Sent && s.Place.Link == link && isIPv6(f) && len(f) > icmp && f[20] == 58 && f[icmp] == solicitation {
			at = append(at, s.At.Sub(sim.Epoch))
		}
	})
	return func() []time.Duration { return at }
}

// searching has a link come up of a world with a seed, and returns when it asks for routers within a day.
func searching(t *testing.T, seed uint64) []time.Duration {
	w := sim.NewWorld(sim.Config{Seed: seed})
	defer w.Close()
	ns := must(w.AddHost("node").Self())(t)
	at := solicitations(w, "v")
	must("", ns.AddLink(kernel.LinkSpec{Name: "v", Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: "w"}}))(t)
	must("", ns.ChangeLink(must(ns.LinkByName("w"))(t).Index, kernel.LinkChange{Up: new(true)}))(t)
	must("", w.Sleep(background, 24*time.Hour))(t)
	return at()
}

// TestSearchForRouters: the first question comes once duplicate address detection is over, the second one after 4 seconds,
// and each time is twice the one before, until it is an hour; all of them up to a tenth longer or shorter (RFC 7559).
func TestSearchForRouters(t *testing.T) {
	at := searching(t, 1)
	if len(at) < 30 || len(at) > 40 {
		t.Fatalf("asked %d times within a day: %v", len(at), at)
	}
	if at[0] < time.Second || at[0] > 2*time.Second {
		t.Errorf("asked first after %v", at[0])
	}
	last := 2 * time.Second
	for i, now := range at[1:] {
		took, want := now-at[i], min(2*last, time.Hour)
		if took < want*9/10-time.Millisecond || took > want*11/10+time.Millisecond {
			t.Errorf("question %d came %v after the one before, want %v", i+2, took, want)
		}
		last = took
	}
	if again := searching(t, 1); !slices.Equal(again, at) {
		t.Errorf("with the same seed %v, and then %v", at, again)
	}
	if other := searching(t, 2); slices.Equal(other[1:], at[1:]) {
		t.Errorf("with other seeds at the same times: %v", other)
	}
}

// TestNobodyWaitsForTheSearch: what asks for ever keeps nobody from hearing that he waits in vain.
func TestNobodyWaitsForTheSearch(t *testing.T) {
	w := newWorld(t)
	ns := must(w.AddHost("node").Self())(t)
	must("", ns.AddLink(kernel.LinkSpec{Name: "d", Kind: kernel.KindDummy, Up: true}))(t)
	must("", w.Sleep(background, 5*time.Second))(t)
	var wait func() error
	var err error
	wait = w.Go(func() { err = wait() })
	if ended := wait(); ended != nil || !errors.Is(err, kernel.EDEADLK) {
		t.Errorf("got %v and %v, want EDEADLK of who waits for himself", ended, err)
	}
}
