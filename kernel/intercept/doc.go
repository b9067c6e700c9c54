// Package intercept is the one wrapper of a kernel.Host: every call on it, and on the namespaces it hands out, passes
// a chain of hooks on its way to the backend. Tracing, counting, failing and crashing are such hooks, and whoever needs
// another writes one:
//
//	trace := new(intercept.Trace)
//	fault := &intercept.Fault{When: intercept.Nth(7), Errno: kernel.ENOMEM}
//	h := intercept.Wrap(backend, trace.Hook, fault.Hook)
//
// Without hooks a wrapped host cannot be told from its backend; package kerneltest's laws hold for it.
package intercept

import "github.com/cnilab/cnilab/kernel"

// A Hook stands between a caller and the backend. It learns which call is made; next makes it, and a hook that does
// not call next keeps it from the backend. What the hook returns is the answer. Hooks may be called concurrently.
type Hook func(c Call, next func() error) error

// Wrap returns a host that makes its calls on h by way of the hooks, the first one outermost.
//
// Name, ID, Close and Now are no calls, nor is giving back a lock or a service: what a process's end does for it cannot
// fail.
func Wrap(h kernel.Host, hooks ...Hook) kernel.Host {
	return &host{backend: h, line: &line{hooks: hooks}}
}
