package kerneltest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"reflect"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// An env is what a law works with: a host, and what is to be cleaned up on it.
type env struct {
	kernel.Host
	law      string
	ctx      context.Context
	cleanups []func() error
}

// Patience is how long a law waits for what Linux does in its own time: operational states, duplicate address
// detection, the death of a namespace.
const Patience = 10 * time.Second

// poll is the time between two looks at what is waited for.
const poll = 5 * time.Millisecond

// A breach ends a law that is broken.
type breach struct{ error }

// A leftOut ends a law that is about something that the backend lacks.
type leftOut string

func (e *env) breach(format string, args ...any) {
	panic(breach{fmt.Errorf(format, args...)})
}

// atEnd has f called when the law has ended, the last one first.
func (e *env) atEnd(f func() error) { e.cleanups = append(e.cleanups, f) }

func (e *env) cleanUp() error {
	var errs []error
	for i := len(e.cleanups) - 1; i >= 0; i-- {
		errs = append(errs, e.cleanups[i]())
	}
	return errors.Join(errs...)
}

// ok demands that what was done has succeeded.
func (e *env) ok(err error, what string, args ...any) {
	if err != nil {
		e.breach("%s: want success, got %w", fmt.Sprintf(what, args...), err)
	}
}

// refused demands that what was done has failed with this errno, and that the error is of the contract's type.
func (e *env) refused(err error, want kernel.Errno, what string, args ...any) {
	what = fmt.Sprintf(what, args...)
	if err == nil {
		e.breach("%s: want %s, got success", what, want.Name())
	}
	if !errors.Is(err, want) {
		e.breach("%s: want %s, got %w", what, want.Name(), err)
	}
	if _, ok := errors.AsType[*kernel.Error](err); !ok {
		e.breach("%s: want a *kernel.Error, got %T: %w", what, err, err)
	}
}

// mayBeRefused demands that what was done has succeeded, or failed with this errno: kernels differ.
func (e *env) mayBeRefused(err error, with kernel.Errno, what string, args ...any) {
	if err != nil {
		e.refused(err, with, what, args...)
	}
}

// equal demands that a value is as it should be.
func equal[T any](e *env, got, want T, what string, args ...any) {
	if !reflect.DeepEqual(got, want) {
		e.breach("%s: want %+v, got %+v", fmt.Sprintf(what, args...), want, got)
	}
}

// eventually demands that a value becomes as it should be while the host's time goes on.
func eventually[T any](e *env, get func() T, want T, what string, args ...any) {
	if r, ok := e.Host.(recorded); ok {
		defer r.recorder.wait()()
	}
	deadline := e.Now().Add(Patience)
	for {
		got := get()
		if reflect.DeepEqual(got, want) {
			return
		}
		if !e.Now().Before(deadline) {
			e.breach("%s: want %+v within %s, got %+v", fmt.Sprintf(what, args...), want, Patience, got)
		}
		e.ok(e.Sleep(e.ctx, poll), "sleep while waiting for: "+what, args...)
	}
}

// scratchPath returns the folder below which a law makes files.
func scratchPath(law string) string { return "/run/cnilab-law-" + shortName(law) }

// folder makes the law's folder, empty, and takes it away with all that is in it in the end.
func (e *env) folder() string {
	folder := scratchPath(e.law)
	e.ok(e.MkdirAll(folder, 0o755), "make the folder for the law")
	e.atEnd(func() error { return e.removeAll(folder) })
	return folder
}

// file makes a file in a folder and returns its name.
func (e *env) file(folder, name, content string) string {
	file := path.Join(folder, name)
	e.ok(e.WriteFile(file, []byte(content), 0o644), "write %s", file)
	return file
}

// content returns what a file holds.
func (e *env) content(file string) string {
	data, err := e.ReadFile(file)
	e.ok(err, "read %s", file)
	return string(data)
}

func (e *env) removeAll(folder string) error {
	entries, err := e.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		remove := e.Remove
		if entry.IsDir() {
			remove = e.removeAll
		}
		if err := remove(path.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return e.Remove(folder)
}
