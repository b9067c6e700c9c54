package sim

// A fifo is a queue, which keeps its room once it was empty.
type fifo[T any] struct {
	list []T
	head int // where the first is
}

func (q *fifo[T]) len() int { return len(q.list) - q.head }

func (q *fifo[T]) push(x T) { q.list = append(q.list, x) }

// pop takes the first out; there is one.
func (q *fifo[T]) pop() T {
	var none T
	first := q.list[q.head]
	q.list[q.head] = none
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
	}
	return first
}
