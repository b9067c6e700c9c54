package bench

import "slices"

// A Sample is what a reading was, time after time.
type Sample []float64

// Median is the value in the middle; of an even number, the mean of the two. It is 0 for none.
func (s Sample) Median() float64 { return s.quantile(0.5) }

// Quartiles bound the half of the values that is in the middle.
func (s Sample) Quartiles() (low, high float64) { return s.quantile(0.25), s.quantile(0.75) }

// quantile interpolates between the nearest values.
func (s Sample) quantile(q float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i == len(sorted)-1 {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
