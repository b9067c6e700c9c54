package intercept

import (
	"context"
	"io/fs"
	slashpath "path"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
)

// A host sends the calls of a kernel.Host down the line. It embeds nothing: a method that is added to the contract has
// to be added here.
type host struct {
	backend kernel.Host
	line    *line
}

var _ kernel.Host = (*host)(nil)

func (h *host) Self() (kernel.NetNS, error) {
	return h.open(NetNSSelf, "", h.backend.Self)
}

func (h *host) OpenNetNS(path string) (kernel.NetNS, error) {
	return h.open(NetNSOpen, path, func() (kernel.NetNS, error) { return h.backend.OpenNetNS(path) })
}

// open wraps the handle that the backend gives, and closes one that a hook keeps from the caller.
func (h *host) open(op Op, path string, backend func() (kernel.NetNS, error)) (kernel.NetNS, error) {
	ns, err := value(h.line, op, "", path, backend)
	if err == nil {
		return &netns{backend: ns, line: h.line}, nil
	}
	if ns != nil {
		ns.Close()
	}
	return nil, err
}

func (h *host) AddNetNS(path string) error {
	o := operation.NetNSAdd{Name: slashpath.Base(path)}
	return h.ask(NetNSAdd, path, o, func() error { return h.backend.AddNetNS(path) })
}

func (h *host) DeleteNetNS(path string) error {
	o := operation.NetNSDelete{Name: slashpath.Base(path)}
	return h.ask(NetNSDelete, path, o, func() error { return h.backend.DeleteNetNS(path) })
}

func (h *host) Now() time.Time { return h.backend.Now() }

func (h *host) Sleep(ctx context.Context, d time.Duration) error {
	return h.line.do(ClockSleep, "", d.String(), func() error { return h.backend.Sleep(ctx, d) })
}

func (h *host) ReadFile(name string) ([]byte, error) {
	return value(h.line, FileRead, "", name, func() ([]byte, error) { return h.backend.ReadFile(name) })
}

func (h *host) ReadDir(name string) ([]fs.DirEntry, error) {
	return value(h.line, FolderRead, "", name, func() ([]fs.DirEntry, error) { return h.backend.ReadDir(name) })
}

func (h *host) Stat(name string) (fs.FileInfo, error) {
	return value(h.line, FileStat, "", name, func() (fs.FileInfo, error) { return h.backend.Stat(name) })
}

func (h *host) MkdirAll(name string, perm fs.FileMode) error {
	return h.line.do(FolderMake, "", name, func() error { return h.backend.MkdirAll(name, perm) })
}

func (h *host) WriteFile(name string, data []byte, perm fs.FileMode) error {
	return h.line.do(FileWrite, "", name, func() error { return h.backend.WriteFile(name, data, perm) })
}

func (h *host) Link(old, name string) error {
	return h.line.do(FileLink, "", old+" "+name, func() error { return h.backend.Link(old, name) })
}

func (h *host) Rename(old, name string) error {
	return h.line.do(FileRename, "", old+" "+name, func() error { return h.backend.Rename(old, name) })
}

func (h *host) Remove(name string) error {
	return h.line.do(FileRemove, "", name, func() error { return h.backend.Remove(name) })
}

func (h *host) LockFile(ctx context.Context, name string, wait time.Duration) (func(), error) {
	return held(h.line, FileLock, "", name, func() (func(), error) { return h.backend.LockFile(ctx, name, wait) })
}

func (h *host) Exec(ctx context.Context, path string, env []string, stdin []byte) (kernel.Output, error) {
	return value(h.line, ProgramExec, "", path, func() (kernel.Output, error) {
		return h.backend.Exec(ctx, path, env, stdin)
	})
}

func (h *host) IsSelf(path string) (bool, error) {
	return value(h.line, ProgramIsSelf, "", path, func() (bool, error) { return h.backend.IsSelf(path) })
}

func (h *host) BootID() (string, error) {
	return value(h.line, HostBootID, "", "", h.backend.BootID)
}
