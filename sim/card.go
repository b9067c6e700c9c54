package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cnilab/cnilab/kernel/cable"
)

// A card is what makes a link the end of a cable.
type card struct {
	cable   *Cable
	far     *link // at the other end
	waiting []frame
	sending bool       // a frame is being sent, which takes its time
	rand    *rand.Rand // of which frames are lost
}

// enqueue takes what is to be sent, a train of segments in frames of their own. (net/core/dev.c: validate_xmit_skb.)
func (l *link) enqueue(f frame) {
	for _, one := range f.segments() {
		l.enqueueOne(one)
	}
}

// enqueueOne is net/sched/sch_fifo.c: pfifo_enqueue.
func (l *link) enqueueOne(f frame) {
	c := l.card
	if limit := c.cable.spec.limit(); len(c.waiting) >= limit {
		l.drop(f, DropQueueFull, fmt.Sprintf("%d frames wait already", limit))
		return
	}
	c.waiting = append(c.waiting, f)
	if !c.sending {
		l.dequeue()
	}
}

// dequeue sends what waits, one frame after the other.
func (l *link) dequeue() {
	c := l.card
	c.sending = false
	for len(c.waiting) > 0 {
		f := c.waiting[0]
		c.waiting = c.waiting[1:]
		l.see(Sent, f)
		if takes := c.cable.spec.timeToSend(f); takes > 0 {
			c.sending = true
			l.world().after(takes, func() { l.carry(f); l.dequeue() })
			return
		}
		l.carry(f)
	}
}

// purge drops what waits, when the carrier goes. (net/sched/sch_generic.c: dev_deactivate, qdisc_reset.)
func (l *link) purge() {
	for _, f := range l.card.waiting {
		l.drop(f, DropQueuePurged, "the carrier has gone")
	}
	l.card.waiting = nil
}

// carry puts a frame that was sent on the cable. No kernel knows why one does not arrive.
func (l *link) carry(f frame) {
	c := l.card.cable
	switch {
	case c.state == cable.Blackhole || !l.running():
		l.drop(f, DropNotSpecified, "the cable carries nothing")
	case c.spec.Loss > 0 && l.card.rand.Float64() < c.spec.Loss:
		l.drop(f, DropNotSpecified, "lost on the cable")
	default:
		cuts := c.cuts
		f.host, f.mark, f.tracked = false, 0, tracked{} // what only this machine knows
		l.world().after(max(c.spec.Delay, HopDelay), func() { l.arrive(f, cuts) })
	}
}

// arrive hands a frame to the other end, unless the cable was cut since. A card takes no frame that is longer than its
// MTU allows.
func (l *link) arrive(f frame, cuts int) {
	if far := l.card.far; l.card.cable.cuts != cuts {
		l.drop(f, DropNotSpecified, "the cable was cut")
	} else if not := f.fits(far); not != "" {
		far.drop(f, not, describeMTU(f, far))
	} else {
		far.receive(f)
		l.world().taken = nil
	}
}

func (s CableSpec) limit() int {
	if s.Limit == 0 {
		return DefaultQueue
	}
	return s.Limit
}

// timeToSend is how long it takes until the last bit of a frame is sent.
func (s CableSpec) timeToSend(f frame) time.Duration {
	if s.Rate == 0 {
		return 0
	}
	return time.Duration(int64(f.length()) * 8 * int64(time.Second) / s.Rate)
}
