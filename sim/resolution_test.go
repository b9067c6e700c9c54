package sim_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// TestWhoCannotAskIsTold: a packet from elsewhere waits until the link has a link-local address that is checked, and who
// watches reads why.
func TestWhoCannotAskIsTold(t *testing.T) {
	l := newLab(t)
	var told []string
	l.world.Watch(func(s sim.Sight) {
		if s.Event == sim.Decided && strings.HasPrefix(s.Detail, "neighbour: ") {
			told = append(told, s.Detail)
		}
	})
	l.must(l.node.AddLink(kernel.LinkSpec{Name: "v", Kind: kernel.KindVeth, Up: true, Peer: kernel.PeerSpec{Name: "w"}}))
	l.up(l.node, "w")
	l.address(l.node, "lo", "fd01::1/128")
	l.route(l.node, kernel.Route{Dst: prefix("fd02::/64"), Link: l.index(l.node, "v")})
	for range 2 {
		_, err := l.node.Ping(background, kernel.Ping{To: addr("fd02::2"), From: addr("fd01::1"), Timeout: time.Millisecond})
		if !errors.Is(err, kernel.ETIMEDOUT) {
			t.Errorf("ping whom nobody is: %v", err)
		}
		l.must(l.world.Sleep(background, 10*time.Second))
	}
	want := []string{
		"neighbour: fd02::2 cannot be asked for its MAC: v has no address to ask from yet",
		"neighbour: fd02::2 is asked for its MAC",
	}
	if !slices.Equal(told, want) {
		t.Errorf("got %q, want %q", told, want)
	}
}
