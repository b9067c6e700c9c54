package sim_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/cable"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// A twoHosts is a lab whose node, 10.9.0.1, is joined by a cable with another machine, 10.9.0.2.
type twoHosts struct {
	*lab
	other *sim.Host
	there kernel.NetNS
	cable *sim.Cable
}

func newTwoHosts(t *testing.T, spec sim.CableSpec) twoHosts {
	t.Helper()
	l := twoHosts{lab: newLabOf(t, sim.Config{Seed: 1, Transport: netstack.New})}
	l.other = l.world.AddHost("other")
	l.there = must(l.other.Self())(t)
	t.Cleanup(l.there.Close)
	l.cable = must(l.world.Cable(sim.Plug{Host: l.host}, sim.Plug{Host: l.other}, spec))(t)
	for i, ns := range []kernel.NetNS{l.node, l.there} {
		l.address(ns, "eth0", fmt.Sprintf("10.9.0.%d/24", i+1))
		l.up(ns, "eth0")
	}
	return l
}

// ping pings the other host.
func (l twoHosts) ping(timeout time.Duration) (kernel.Answer, error) {
	return l.node.Ping(background, kernel.Ping{To: addr("10.9.0.2"), Timeout: timeout})
}

// drops returns a function that says why how many frames were dropped since.
func (l twoHosts) drops() func() map[string]int {
	n := map[string]int{}
	l.world.Watch(func(s sim.Sight) {
		if s.Event == sim.Dropped {
			n[fmt.Sprintf("%s %s: %s", s.Place, s.Reason, s.Detail)]++
		}
	})
	return func() map[string]int { return n }
}

// eth0 is the node's end of the cable.
func (l twoHosts) eth0() kernel.Link {
	l.t.Helper()
	return must(l.node.LinkByName("eth0"))(l.t)
}

func TestCableDelay(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{Delay: 5 * time.Millisecond})
	for want, delay := range map[time.Duration]time.Duration{10 * time.Millisecond: 5 * time.Millisecond, 2 * sim.HopDelay: 0} {
		l.must(l.cable.Change(sim.CableSpec{Delay: delay}))
		must(l.ping(0))(t) // the neighbours are asked for
		if answer := must(l.ping(0))(t); answer.RTT != want {
			t.Errorf("delay %v: RTT %v, want %v", delay, answer.RTT, want)
		}
	}
}

// TestCableLoss sends a thousand echo requests over a cable that loses a tenth of what it carries: 0.9² of them are
// answered.
func TestCableLoss(t *testing.T) {
	lost := func() (n int) {
		l := newTwoHosts(t, sim.CableSpec{})
		must(l.ping(0))(t)
		l.must(l.cable.Change(sim.CableSpec{Loss: 0.1}))
		drops := l.drops()
		for range 1000 {
			if _, err := l.ping(time.Millisecond); err != nil {
				n++
			}
		}
		if seen := drops(); n != seen["node/host/eth0 NOT_SPECIFIED: lost on the cable"]+seen["other/host/eth0 NOT_SPECIFIED: lost on the cable"] {
			t.Errorf("%d lost, but seen were %v", n, seen)
		}
		return n
	}
	n := lost()
	if n < 160 || n > 220 {
		t.Errorf("%d of 1000 lost, want about 190", n)
	}
	if again := lost(); again != n {
		t.Errorf("%d and %d lost with the same seed", n, again)
	}
}

// TestCableRate sends a megabyte and back at 10 Mbit/s: 0.8 s each way, and some for headers.
func TestCableRate(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{Rate: 10_000_000})
	l.serve(l.there, kernel.TCP, "0.0.0.0:80")
	var bits int64
	l.world.Watch(func(s sim.Sight) {
		if s.Event == sim.Sent && s.Place.Host == "node" {
			bits += int64(len(s.Frame)) * 8
		}
	})
	start := l.world.Now()
	must(l.node.Call(background, kernel.Call{
		Transport: kernel.TCP, To: addrPort("10.9.0.2:80"), Payload: payload(1_000_000), Timeout: time.Minute,
	}))(t)
	took := l.world.Now().Sub(start)
	if took < 1600*time.Millisecond || took > 2100*time.Millisecond {
		t.Errorf("took %v, want 1.6 s and some", took)
	}
	if rate := float64(bits) / took.Seconds(); rate > 10_000_000 {
		t.Errorf("sent %.0f bits a second", rate)
	}
}

