//go:build linux

package linux

import (
	"fmt"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/cable"
)

// A laid cable joins the eth0 of two machines.
type laidCable struct {
	*Cable
	hosts [2]kernel.Host
	at    [2]kernel.NetNS
}

// newLaidCable lays one between two machines, with an address at each end.
func newLaidCable(t testing.TB) (c laidCable) {
	t.Helper()
	for i := range c.hosts {
		c.hosts[i], c.at[i] = newApart(t)
	}
	laid, err := NewCable(Plug{Host: c.hosts[0]}, Plug{Host: c.hosts[1]})
	must(t, err)
	t.Cleanup(laid.Close)
	c.Cable = laid
	for i, ns := range c.at {
		must(t, ns.AddAddress(kernel.Address{Link: link(t, ns, "eth0").Index, Prefix: prefix(fmt.Sprintf("192.0.2.%d/24", i+1))}))
	}
	return c
}

// set sets a card up or down.
func (c laidCable) set(t testing.TB, end int, up bool) {
	t.Helper()
	must(t, c.at[end].ChangeLink(link(t, c.at[end], "eth0").Index, kernel.LinkChange{Up: &up}))
	must(t, c.Refresh())
}

// wantCards waits for the cards to be in this state: "UP carrier UP carrier", "DOWN DOWN".
func (c laidCable) wantCards(t testing.TB, what, want string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		got := ""
		for _, ns := range c.at {
			eth0 := link(t, ns, "eth0")
			got += " " + string(eth0.Oper)
			if eth0.LowerUp {
				got += " carrier"
			}
		}
		if got[1:] == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s, want %s", what, got[1:], want)
		}
	}
}

// pings reports whether a packet gets across, and back.
func (c laidCable) pings(t testing.TB, wait time.Duration) bool {
	t.Helper()
	_, err := c.at[0].Ping(t.Context(), kernel.Ping{To: addr("192.0.2.2"), Timeout: wait})
	return err == nil
}

const bothUp, bothDown = "UP carrier UP carrier", "DOWN DOWN"

// Both cards have a carrier while both are up and the cable is not cut.
func TestCableCarrier(t *testing.T) {
	c := newLaidCable(t)
	// Links without a carrier, of which one could have the index that the card's other end has elsewhere.
	for i := range 8 {
		must(t, c.at[0].AddLink(kernel.LinkSpec{Name: fmt.Sprint("br", i), Kind: kernel.KindBridge}))
	}
	c.wantCards(t, "new", bothDown)
	c.set(t, 0, true)
	c.wantCards(t, "one up", bothDown)
	c.set(t, 1, true)
	c.wantCards(t, "both up", bothUp)
	c.set(t, 1, false)
	c.wantCards(t, "one down again", bothDown)
	c.set(t, 1, true)
	c.wantCards(t, "up again", bothUp)
	must(t, c.Become(cable.Cut))
	c.wantCards(t, "cut", bothDown)
	c.set(t, 1, false)
	c.set(t, 1, true)
	c.wantCards(t, "cut, one down and up", bothDown)
	must(t, c.Become(cable.Whole))
	c.wantCards(t, "mended", bothUp)
	must(t, c.Become(cable.Blackhole))
	c.wantCards(t, "a black hole", bothUp)
	if got := c.State(); got != cable.Blackhole {
		t.Errorf("it is %q", got)
	}
}

// What is sent arrives, but not while the cable is a black hole or cut.
func TestCableCarries(t *testing.T) {
	c := newLaidCable(t)
	c.set(t, 0, true)
	c.set(t, 1, true)
	for _, step := range []struct {
		what    string
		become  cable.State
		arrives bool
	}{
		{"whole", cable.Whole, true},
		{"a black hole", cable.Blackhole, false},
		{"mended", cable.Whole, true},
		{"cut", cable.Cut, false},
		{"mended again", cable.Whole, true},
	} {
		must(t, c.Become(step.become))
		wait := 5 * time.Second
		if !step.arrives {
			wait = 50 * time.Millisecond
		}
		if got := c.pings(t, wait); got != step.arrives {
			t.Errorf("%s: it arrives: %v", step.what, got)
		}
	}
}

// A card has its carrier wherever it was moved to, under whichever name.
func TestCableFollowsItsCard(t *testing.T) {
	c := newLaidCable(t)
	c.set(t, 0, true)
	pod := newPod(t, c.hosts[1], "pod")
	eth0 := link(t, c.at[1], "eth0")
	must(t, c.at[1].ChangeLink(eth0.Index, kernel.LinkChange{NetNS: pod, Name: new("net0")}))
	must(t, pod.ChangeLink(link(t, pod, "net0").Index, kernel.LinkChange{Up: new(true)}))
	must(t, c.Refresh())
	ends, err := c.Ends()
	must(t, err)
	if want := [2]Place{{"host", "eth0"}, {"pod", "net0"}}; ends != want {
		t.Errorf("the cards are at %v, want %v", ends, want)
	}
	if !link(t, pod, "net0").LowerUp || !link(t, c.at[0], "eth0").LowerUp {
		t.Error("no carrier")
	}
	must(t, pod.DeleteLink(link(t, pod, "net0").Index))
	must(t, c.Refresh())
	must(t, c.Become(cable.Whole))
	if link(t, c.at[0], "eth0").LowerUp {
		t.Error("a carrier, where the other card is gone")
	}
}

// The kernel itself says nothing on the cable, and long frames get across.
func TestCableIsSilent(t *testing.T) {
	c := newLaidCable(t)
	for i, ns := range c.at {
		must(t, ns.ChangeLink(link(t, ns, "eth0").Index, kernel.LinkChange{MTU: new(9000)}))
		c.set(t, i, true)
	}
	ports, err := c.ns.Addresses(0)
	must(t, err)
	for _, a := range ports {
		t.Errorf("the cable has the address %v", a.Prefix)
	}
	_, err = c.at[0].Ping(t.Context(), kernel.Ping{To: addr("192.0.2.2"), Size: 8000, Timeout: 5 * time.Second})
	must(t, err)
}

func TestCardNames(t *testing.T) {
	a, self := newApart(t)
	b, other := newApart(t)
	must(t, self.AddLink(kernel.LinkSpec{Name: "eth0", Kind: kernel.KindBridge}))
	laid, err := NewCable(Plug{Host: a}, Plug{Host: b, Device: "uplink"})
	must(t, err)
	link(t, self, "eth1")
	link(t, other, "uplink")
	for name, want := range map[string]kernel.Errno{
		"eth1": kernel.EEXIST, "sixteen-bytes-xx": kernel.ERANGE, "a/b": kernel.EINVAL,
	} {
		_, err := NewCable(Plug{Host: b}, Plug{Host: a, Device: name})
		wantErrno(t, "a cable to "+name, err, want)
	}
	laid.Close()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		links, err := other.Links()
		must(t, err)
		if len(links) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("cards that no cable has: %v", links)
		}
	}
}
