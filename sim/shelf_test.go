package sim

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A shelf has what a map has, whatever the starts: at their high bits or at their low ones, and zero among them.
func TestShelfIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Custom(func(t *rapid.T) uint64 {
			return rapid.Uint64Range(0, 40).Draw(t, "start") << rapid.SampledFrom([]int{0, 32, 58}).Draw(t, "bits")
		})
		filed := rapid.MapOf(start, rapid.SliceOfN(rapid.Int32Range(0, 9), 1, 3)).Draw(t, "filed")
		shelf := newShelf(filed)
		for _, s := range rapid.SliceOf(start).Draw(t, "asked for") {
			if got := shelf.at(s); !slices.Equal(got, filed[s]) {
				t.Fatalf("at %#x are %v, want %v", s, got, filed[s])
			}
		}
		for s, want := range filed {
			if got := shelf.at(s); !slices.Equal(got, want) {
				t.Fatalf("at %#x are %v, want %v", s, got, want)
			}
		}
	})
}