// TestCableQueue sends seven fragments at once where two may wait: one is sent, and four are dropped.
func TestCableQueue(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{})
	must(l.ping(0))(t)
	l.must(l.cable.Change(sim.CableSpec{Rate: 1_000_000, Limit: 2}))
	drops := l.drops()
	_, err := l.node.Ping(background, kernel.Ping{To: addr("10.9.0.2"), Size: 10_000, Timeout: time.Second})
	wantErrno(t, err, kernel.ETIMEDOUT)
	if n := drops()["node/host/eth0 QDISC_DROP: 2 frames wait already"]; n != 4 {
		t.Errorf("got %v, want 4 that the queue has no room for", drops())
	}
	l.must(l.cable.Change(sim.CableSpec{})) // the three that arrived are none of this one's:
	must(l.node.Ping(background, kernel.Ping{To: addr("10.9.0.2"), Size: 10_000}))(t)
}

func TestCableCut(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{Delay: time.Millisecond})
	must(l.ping(0))(t)
	if link := l.eth0(); !link.LowerUp || link.Oper != kernel.OperUp {
		t.Errorf("at first: %+v", link)
	}
	l.cable.Become(cable.Cut)
	if link := l.eth0(); link.LowerUp || link.Oper != kernel.OperDown || !link.Up {
		t.Errorf("cut: %+v", link)
	}
	_, err := l.ping(time.Second)
	wantErrno(t, err, kernel.ETIMEDOUT) // as Linux does: the route stays until the link is down
	l.cable.Become(cable.Whole)
	if link := l.eth0(); !link.LowerUp || link.Oper != kernel.OperUp {
		t.Errorf("mended: %+v", link)
	}
	must(l.ping(5 * time.Second))(t) // the neighbour is asked for once a second
}

// TestCableCutUnderWay checks that what is on a cable when that is cut never arrives, although it is mended before.
func TestCableCutUnderWay(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{Delay: 100 * time.Millisecond})
	must(l.ping(0))(t)
	drops := l.drops()
	wait := l.world.Go(func() {
		l.must(l.world.Sleep(background, time.Millisecond))
		l.cable.Become(cable.Cut)
		l.cable.Become(cable.Whole)
	})
	_, err := l.ping(3 * time.Second)
	wantErrno(t, err, kernel.ETIMEDOUT)
	l.must(wait())
	if drops()["node/host/eth0 NOT_SPECIFIED: the cable was cut"] != 1 {
		t.Errorf("got %v", drops())
	}
}

// TestCableQueueGoesWithCarrier checks that what waits to be sent is dropped when the carrier goes.
func TestCableQueueGoesWithCarrier(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{})
	must(l.ping(0))(t)
	l.must(l.cable.Change(sim.CableSpec{Rate: 1_000}))
	drops := l.drops()
	wait := l.world.Go(func() {
		l.must(l.world.Sleep(background, time.Millisecond))
		l.cable.Become(cable.Cut)
	})
	_, err := l.node.Ping(background, kernel.Ping{To: addr("10.9.0.2"), Size: 4000, Timeout: time.Minute})
	wantErrno(t, err, kernel.ETIMEDOUT)
	l.must(wait())
	if got := drops(); got["node/host/eth0 QUEUE_PURGE: the carrier has gone"] != 2 || got["node/host/eth0 NOT_SPECIFIED: the cable carries nothing"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestCableBlackhole(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{})
	must(l.ping(0))(t)
	l.cable.Become(cable.Blackhole)
	if link := l.eth0(); !link.LowerUp || link.Oper != kernel.OperUp {
		t.Errorf("the carrier went: %+v", link)
	}
	_, err := l.ping(time.Minute)
	wantErrno(t, err, kernel.ETIMEDOUT)
	_, err = l.ping(time.Minute) // the neighbour is asked whether it is there still
	wantErrno(t, err, kernel.ETIMEDOUT)
	_, err = l.ping(time.Minute) // and now for its MAC
	wantErrno(t, err, kernel.EHOSTUNREACH)
	l.cable.Become(cable.Whole)
	must(l.ping(time.Second))(t)
}

