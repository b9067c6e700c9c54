//go:build linux

package uml

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// memory is how much a kernel has, in MiB. What is not used costs nothing.
const memory = 2048

// bootTime is how long a kernel may take from its start to that of the program. It is 3 seconds on an idle machine.
const bootTime = 3 * time.Minute

// A Program is one run of a program. Nil streams are the null device.
type Program struct {
	Path    string   // of its file, outside; "" is this program
	Args    []string // without the program's name
	Env     []string // nil is the environment of this process; TMPDIR is left out
	Dir     string   // the working directory; "" is that of this process
	Folders []string // more folders that the program is to see

	Writable []string // folders that it may write, as far as the user may who called Run

	Stdin  io.Reader // is read to its end before the kernel boots
	Stdout io.Writer
	Stderr io.Writer
}

// Run boots a kernel, runs a program in it, and returns its exit status; 128 + signal for one that a signal ended. When
// the program ends, so does all that it has started. An error means that there is no status: the kernel could not be
// booted (see Available), it ended before the program, or ctx ended, and it was killed. Nothing stays in any case,
// nor when the caller is killed.
func Run(ctx context.Context, p Program) (exit int, err error) {
	k, err := Find()
	if err != nil {
		return 0, fmt.Errorf("uml: %w", err)
	}
	t, err := p.task(k)
	if err != nil {
		return 0, fmt.Errorf("uml: %w", err)
	}
	f, err := newFolder(t, p.Stdin)
	if err != nil {
		return 0, fmt.Errorf("uml: %w", err)
	}
	defer f.remove() // the keeper does it too, and outlives this process
	exit, err = f.boot(ctx, k, p)
	if err != nil {
		return 0, fmt.Errorf("uml: Linux %s: %w", k.Release, err)
	}
	return exit, nil
}

// task is what the first process inside has to know.
func (p Program) task(k Kernel) (task, error) {
	t := task{Path: p.Path, Env: p.Env, Dir: p.Dir, Modules: k.modules()}
	if t.Env == nil {
		t.Env = os.Environ()
	}
	if hasLargeState() {
		t.Env = withoutAVX(t.Env)
	}
	self, err := os.Executable()
	if err != nil {
		return t, err
	}
	if t.Path == "" {
		t.Path = self
	}
	if t.Path, err = filepath.Abs(t.Path); err != nil {
		return t, err
	}
	if t.Dir == "" {
		t.Dir = "."
	}
	if t.Dir, err = filepath.Abs(t.Dir); err != nil {
		return t, err
	}
	t.Args = append([]string{t.Path}, p.Args...)
	t.Folders = append([]string{filepath.Dir(t.Path), t.Dir}, p.Folders...)
	for _, folder := range p.Writable {
		if folder, err = filepath.Abs(folder); err != nil {
			return t, err
		}
		t.Writable = append(t.Writable, folder)
	}
	return t, nil
}

// boot boots the kernel and passes on what the program writes until it ends.
func (f folder) boot(ctx context.Context, k Kernel, p Program) (exit int, err error) {
	out, err := f.tail(outFile, p.Stdout)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	errs, err := f.tail(errFile, p.Stderr)
	if err != nil {
		return 0, err
	}
	defer errs.Close()
	keeper, err := startKeeper(k, f)
	if err != nil {
		return 0, err
	}
	err = f.watch(ctx, keeper, out, errs)
	if err == nil {
		exit, err = f.result()
	}
	return exit, errors.Join(err, keeper.end())
}

// watch passes on what is written until the kernel has ended.
func (f folder) watch(ctx context.Context, k *keeper, tails ...*tail) error {
	const pace = 10 * time.Millisecond
	tick := time.NewTicker(pace)
	defer tick.Stop()
	late := time.NewTimer(bootTime)
	defer late.Stop()
	for {
		var ended bool
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-late.C:
			if !f.started() {
				return f.consoleError(fmt.Sprintf("the kernel did not come up within %s", bootTime))
			}
		case <-k.ended:
			ended = true
		case <-tick.C:
		}
		for _, t := range tails {
			if err := t.pass(); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}
