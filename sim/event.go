package sim

import (
	"container/heap"
	"time"
)

// An event is something that will happen at an instant of the world's time.
type event struct {
	at   time.Duration // since the start of the world
	seq  uint64        // when it was asked for, among the events of one instant
	run  func()        // called with no lock held
	pos  int32         // in the heap, or one of the following
	idle bool          // nobody waits for what comes of it
	next *event        // of the same instant, asked for after it
}

// Where an event is that is not in the heap.
const (
	gone   = -1 // not in the queue
	queued = -2 // behind another one of its instant
)

// events are ordered by time and, within one instant, by when they were asked for. Those of one instant that were asked
// for in a row, as by a flood, stand in a queue, whose first one alone is in the heap.
type events struct {
	heap   eventHeap
	last   *event // asked for last, if it is still the end of a queue
	wanted int    // how many there are that are not idle
}

func (q *events) add(e *event) {
	q.count(e, 1)
	if q.last != nil && q.last.at == e.at {
		q.last.next, e.pos = e, queued
	} else {
		heap.Push(&q.heap, e)
	}
	q.last = e
}

// putBack has an event that was taken out come again, before all others of its instant.
func (q *events) putBack(e *event) {
	q.count(e, 1)
	heap.Push(&q.heap, e)
}

func (q *events) count(e *event, n int) {
	if !e.idle {
		q.wanted += n
	}
}

// first returns the earliest event, nil where there is none.
func (q *events) first() *event {
	if len(q.heap) == 0 {
		return nil
	}
	return q.heap[0]
}

// next takes the earliest event out, nil where there is none.
func (q *events) next() *event {
	e := q.first()
	if e != nil {
		q.count(e, -1)
		q.drop(e)
	}
	return e
}

// remove takes e out and reports whether it was still there.
func (q *events) remove(e *event) bool {
	if e.pos == gone {
		return false
	}
	q.count(e, -1)
	switch e.pos {
	case queued:
		e.pos, e.run = gone, nil // who is before it lets go of it
	default:
		q.drop(e)
	}
	return true
}

// drop takes the first one of a queue out of the heap, and puts the next one that is still there in its place.
func (q *events) drop(first *event) {
	next := first.next
	first.next = nil
	for next != nil && next.pos == gone {
		next = next.next
	}
	if next == nil {
		if q.last != nil && q.last.at == first.at {
			q.last = nil
		}
		heap.Remove(&q.heap, int(first.pos))
		return
	}
	at := first.pos
	q.heap[at], next.pos, first.pos = next, at, gone
	heap.Fix(&q.heap, int(at))
}

// eventHeap is a heap.Interface.
type eventHeap []*event

func (h eventHeap) Len() int { return len(h) }

func (h eventHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h eventHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = int32(i), int32(j)
}

// Push is heap.Interface's; use add.
func (h *eventHeap) Push(x any) {
	e := x.(*event)
	e.pos = int32(len(*h))
	*h = append(*h, e)
}

// Pop is heap.Interface's; use next.
func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.pos = gone
	return e
}