// TestCableCarrier checks that both ends have to be up.
func TestCableCarrier(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{})
	l.down(l.there, "eth0")
	if link := l.eth0(); link.LowerUp || link.Oper != kernel.OperDown {
		t.Errorf("the other end is down: %+v", link)
	}
	l.up(l.there, "eth0")
	if link := l.eth0(); !link.LowerUp || link.Oper != kernel.OperUp {
		t.Errorf("both are up: %+v", link)
	}
}

// TestCard checks what may be done to the device at the end of a cable.
func TestCard(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{})
	card := l.eth0()
	if card.Kind != "" || card.MAC.String() != "52:54:00:12:34:56" {
		t.Errorf("got %+v", card)
	}
	wantErrno(t, l.node.DeleteLink(card.Index), kernel.EOPNOTSUPP)
	for mtu, want := range map[int]kernel.Errno{45: kernel.EINVAL, 46: 0, 9000: 0, 16110: 0, 16111: kernel.EINVAL} {
		wantErrno(t, l.node.ChangeLink(card.Index, kernel.LinkChange{MTU: &mtu}), want)
	}
	l.must(l.node.ChangeLink(card.Index, kernel.LinkChange{Name: new("uplink")}))
	if l.cable.Ends() != [2]sim.Place{{Host: "node", NetNS: "host", Link: "uplink"}, {Host: "other", NetNS: "host", Link: "eth0"}} {
		t.Errorf("got %v", l.cable.Ends())
	}
}

// TestCardReturns checks that a card outlives the namespace that it was moved to, and gets a name that is free.
func TestCardReturns(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{})
	pod := l.openNetNS("pod")
	card := l.eth0().Index
	l.must(l.node.ChangeLink(card, kernel.LinkChange{NetNS: pod}))
	l.address(pod, "eth0", "10.9.0.1/24")
	l.up(pod, "eth0")
	must(pod.Ping(background, kernel.Ping{To: addr("10.9.0.2")}))(t)
	l.must(l.node.AddLink(kernel.LinkSpec{Name: "eth0", Kind: kernel.KindDummy}))
	pod.Close()
	l.must(l.host.DeleteNetNS(kernel.NetNSDir + "/pod"))
	l.must(l.world.Sleep(background, time.Second))
	if back := must(l.node.LinkByName(fmt.Sprintf("dev%d", card)))(t); back.Index != card || back.Up {
		t.Errorf("got %+v", back)
	}
}

// TestSegment has three hosts on one segment: the ends of two cables are ports of a bridge on the one in the middle.
func TestSegment(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{})
	third := l.world.AddHost("third")
	ns := must(third.Self())(t)
	t.Cleanup(ns.Close)
	must(l.world.Cable(sim.Plug{Host: l.host}, sim.Plug{Host: third, Device: "lan"}, sim.CableSpec{}))(t)
	l.address(ns, "lan", "10.9.0.3/24")
	l.up(ns, "lan")
	l.bridge("br0", "10.9.0.1/24")
	for _, port := range []string{"eth0", "eth1"} {
		l.must(l.node.ChangeLink(l.index(l.node, port), kernel.LinkChange{Master: new(l.index(l.node, "br0")), Up: new(true)}))
	}
	l.must(l.world.Sleep(background, time.Minute)) // until the ports forward
	if answer := must(ns.Ping(background, kernel.Ping{To: addr("10.9.0.2")}))(t); answer.TTL != 64 {
		t.Errorf("got %+v, want no router on the way", answer)
	}
	if cables := l.world.Cables(); len(cables) != 2 || cables[0] != l.cable {
		t.Errorf("got %v", cables)
	}
}

