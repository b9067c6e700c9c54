package hostlocal

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
)

// lines are an index file that has all leases: its heading, and a line for each, by ascending address. They are looked up
// and changed where they stand. To read thousands takes milliseconds, and so does to copy them (that is, to have the kernel
// find the pages for it), of an operation that is about one.
type lines []byte

// heading is the first line: how many bytes come behind it, and when the folder was modified that has these leases, in ns.
// (Releases that do not know it pass it over.)
const (
	heading     = "all %11d %19d\n"
	headingSize = 36
)

// newLines puts a heading, which is still to be filled in, before the lines of all leases.
func newLines(all string) lines {
	return append(fmt.Appendf(make([]byte, 0, headingSize+len(all)), heading, 0, 0), all...)
}

// linesOf are the content of an index file, if it has all leases of a folder that was modified then.
func linesOf(content []byte, modified int64) (t lines, ok bool) {
	if len(content) < headingSize {
		return nil, false
	}
	t = lines(content)
	return t, string(t[:headingSize]) == t.heading(modified)
}

func (t lines) heading(modified int64) string {
	return fmt.Sprintf(heading, len(t)-headingSize, modified)
}

// String is all but the heading.
func (t lines) String() string { return string(t[headingSize:]) }

// of returns the leases of an owner, by ascending address, and those of the container's id alone.
func (t lines) of(containerID, ifname string) (both, alone []lease) {
	id, line := unclosed(containerID), unclosed(ownerOf(containerID, ifname))
	rest := line[len(id):]
	for from := 0; ; {
		at := bytes.Index(t[from:], id)
		if at < 0 {
			return both, alone
		}
		start := bytes.LastIndexByte(t[:from+at], '\n') + 1
		from += at + len(id)
		behind := t[from:]
		into := &alone
		if bytes.HasPrefix(behind, rest) {
			into, behind = &both, behind[len(rest):]
		}
		if !bytes.HasPrefix(behind, []byte("\"\n")) {
			continue
		}
		if l, err := parseLine(string(t[start : len(t)-len(behind)+1])); err == nil {
			*into = append(*into, l)
		}
	}
}

// unclosed is how an owner stands in a line, but for the last quotation mark.
func unclosed(owner string) []byte {
	b := strconv.AppendQuote([]byte(" "), owner)
	return b[:len(b)-1]
}

// find returns where the line of an address is, or would be, and the lease if it is there.
func (t lines) find(ip netip.Addr) (start, end int, l lease, ok bool) {
	low, high := headingSize, len(t)
	for low < high {
		middle := (low + high) / 2
		start = low + bytes.LastIndexByte(t[low:middle], '\n') + 1
		end = len(t)
		if length := bytes.IndexByte(t[middle:], '\n'); length >= 0 {
			end = middle + length + 1
		}
		word, _, _ := bytes.Cut(t[start:end], []byte(" "))
		at, err := netip.ParseAddr(string(word))
		switch {
		case err != nil || at.Less(ip):
			low = end
		case ip.Less(at):
			high = start
		default:
			l, err = parseLine(string(bytes.TrimSuffix(t[start:end], []byte("\n"))))
			return start, end, l, err == nil
		}
	}
	return low, low, lease{}, false
}

// with returns the lines with that of a lease; t is used up.
func (t lines) with(l lease) lines {
	start, end, _, _ := t.find(l.ip)
	return t.replace(start, end, lineOf(l))
}

// without returns the lines without that of an address; t is used up.
func (t lines) without(ip netip.Addr) lines {
	start, end, _, _ := t.find(ip)
	return t.replace(start, end, "")
}

// replace does what slices.Replace does, in a tenth of the code.
func (t lines) replace(start, end int, line string) lines {
	size, grown := len(t), len(line)-(end-start)
	t = append(t, line[:max(grown, 0)]...) // for the room
	copy(t[start+len(line):], t[end:size])
	copy(t[start:], line)
	return t[:size+grown]
}
