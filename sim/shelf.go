package sim

import "math/bits"

// A shelf has places by the start under which they are filed. It is never changed: a look-up of what is not there, which is
// what most packets find, fetches one line of memory, where a map of Go's takes three.
type shelf struct {
	slots  []shelfSlot // a power of two of them; the place of a start is a free one where it is not there
	shift  int         // of a product of 64 bits, so that the number of a slot is left
	places []int32
}

// A shelfSlot says which of the places are filed under a start.
type shelfSlot struct {
	start      uint64
	first, end int32 // the same: it is free
}

// newShelf makes one of what is filed, at most half of it full.
func newShelf(filed map[uint64][]int32) shelf {
	size := bits.Len(uint(2 * len(filed)))
	s := shelf{slots: make([]shelfSlot, 1<<size), shift: 64 - size}
	for start, places := range filed {
		first := int32(len(s.places))
		s.places = append(s.places, places...)
		*s.slot(start) = shelfSlot{start, first, int32(len(s.places))}
	}
	return s
}

// at are the places that are filed under a start.
func (s *shelf) at(start uint64) []int32 {
	slot := s.slot(start)
	return s.places[slot.first:slot.end]
}

// slot is that of a start, or the free one that it would have.
func (s *shelf) slot(start uint64) *shelfSlot {
	for i := start * golden >> s.shift; ; i++ {
		slot := &s.slots[i&uint64(len(s.slots)-1)]
		if slot.start == start || slot.first == slot.end {
			return slot
		}
	}
}
