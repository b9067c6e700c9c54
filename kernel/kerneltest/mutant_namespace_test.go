package kerneltest

import (
	"context"
	"errors"
	"path"
	"strconv"
	"time"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

func namespaceMutants() []mutant {
	return []mutant{
		{"netns/self", "labels it by its path", twist{Name: func(kernel.NetNS) string { return "net" }}},
		{"netns/open/absent", "makes a namespace that is not there", twist{OpenNetNS: makeAbsent}},
		{"netns/open/plain-file", "says EPERM", confuse(intercept.NetNSOpen, kernel.EINVAL, kernel.EPERM)},
		{"netns/open/folder", "says EISDIR", confuse(intercept.NetNSOpen, kernel.EINVAL, kernel.EISDIR)},
		{"netns/open/below-a-file", "says ENOENT", confuse(intercept.NetNSOpen, kernel.ENOTDIR, kernel.ENOENT)},
		{"netns/open/name", "labels it by its whole path", twist{Name: func(ns kernel.NetNS) string {
			return path.Join(kernel.NetNSDir, ns.Name())
		}}},
		{"netns/add/twice", "says nothing", swallow(intercept.NetNSAdd, kernel.EEXIST)},
		{"netns/add/file-in-the-way", "replaces the file", twist{AddNetNS: replaceFile}},
		{"netns/add/folder-absent", "makes the folder", twist{AddNetNS: func(h kernel.Host, name string) error {
			return errors.Join(h.MkdirAll(path.Dir(name), 0o755), h.AddNetNS(name))
		}}},
		{"netns/delete/absent", "says nothing", swallow(intercept.NetNSDelete, kernel.ENOENT)},
		{"netns/delete/plain-file", "removes it", twist{DeleteNetNS: func(h kernel.Host, name string) error {
			if err := h.DeleteNetNS(name); !errors.Is(err, kernel.EINVAL) {
				return err
			}
			return h.Remove(name)
		}}},
		{
			"netns/delete/frees-path", "leaves a file at the path",
			twist{DeleteNetNS: func(h kernel.Host, name string) error {
				if err := h.DeleteNetNS(name); err != nil {
					return err
				}
				return h.WriteFile(name, nil, 0)
			}},
		},
		{"netns/delete/handle-keeps-it-alive", "empties the namespace at once", closeOnDelete()},
		{
			"netns/death/takes-peers", "leaks a handle, so that the namespace never dies",
			twist{Close: func(kernel.NetNS) {}},
		},
		{
			"netns/death/waits-for-last-handle", "ends the namespace with its first handle",
			twist{Close: func(ns kernel.NetNS) {
				links, _ := ns.Links()
				for _, l := range links {
					_ = ns.DeleteLink(l.Index)
				}
				ns.Close()
			}},
		},
		{"netns/id/same-namespace", "numbers handles", numberHandles()},
		{
			"netns/id/other-namespace", "takes all namespaces for one",
			twist{ID: func(kernel.NetNS) kernel.NSID { return kernel.NSID{Ino: 1} }},
		},
		{"netns/id/after-close", "forgets the label", forgetLabel()},
		{"netns/close/ebadf", "lists no routes on a closed handle", swallow(intercept.RouteList, kernel.EBADF)},
		{"netns/close/twice", "closes another handle", closeAnother()},
		{"netns/links-are-apart", "has one name space for the names of links", namesOnce()},
	}
}

func makeAbsent(h kernel.Host, name string) (kernel.NetNS, error) {
	ns, err := h.OpenNetNS(name)
	if errors.Is(err, kernel.ENOENT) {
		if err := h.AddNetNS(name); err != nil {
			return nil, err
		}
		return h.OpenNetNS(name)
	}
	return ns, err
}

func replaceFile(h kernel.Host, name string) error {
	err := h.AddNetNS(name)
	if errors.Is(err, kernel.EEXIST) {
		return h.WriteFile(name, nil, 0)
	}
	return err
}

// closeOnDelete closes the handles of a namespace with its binding.
func closeOnDelete() twist {
	handles := make(map[string]kernel.NetNS)
	return twist{
		OpenNetNS: func(h kernel.Host, name string) (kernel.NetNS, error) {
			ns, err := h.OpenNetNS(name)
			if err == nil {
				handles[name] = ns
			}
			return ns, err
		},
		DeleteNetNS: func(h kernel.Host, name string) error {
			if ns := handles[name]; ns != nil {
				ns.Close()
			}
			return h.DeleteNetNS(name)
		},
	}
}

func numberHandles() twist {
	ids := make(map[kernel.NetNS]kernel.NSID)
	return twist{ID: func(ns kernel.NetNS) kernel.NSID {
		if _, ok := ids[ns]; !ok {
			ids[ns] = kernel.NSID{Ino: uint64(len(ids) + 1)}
		}
		return ids[ns]
	}}
}

func forgetLabel() twist {
	closed := make(map[kernel.NetNS]bool)
	return twist{
		Close: func(ns kernel.NetNS) { closed[ns] = true; ns.Close() },
		Name: func(ns kernel.NetNS) string {
			if closed[ns] {
				return ""
			}
			return ns.Name()
		},
	}
}

// closeAnother closes the handle that was opened after the one that is closed twice: descriptors are used again.
func closeAnother() twist {
	var open []kernel.NetNS
	closed := make(map[kernel.NetNS]bool)
	return twist{
		OpenNetNS: func(h kernel.Host, name string) (kernel.NetNS, error) {
			ns, err := h.OpenNetNS(name)
			open = append(open, ns)
			return ns, err
		},
		Close: func(ns kernel.NetNS) {
			if closed[ns] {
				open[len(open)-1].Close()
			}
			closed[ns] = true
			ns.Close()
		},
	}
}

func namesOnce() twist {
	taken := make(map[string]bool)
	return twist{AddLink: func(ns kernel.NetNS, s kernel.LinkSpec) error {
		if taken[s.Name] {
			return &kernel.Error{Op: "link add", Errno: kernel.EEXIST}
		}
		taken[s.Name] = true
		return ns.AddLink(s)
	}}
}

func lockMutants() []mutant {
	// freely is the twist that lets anyone have the lock of a namespace.
	freely := func() twist {
		return twist{Lock: func(kernel.NetNS, context.Context, time.Duration) (func(), error) {
			return func() {}, nil
		}}
	}
	// never is the twist whose locks are not given back.
	never := func() twist {
		return twist{
			Lock: func(ns kernel.NetNS, ctx context.Context, wait time.Duration) (func(), error) {
				_, err := ns.Lock(ctx, wait)
				return func() {}, err
			},
			LockFile: func(h kernel.Host, ctx context.Context, name string, wait time.Duration) (func(), error) {
				_, err := h.LockFile(ctx, name, wait)
				return func() {}, err
			},
		}
	}
	return []mutant{
		{"lock/netns/held", "locks nothing", freely()},
		{"lock/netns/held-by-same-handle", "lets a handle lock again what it holds", freely()},
		{
			"lock/netns/waits", "does not wait",
			twist{Lock: func(ns kernel.NetNS, ctx context.Context, _ time.Duration) (func(), error) {
				return ns.Lock(ctx, 0)
			}},
		},
		{"lock/netns/released", "never gives a lock back", never()},
		{"lock/netns/others-are-free", "has one lock for all namespaces", oneLock()},
		{"lock/netns/cancelled", "says EINTR", confuse(intercept.NetNSLock, kernel.ECANCELED, kernel.EINTR)},
		{"lock/netns/outlives-handle", "gives locks back with the handle", unlockOnClose()},
		{"lock/file/made", "locks only what is there", refuse(kernel.ENOENT, intercept.Every(intercept.FileLock))},
		{"lock/file/content-stays", "empties the file", twist{LockFile: func(
			h kernel.Host, ctx context.Context, name string, wait time.Duration,
		) (func(), error) {
			if err := h.WriteFile(name, nil, 0o600); err != nil {
				return nil, err
			}
			return h.LockFile(ctx, name, wait)
		}}},
		{"lock/file/held", "says EBUSY", confuse(intercept.FileLock, kernel.EAGAIN, kernel.EBUSY)},
		{"lock/file/waits", "does not wait", twist{LockFile: func(
			h kernel.Host, ctx context.Context, name string, _ time.Duration,
		) (func(), error) {
			return h.LockFile(ctx, name, 0)
		}}},
		{"lock/file/released", "never gives a lock back", never()},
		{
			"lock/file/advisory", "keeps others from the file",
			refuse(kernel.EBUSY, intercept.Every(intercept.FileRemove, scratchPath("lock/file/advisory")+"/lock")),
		},
		{"lock/file/is-of-the-inode", "locks names", lockNames()},
		{"lock/file/cancelled", "says EINTR", confuse(intercept.FileLock, kernel.ECANCELED, kernel.EINTR)},
		{"lock/file/folder-absent", "makes the folder", twist{LockFile: func(
			h kernel.Host, ctx context.Context, name string, wait time.Duration,
		) (func(), error) {
			if err := h.MkdirAll(path.Dir(name), 0o755); err != nil {
				return nil, err
			}
			return h.LockFile(ctx, name, wait)
		}}},
	}
}

func oneLock() twist {
	held := false
	return twist{Lock: func(ns kernel.NetNS, ctx context.Context, wait time.Duration) (func(), error) {
		if held {
			return nil, &kernel.Error{Op: "netns lock", Errno: kernel.EAGAIN}
		}
		held = true
		return ns.Lock(ctx, wait)
	}}
}

// unlockOnClose gives a lock back with the handle it was taken by.
func unlockOnClose() twist {
	unlocks := make(map[kernel.NetNS]func())
	return twist{
		Lock: func(ns kernel.NetNS, ctx context.Context, wait time.Duration) (func(), error) {
			unlock, err := ns.Lock(ctx, wait)
			if err == nil {
				unlocks[ns] = unlock
			}
			return unlock, err
		},
		Close: func(ns kernel.NetNS) {
			if unlock := unlocks[ns]; unlock != nil {
				unlock()
			}
			ns.Close()
		},
	}
}

// lockNames locks the name of a file, whatever file has it.
func lockNames() twist {
	held := make(map[string]bool)
	return twist{LockFile: func(h kernel.Host, ctx context.Context, name string, wait time.Duration) (func(), error) {
		if held[name] {
			return nil, &kernel.Error{Op: "file lock", Errno: kernel.EAGAIN}
		}
		held[name] = true
		return h.LockFile(ctx, name, wait)
	}}
}

func programMutants() []mutant {
	return []mutant{
		{"program/exec/absent", "says that it ended", swallow(intercept.ProgramExec, kernel.ENOENT)},
		{"program/exec/not-executable", "says ENOEXEC", confuse(intercept.ProgramExec, kernel.EACCES, kernel.ENOEXEC)},
		{"program/exec/folder", "says EISDIR", confuse(intercept.ProgramExec, kernel.EACCES, kernel.EISDIR)},
		{"program/exec/no-program", "says that it ended", swallow(intercept.ProgramExec, kernel.ENOEXEC)},
		{"program/exec/below-a-file", "says ENOENT", confuse(intercept.ProgramExec, kernel.ENOTDIR, kernel.ENOENT)},
		{
			"program/is-self/other", "takes every file for the caller",
			twist{IsSelf: func(h kernel.Host, name string) (bool, error) {
				_, err := h.IsSelf(name)
				return true, err
			}},
		},
		{"program/is-self/absent", "says no", swallow(intercept.ProgramIsSelf, kernel.ENOENT)},
	}
}

func clockMutants() []mutant {
	return []mutant{
		{"clock/sleep", "does not sleep", pretend(intercept.Every(intercept.ClockSleep))},
		{"clock/sleep/cancelled", "says nothing", swallow(intercept.ClockSleep, kernel.ECANCELED)},
		{"clock/boot-id", "makes it up each time", newBootID()},
	}
}

func newBootID() twist {
	asked := 0
	return twist{BootID: func(kernel.Host) (string, error) {
		asked++
		return strconv.Itoa(asked), nil
	}}
}
