//go:build linux

package linux

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// tooFast is what is said of a table that was never the same from its reading's begin to its end.
const tooFast = "the tables change faster than they can be read"

// fail turns what a library or a system call answered into the contract's error; nil stays nil.
func fail(op, netns, object string, err error) error {
	if err == nil {
		return nil
	}
	errno, detail := explain(err)
	return &kernel.Error{Op: op, NetNS: netns, Object: object, Errno: errno, Detail: detail}
}

// explain finds the errno inside err, and the words of the kernel beside it.
func explain(err error) (kernel.Errno, string) {
	var ours kernel.Errno
	var theirs syscall.Errno
	switch {
	case errors.As(err, &ours):
		return ours, words(err, ours)
	case errors.As(err, &theirs):
		return kernel.Errno(theirs), words(err, theirs)
	case errors.Is(err, os.ErrClosed):
		return kernel.EBADF, ""
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return kernel.ECANCELED, ""
	case errors.Is(err, os.ErrDeadlineExceeded):
		return kernel.ETIMEDOUT, ""
	}
	return kernel.EIO, err.Error()
}

// words returns what stands behind the errno in "file exists: name is taken", the form that [because] gives to the
// kernel's own words, and to a reason of ours.
func words(err, errno error) string {
	detail, _ := strings.CutPrefix(err.Error(), errno.Error()+": ")
	if detail == err.Error() {
		return ""
	}
	return detail
}

// is reports whether err is this errno, extended acknowledgement or not.
func is(err error, errno syscall.Errno) bool { return errors.Is(err, errno) }

// because is an errno with a reason.
//
//go:noinline // see attrUint32
func because(errno syscall.Errno, reason string) error { return &reasoned{errno, reason} }

type reasoned struct {
	errno  syscall.Errno
	reason string
}

func (r *reasoned) Error() string { return r.errno.Error() + ": " + r.reason }
func (r *reasoned) Unwrap() error { return r.errno }

// attempts bounds how often an interrupted call is tried again: for some two seconds.
const attempts = 150

// retry calls until it is not interrupted (EINTR): by a signal, of which the Go runtime sends itself some, or by a
// change to what is being read. Where changes do not end it is tried ever more seldom, since whoever makes them needs the
// processors too.
func retry[T any](call func() (T, error)) (result T, err error) {
	for i := range attempts {
		time.Sleep(time.Duration(min(i/10, 20)) * time.Millisecond)
		if result, err = call(); !is(err, syscall.EINTR) {
			break
		}
	}
	return result, err
}