func TestNoSuchCable(t *testing.T) {
	l := newTwoHosts(t, sim.CableSpec{})
	foreign := sim.NewWorld(sim.Config{}).AddHost("node")
	before := must(l.node.Links())(t)
	for name, c := range map[string]struct {
		a, b sim.Plug
		spec sim.CableSpec
		want kernel.Errno
	}{
		"name taken":       {a: sim.Plug{Host: l.host, Device: "eth1"}, b: sim.Plug{Host: l.other, Device: "eth0"}, want: kernel.EEXIST},
		"same name":        {a: sim.Plug{Host: l.host, Device: "eth1"}, b: sim.Plug{Host: l.host, Device: "eth1"}, want: kernel.EEXIST},
		"no name":          {a: sim.Plug{Host: l.host, Device: "a/b"}, b: sim.Plug{Host: l.other}, want: kernel.EINVAL},
		"long name":        {a: sim.Plug{Host: l.host, Device: "sixteen-letters!"}, b: sim.Plug{Host: l.other}, want: kernel.ERANGE},
		"no sysctls":       {a: sim.Plug{Host: l.host, Device: "all"}, b: sim.Plug{Host: l.other}, want: kernel.EINVAL},
		"another world":    {a: sim.Plug{Host: l.host}, b: sim.Plug{Host: foreign}, want: kernel.EINVAL},
		"no host":          {a: sim.Plug{Host: l.host}, want: kernel.EINVAL},
		"loses more":       {a: sim.Plug{Host: l.host}, b: sim.Plug{Host: l.other}, spec: sim.CableSpec{Loss: 1.1}, want: kernel.EINVAL},
		"negative delay":   {a: sim.Plug{Host: l.host}, b: sim.Plug{Host: l.other}, spec: sim.CableSpec{Delay: -1}, want: kernel.EINVAL},
		"negative rate":    {a: sim.Plug{Host: l.host}, b: sim.Plug{Host: l.other}, spec: sim.CableSpec{Rate: -1}, want: kernel.EINVAL},
		"less than no one": {a: sim.Plug{Host: l.host}, b: sim.Plug{Host: l.other}, spec: sim.CableSpec{Limit: -1}, want: kernel.EINVAL},
	} {
		if _, err := l.world.Cable(c.a, c.b, c.spec); err == nil {
			t.Errorf("%s: done", name)
		} else {
			wantErrno(t, err, c.want)
		}
	}
	if after := must(l.node.Links())(t); len(after) != len(before) {
		t.Errorf("left behind: %v", after)
	}
	wantErrno(t, l.cable.Change(sim.CableSpec{Loss: 2}), kernel.EINVAL)
	if l.cable.Spec() != (sim.CableSpec{}) {
		t.Errorf("changed all the same: %+v", l.cable.Spec())
	}
}

// TestSameFramesOverBadCable checks that a transfer over a cable that loses frames is the same one each time.
func TestSameFramesOverBadCable(t *testing.T) {
	transfer := func() string {
		l := newTwoHosts(t, sim.CableSpec{Delay: 2 * time.Millisecond, Loss: 0.05, Rate: 100_000_000})
		hash := sha256.New()
		l.world.Watch(func(s sim.Sight) { fmt.Fprintf(hash, "%v %v %v %v %x\n", s.At, s.Place, s.Event, s.Reason, s.Frame) })
		l.serve(l.there, kernel.TCP, "0.0.0.0:80")
		answer := must(l.node.Call(background, kernel.Call{
			Transport: kernel.TCP, To: addrPort("10.9.0.2:80"), Payload: payload(200_000), Timeout: time.Hour,
		}))(t)
		if !slices.Equal(answer.Payload, payload(200_000)) {
			t.Error("the payload was damaged")
		}
		return fmt.Sprintf("%x", hash.Sum(nil))
	}
	golden := transfer()
	for range 5 {
		if again := transfer(); again != golden {
			t.Fatalf("got %s, want %s", again, golden)
		}
	}
}
