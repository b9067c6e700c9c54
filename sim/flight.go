package sim

import "time"

// A flight is frames that arrive at one instant, one after the other, as nothing else was asked for in between: those of a
// flood above all, of which each would else be an event of its own.
type flight struct {
	world *World
	event *event
	first [1]arrival // room for what most have
	left  []arrival
}

// An arrival is a frame that gets to a device.
type arrival struct {
	to    *link
	frame *frame // which those of a flood share
}

// fly has a frame arrive at a device in HopDelay from now.
func (w *World) fly(to *link, f frame) {
	if last := w.lastFlight; last != nil && w.clock.isLast(last.event, HopDelay) {
		last.add(to, f)
		return
	}
	next := &flight{world: w}
	next.left = append(next.first[:0], arrival{to, new(f)})
	next.event = w.clock.afterInParts(HopDelay, next.land)
	w.lastFlight = next
}

func (f *flight) add(to *link, next frame) {
	last := f.left[len(f.left)-1].frame
	if !last.is(next) {
		last = new(next)
	}
	f.left = append(f.left, arrival{to, last})
}

// land lets frames arrive, and reports whether all have. It leaves off behind one that transports hear of, or linkwatch: who
// waits for them goes on before the next one arrives. But segments of TCP that come to one device in a row are handed over
// together. It is called with no lock held.
func (f *flight) land() (all bool) {
	f.world.update(func() {
		for all = f.landNext(); !all && (f.world.nothingLeft() || f.joinsHandover()); {
			all = f.landNext()
		}
	})
	return all
}

// joinsHandover reports whether all that is left to others is a handover, which the next frame will most likely join.
func (f *flight) joinsHandover() bool {
	w, next := f.world, f.left[0]
	if w.handover == nil || w.outbox.len() != 1 || w.disturbed.len() > 0 || len(w.fired) > 0 {
		return false
	}
	if next.frame.kind != typeIPv4 && next.frame.kind != typeIPv6 {
		return false
	}
	p, ok := next.frame.packet()
	return ok && w.handover.takes(next.to.ns, p)
}

// landNext lets one frame arrive, and reports whether it was the last.
func (f *flight) landNext() (last bool) {
	a := f.left[0]
	f.left = f.left[1:]
	if !a.to.gone && a.to.up {
		a.to.receive(*a.frame)
		f.world.taken = nil
	}
	return len(f.left) == 0
}

// nothingLeft reports whether what was done to the tables has left nothing to others.
func (w *World) nothingLeft() bool {
	return w.outbox.len() == 0 && w.disturbed.len() == 0 && len(w.fired) == 0
}

// afterInParts is after, for what may be interrupted by those who wait: run reports whether it is over, and is called again
// at once where it is not, before all else that is to happen at that instant.
func (c *clock) afterInParts(d time.Duration, run func() (over bool)) *event {
	e := new(event)
	e.run = func() {
		if !run() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.queue.putBack(e)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scheduleEvent(e, d)
	return e
}

// isLast reports whether an event is yet to come, is as far away as this, and none was asked for after it.
func (c *clock) isLast(e *event, d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.last == e && e.at == c.now+d
}
