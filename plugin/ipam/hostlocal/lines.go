package hostlocal

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// lines are those of an index file, by ascending address, of which some are looked up and changed where they stand: to read
// thousands takes milliseconds, of an operation that is about one.
type lines string

// heading is the first line of an index file that has all leases: how many bytes come behind it. (Releases that do not know
// it pass it over.)
const heading = "all %d\n"

// withHeading returns the content of an index file that has all leases.
func (t lines) withHeading() string {
	if t == "" {
		return ""
	}
	return fmt.Sprintf(heading, len(t)) + string(t)
}

// cutHeading returns the lines of an index file that has all leases.
func cutHeading(content string) (t lines, ok bool) {
	first, rest, _ := strings.Cut(content, "\n")
	bytes, ok := strings.CutPrefix(first, "all ")
	return lines(rest), ok && bytes == strconv.Itoa(len(rest))
}

// of returns the leases of an owner, by ascending address.
func (t lines) of(owner string) (own []lease) {
	end := " " + strconv.Quote(owner) + "\n"
	for from := 0; ; {
		at := strings.Index(string(t)[from:], end)
		if at < 0 {
			return own
		}
		at += from
		from = at + len(end)
		start := strings.LastIndexByte(string(t)[:at], '\n') + 1
		if l, err := parseLine(string(t)[start : from-1]); err == nil && l.owner == owner {
			own = append(own, l)
		}
	}
}

// find returns where the line of an address is, or would be, and the lease if it is there.
func (t lines) find(ip netip.Addr) (start, end int, l lease, ok bool) {
	low, high := 0, len(t)
	for low < high {
		middle := (low + high) / 2
		start = low + strings.LastIndexByte(string(t)[low:middle], '\n') + 1
		end = len(t)
		if length := strings.IndexByte(string(t)[middle:], '\n'); length >= 0 {
			end = middle + length + 1
		}
		word, _, _ := strings.Cut(string(t)[start:end], " ")
		at, err := netip.ParseAddr(word)
		switch {
		case err != nil || at.Less(ip):
			low = end
		case ip.Less(at):
			high = start
		default:
			l, err = parseLine(strings.TrimSuffix(string(t)[start:end], "\n"))
			return start, end, l, err == nil
		}
	}
	return low, low, lease{}, false
}

// with returns the lines with that of a lease.
func (t lines) with(l lease) lines {
	start, end, _, _ := t.find(l.ip)
	return t[:start] + lines(lineOf(l)) + t[end:]
}

// without returns the lines without that of an address.
func (t lines) without(ip netip.Addr) lines {
	start, end, _, _ := t.find(ip)
	return t[:start] + t[end:]
}
