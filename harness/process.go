package harness

import (
	"bytes"
	"context"
	"sync/atomic"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// A Process is one run of a program on a machine with faults.
type Process struct {
	kernel.Host // as the program sees it

	meet    meeting
	machine kernel.Host
	dead    atomic.Bool
}

// A meeting tells which fault a call meets, if any.
type meeting func(intercept.Call) (Fault, bool)

// Start returns a process on the host. Whoever makes its calls there meets the faults, and may die of one.
func (f *Faults) Start(h kernel.Host) *Process { return meeting(f.meet).start(h) }

func (m meeting) start(h kernel.Host) *Process {
	p := &Process{meet: m, machine: h}
	p.Host = intercept.Wrap(h, p.hook)
	return p
}

// Dead reports whether the process has crashed. Since then none of its calls has reached the machine.
func (p *Process) Dead() bool { return p.dead.Load() }

// killed is the exit status of a program that SIGKILL ended.
const killed = 128 + 9

// Program returns the program on a machine with faults. One that crashes has printed nothing.
func (f *Faults) Program(program kernel.Program) kernel.Program {
	return meeting(f.meet).program(program)
}

func (m meeting) program(program kernel.Program) kernel.Program {
	return func(ctx context.Context, in kernel.Invocation, h kernel.Host) (exit int) {
		var stdout bytes.Buffer
		terminal := in.Stdout
		in.Stdout = &stdout
		p := m.start(h)
		exit = program(ctx, in, p)
		if p.Dead() {
			return killed
		}
		if _, err := terminal.Write(stdout.Bytes()); err != nil && exit == 0 {
			return 1
		}
		return exit
	}
}

func (p *Process) hook(c intercept.Call, next func() error) error {
	if p.Dead() {
		return c.Crashed()
	}
	fault, ok := p.meet(c)
	if !ok {
		return next()
	}
	if fault.When != Before {
		if err := next(); err != nil {
			return err
		}
	}
	if fault.When == Torn {
		p.tear(c)
	}
	if fault.Errno != 0 {
		return c.Faulted(fault.Errno)
	}
	p.dead.Store(true)
	return c.Crashed()
}

// tear leaves half of a file that was just written.
func (p *Process) tear(c intercept.Call) {
	if c.Op != intercept.FileWrite {
		return
	}
	if whole, err := p.machine.ReadFile(c.Object); err == nil {
		_ = p.machine.WriteFile(c.Object, whole[:len(whole)/2], 0o600) // it exists, and keeps its mode
	}
}
