package hostlocal

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
)

// A RangeSet is ranges of one family, of which an attachment gets one address.
type RangeSet []Range

func newRangeSet(keys []rangeKeys) (RangeSet, error) {
	if len(keys) == 0 {
		return nil, errors.New("empty range set")
	}
	var set RangeSet
	for _, k := range keys {
		r, err := newRange(k)
		if err != nil {
			return nil, err
		}
		set = append(set, r)
	}
	return set, set.validate()
}

func (s RangeSet) validate() error {
	for _, r := range s[1:] {
		if r.First.BitLen() != s[0].First.BitLen() {
			return errors.New("mixed address families")
		}
	}
	for i, a := range s {
		for _, b := range s[i+1:] {
			if a.overlaps(b) {
				return fmt.Errorf("subnets %s and %s overlap", a, b)
			}
		}
	}
	return nil
}

// rangeOf returns the index of the range that has the address; -1 where none has.
func (s RangeSet) rangeOf(a netip.Addr) int {
	for i, r := range s {
		if r.Contains(a) {
			return i
		}
	}
	return -1
}

// Contains reports whether a range of the set has the address.
func (s RangeSet) Contains(a netip.Addr) bool { return s.rangeOf(a) >= 0 }

func (s RangeSet) overlaps(o RangeSet) bool {
	for _, a := range s {
		for _, b := range o {
			if a.overlaps(b) {
				return true
			}
		}
	}
	return false
}

func (s RangeSet) String() string {
	var words []string
	for _, r := range s {
		words = append(words, r.String())
	}
	return strings.Join(words, ",")
}

// After goes once around the set, beginning with the address after last, or with the first one where last is not of
// the set. What no container can have is left out.
func (s RangeSet) After(last netip.Addr) iter.Seq[netip.Addr] {
	start := place{0, s[0].First}
	if i := s.rangeOf(last); i >= 0 {
		start = s.following(place{i, last})
	}
	return func(yield func(netip.Addr) bool) {
		for p, begun := start, false; !begun || p != start; p, begun = s.following(p), true {
			if s[p.in].usable(p.addr) && !yield(p.addr) {
				return
			}
		}
	}
}

// A place is an address and the index of the range it is of.
type place struct {
	in   int
	addr netip.Addr
}

func (s RangeSet) following(p place) place {
	if p.addr != s[p.in].Last {
		return place{p.in, p.addr.Next()}
	}
	next := (p.in + 1) % len(s)
	return place{next, s[next].First}
}
