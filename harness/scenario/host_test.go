package scenario

import "testing"

// TestFormatRate writes rates as they are read.
func TestFormatRate(t *testing.T) {
	for rate, want := range map[int64]string{
		1: "1bit", 1_500: "1500bit", 2_000: "2kbit", 1_500_000: "1500kbit", 100_000_000: "100mbit", 3_000_000_000: "3gbit",
	} {
		got := FormatRate(rate)
		if again, err := parseRate(got); got != want || again != rate || err != nil {
			t.Errorf("%d: %s, which is read as %d, %v; want %s", rate, got, again, err, want)
		}
	}
}
