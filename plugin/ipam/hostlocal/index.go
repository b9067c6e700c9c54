package hostlocal

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"strconv"
	"strings"
)

// An index remembers what the lease files said, so that an ADD among thousands need not read them all, and during which
// boot of the machine each was first seen. It is a hint: a line counts while the file of its address has the line's
// stamp, and before anything is deleted or refused because of it, the file is read. Without an index, or with a wrong
// one, all is found out from the files, but for the boots.
//
// Its first line says whether it has all leases, and when the folder was modified that had them. As long as that is so,
// nobody has made or deleted a lease since, and it still has: see lines.
type index map[netip.Addr]lease

// parseIndex reads the lines of an index file; what it does not understand it passes over.
func parseIndex(content []byte) index {
	known := index{}
	for line := range bytes.Lines(content) {
		if l, err := parseLine(string(bytes.TrimSuffix(line, []byte("\n")))); err == nil {
			known[l.ip] = l
		}
	}
	return known
}

// lineOf has address, time, size, boot and owner.
func lineOf(l lease) string {
	return fmt.Sprintf("%s %d %d %s %q\n", l.ip, l.stamp.modified, l.stamp.size, l.boot, l.owner)
}

// parseLine does without fmt.Sscanf, which takes ten times as long.
func parseLine(line string) (l lease, err error) {
	words := strings.SplitN(line, " ", 5)
	if len(words) < 5 {
		return l, strconv.ErrSyntax
	}
	var failures [4]error
	l.ip, failures[0] = netip.ParseAddr(words[0])
	l.stamp.modified, failures[1] = strconv.ParseInt(words[1], 10, 64)
	l.stamp.size, failures[2] = strconv.ParseInt(words[2], 10, 64)
	l.boot = words[3]
	l.owner, failures[3] = strconv.Unquote(words[4])
	return l, errors.Join(failures[:]...)
}

// String returns the lines. Leases whose boot is not known are left out, since only an ADD asks for the boot.
func (x index) String() string {
	var b strings.Builder
	ips := make([]netip.Addr, 0, len(x))
	for ip := range x {
		ips = append(ips, ip)
	}
	sort.Slice(ips, func(i, j int) bool { return ips[i].Less(ips[j]) })
	for _, ip := range ips {
		if l := x[ip]; l.boot != "" && !l.torn() {
			b.WriteString(lineOf(l))
		}
	}
	return b.String()
}

// isComplete reports whether the lines are all leases.
func (x index) isComplete() bool {
	for _, l := range x {
		if l.boot == "" && !l.torn() {
			return false
		}
	}
	return true
}

// of returns the leases of an owner, by ascending address.
func (x index) of(owner string) (own []lease) {
	for _, l := range x {
		if l.owner == owner {
			own = append(own, l)
		}
	}
	sort.Slice(own, func(i, j int) bool { return own[i].ip.Less(own[j].ip) })
	return own
}

// readIndex returns the content of the index file, nil where there is none.
func (s store) readIndex() ([]byte, error) {
	content, err := s.files.ReadFile(s.index)
	if isGone(err) {
		return nil, nil
	}
	return content, err
}

// writeIndex keeps no empty index.
func (s store) writeIndex(content []byte) error {
	if len(content) == 0 {
		return s.remove(s.index)
	}
	return s.replace(s.index, content)
}
