package sim

import (
	"bytes"
	"context"
	"path"

	"github.com/cnilab/cnilab/kernel"
)

// Install puts a program into the machine's file system, executable by everyone, in place of what was there. Its
// folder is made. Further names are made by Link: they are the same file, as IsSelf sees it.
func (h *Host) Install(name string, p kernel.Program) error {
	if err := h.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := h.WriteFile(name, nil, 0o755); err != nil {
		return err
	}
	h.world.update(func() {
		n, _ := h.walk(name)
		n.program, n.perm = p, 0o755
	})
	return nil
}

// Exec is kernel.Programs'. The program runs in the calling goroutine. A panic in it is the caller's to handle.
func (h *Host) Exec(ctx context.Context, name string, env []string, stdin []byte) (out kernel.Output, err error) {
	var exe *inode
	h.world.update(func() {
		var r *refusal
		exe, r = h.executable(name)
		err = fail("exec", name, r)
	})
	if err == nil && ctx.Err() == nil {
		out = h.run(ctx, exe, name, env, stdin)
	}
	if ctx.Err() != nil { // os/exec, too, says so before all else
		return kernel.Output{}, fail("exec", name, refuse(kernel.ECANCELED))
	}
	return out, err
}

func (h *Host) run(ctx context.Context, exe *inode, name string, env []string, stdin []byte) kernel.Output {
	var stdout, stderr bytes.Buffer
	view, exit := h.start(exe)
	defer exit()
	status := exe.program(ctx, kernel.Invocation{
		Name: path.Base(name), Env: env, Stdin: bytes.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
	}, view)
	return kernel.Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Exit: status}
}

// executable is what execve(2) looks at.
func (m *machine) executable(name string) (*inode, *refusal) {
	n, r := m.walk(name)
	switch {
	case r != nil:
		return nil, r
	case n.folder != nil || n.perm&0o111 == 0:
		return nil, refuse(kernel.EACCES) // do_open_execat
	case n.program == nil:
		return nil, refuse(kernel.ENOEXEC)
	}
	return n, nil
}

// IsSelf is kernel.Programs'.
func (h *Host) IsSelf(name string) (self bool, err error) {
	h.world.update(func() {
		n, r := h.walk(name)
		self = n != nil && n == h.process.exe
		err = fail("stat", name, r)
	})
	return self, err
}
