package twisted

import (
	"context"
	"io/fs"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A host asks its Kernel, which has every function, for everything.
type host struct {
	right kernel.Host
	k     *Kernel
}

// twisted returns the namespace with what is wrong.
func (h *host) twisted(ns kernel.NetNS, err error) (kernel.NetNS, error) {
	if err != nil {
		return nil, err
	}
	return &netns{right: ns, k: h.k}, nil
}

func (h *host) Self() (kernel.NetNS, error) {
	return h.twisted(h.k.Self(h.right))
}

func (h *host) OpenNetNS(path string) (kernel.NetNS, error) {
	return h.twisted(h.k.OpenNetNS(h.right, path))
}

func (h *host) AddNetNS(path string) error {
	return h.k.AddNetNS(h.right, path)
}

func (h *host) DeleteNetNS(path string) error {
	return h.k.DeleteNetNS(h.right, path)
}

func (h *host) Now() time.Time {
	return h.k.Now(h.right)
}

func (h *host) Sleep(ctx context.Context, d time.Duration) error {
	return h.k.Sleep(h.right, ctx, d)
}

func (h *host) ReadFile(name string) ([]byte, error) {
	return h.k.ReadFile(h.right, name)
}

func (h *host) ReadDir(name string) ([]fs.DirEntry, error) {
	return h.k.ReadDir(h.right, name)
}

func (h *host) Stat(name string) (fs.FileInfo, error) {
	return h.k.Stat(h.right, name)
}

func (h *host) MkdirAll(name string, perm fs.FileMode) error {
	return h.k.MkdirAll(h.right, name, perm)
}

func (h *host) WriteFile(name string, data []byte, perm fs.FileMode) error {
	return h.k.WriteFile(h.right, name, data, perm)
}

func (h *host) Link(old, name string) error {
	return h.k.Link(h.right, old, name)
}

func (h *host) Rename(old, name string) error {
	return h.k.Rename(h.right, old, name)
}

func (h *host) Remove(name string) error {
	return h.k.Remove(h.right, name)
}

func (h *host) LockFile(ctx context.Context, name string, wait time.Duration) (func(), error) {
	return h.k.LockFile(h.right, ctx, name, wait)
}

func (h *host) Exec(ctx context.Context, path string, env []string, stdin []byte) (kernel.Output, error) {
	return h.k.Exec(h.right, ctx, path, env, stdin)
}

func (h *host) IsSelf(path string) (bool, error) {
	return h.k.IsSelf(h.right, path)
}

func (h *host) BootID() (string, error) {
	return h.k.BootID(h.right)
}
