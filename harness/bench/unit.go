package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Unit is what values are of, and how people write them.
type Unit int

// The units, with the base unit that values are given in.
const (
	Seconds       Unit = iota // as ns, µs, ms or s
	Bytes                     // all digits, in groups
	BitsPerSecond             // as Mbit/s or Gbit/s
	Pieces                    // of anything that is counted
)

// A prefix is a multiple of a base unit.
type prefix struct {
	size float64
	name string
}

// prefixes are those in use, by ascending size.
var prefixes = map[Unit][]prefix{
	Seconds:       {{1e-9, "ns"}, {1e-6, "µs"}, {1e-3, "ms"}, {1, "s"}},
	BitsPerSecond: {{1e6, "Mbit/s"}, {1e9, "Gbit/s"}},
}

// Format writes a value with three digits, as large a unit as leaves something before the point, and no exponent.
func (u Unit) Format(v float64) string {
	p, ok := u.prefixOf(v)
	if !ok {
		return grouped(v)
	}
	return digits(v/p.size) + " " + p.name
}

// bound writes a value that somebody chose: without zeros behind the point.
func (u Unit) bound(v float64) string {
	number, unit, found := strings.Cut(u.Format(v), " ")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	if !found {
		return number
	}
	return number + " " + unit
}

// span writes a range of values, in the unit that fits another.
func (u Unit) span(low, high, like float64) string {
	p, ok := u.prefixOf(like)
	if !ok {
		return grouped(low) + "–" + grouped(high)
	}
	return digits(low/p.size) + "–" + digits(high/p.size)
}

func (u Unit) prefixOf(v float64) (fits prefix, ok bool) {
	for i, p := range prefixes[u] {
		if i == 0 || v >= p.size {
			fits, ok = p, true
		}
	}
	return fits, ok
}

// digits writes three of them, or all before the point.
func digits(v float64) string {
	if v == 0 {
		return "0"
	}
	after := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(v, 'f', max(0, min(after, 3)), 64)
}

// grouped writes a whole number as 3,859,000, and others with one digit behind the point.
func grouped(v float64) string {
	if v != math.Trunc(v) && v < 1000 {
		return fmt.Sprintf("%.1f", v)
	}
	text := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
