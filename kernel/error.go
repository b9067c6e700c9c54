package kernel

import (
	"errors"
	"strings"
)

// An Error is a refused or failed call on a Host. Errno is the contract; the rest is for people.
type Error struct {
	Op     string // what was tried, in the words of ip(8): "link add", "route delete"
	NetNS  string // the label of the namespace it was tried in; empty for what belongs to the host
	Object string // what it was tried on: "cni0", "10.1.0.1/24 dev cni0"
	Errno  Errno  // Linux's answer
	Detail string // the kernel's own words (extended acknowledgement) where it gave some
}

// Error returns one line, as "link add cni0 in netns pod-a: file exists (EEXIST)".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Object != "" {
		b.WriteString(" " + e.Object)
	}
	if e.NetNS != "" {
		b.WriteString(" in netns " + e.NetNS)
	}
	b.WriteString(": " + e.Errno.Error())
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	return b.String()
}

// Unwrap returns the Errno, so that errors.Is(err, kernel.EEXIST) and errors.Is(err, fs.ErrExist) hold.
func (e *Error) Unwrap() error { return e.Errno }

// ErrnoOf returns the error number inside err, and 0 where there is none (nil included).
func ErrnoOf(err error) Errno {
	var errno Errno
	if errors.As(err, &errno) {
		return errno
	}
	return 0
}
