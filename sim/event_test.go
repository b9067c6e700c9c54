package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestEventsAreOrdered compares the queue with a plain list, with events of few instants that come, go and are taken
// back.
func TestEventsAreOrdered(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var q events
	var list, done []*event
	for seq := range uint64(50_000) {
		switch n := random.IntN(10); {
		case n < 5:
			e := &event{at: time.Duration(random.IntN(4)), seq: seq}
			q.add(e)
			at := slices.IndexFunc(list, func(o *event) bool { return o.at > e.at })
			if at < 0 {
				at = len(list)
			}
			list = slices.Insert(list, at, e)
		case n < 8 && len(list) > 0:
			if got := q.next(); got != list[0] {
				t.Fatalf("next is %v, want %v", got, list[0])
			}
			list, done = list[1:], append(done, list[0])
		case len(list) > 0:
			i := random.IntN(len(list))
			if !q.remove(list[i]) {
				t.Fatalf("%v is not there", list[i])
			}
			done = append(done, list[i])
			list = slices.Delete(list, i, i+1)
		case q.next() != nil:
			t.Fatal("there is one too many")
		}
		if len(done) > 0 && q.remove(done[random.IntN(len(done))]) {
			t.Fatal("an event was there after it was gone")
		}
	}
}
