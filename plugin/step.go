package plugin

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// A step of a verb. Its name says what it does: "create the veth pair".
type step struct {
	name string
	do   func(context.Context) error
}

// run does the steps in order, up to the first that fails. A panic is a failure like any other, so that what came
// before it is undone.
func run(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if err := s.guarded(ctx); err != nil {
			return &stepError{s.name, err}
		}
	}
	return nil
}

// runAll does all steps in order, whether or not others fail, and returns their errors.
func runAll(ctx context.Context, steps []step) error {
	var failures []error
	for _, s := range steps {
		if err := s.guarded(ctx); err != nil {
			failures = append(failures, &stepError{s.name, err})
		}
	}
	return errors.Join(failures...)
}

func (s step) guarded(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = types.NewError(types.ErrInternal, fmt.Sprintf("panic: %v", r), string(debug.Stack()))
		}
	}()
	if ctx.Err() != nil {
		return kernel.ECANCELED
	}
	return s.do(ctx)
}

// An undo is what has to be done, in reverse, for a verb that failed to leave nothing behind. A step is pushed before
// what it undoes is tried, because a call can take effect and fail; it must do no harm where there is nothing to undo.
type undo struct {
	steps []step
}

func (u *undo) push(name string, do func(context.Context) error) {
	u.steps = append(u.steps, step{"undo: " + name, do})
}

// pop takes the last step away: what it would undo turned out to be somebody else's.
func (u *undo) pop() { u.steps = u.steps[:len(u.steps)-1] }

// run does all steps, the last one first. The runtime's having lost its patience is no reason to leave a mess.
func (u *undo) run(ctx context.Context) error {
	steps := u.steps
	u.steps = nil
	slices.Reverse(steps)
	return runAll(context.WithoutCancel(ctx), steps)
}
