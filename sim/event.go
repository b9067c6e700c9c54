package sim

import (
	"container/heap"
	"time"
)

// An event is something that will happen at an instant of the world's time.
type event struct {
	at  time.Duration // since the start of the world
	seq uint64        // when it was asked for, among the events of one instant
	run func()        // called with no lock held
	pos int           // in the queue; -1 once it has left it
}

// events is a heap ordered by time and, within one instant, by when the events were asked for.
type events []*event

func (q events) Len() int { return len(q) }

func (q events) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].seq < q[j].seq
}

func (q events) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].pos, q[j].pos = i, j
}

// Push is heap.Interface's; use add.
func (q *events) Push(x any) {
	e := x.(*event)
	e.pos = len(*q)
	*q = append(*q, e)
}

// Pop is heap.Interface's; use next.
func (q *events) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	e.pos = -1
	return e
}

func (q *events) add(e *event) { heap.Push(q, e) }

// next takes the earliest event out, nil where there is none.
func (q *events) next() *event {
	if len(*q) == 0 {
		return nil
	}
	return heap.Pop(q).(*event)
}

// remove takes e out and reports whether it was still there.
func (q *events) remove(e *event) bool {
	if e.pos < 0 {
		return false
	}
	heap.Remove(q, e.pos)
	return true
}
