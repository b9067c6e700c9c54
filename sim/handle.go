package sim

import (
	"context"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// A handle is an open namespace: kernel.NetNS in front of the tables. It translates, and knows no rule of Linux.
type handle struct {
	host   *Host
	ns     *namespace
	name   string
	closed bool
}

var _ kernel.NetNS = (*handle)(nil)

// open makes a handle, which ends with the view's process at the latest. The tables are locked.
func (h *Host) open(ns *namespace, name string) *handle {
	n := &handle{host: h, ns: ns, name: name}
	ns.refs++
	h.process.handles = append(h.process.handles, n)
	return n
}

// Name is kernel.NetNS's.
func (n *handle) Name() string { return n.name }

// ID is kernel.NetNS's.
func (n *handle) ID() kernel.NSID { return n.ns.id }

// Close is kernel.NetNS's.
func (n *handle) Close() { n.host.world.update(n.close) }

func (n *handle) close() {
	if n.closed {
		return
	}
	n.closed = true
	n.host.process.forget(n)
	n.ns.unref()
}

// Lock is kernel.NetNS's.
func (n *handle) Lock(ctx context.Context, wait time.Duration) (unlock func(), err error) {
	if err := n.do("netns lock", "", func() *refusal { return nil }); err != nil {
		return nil, err
	}
	unlock, err = n.host.take(ctx, &n.ns.lock, wait)
	if err != nil {
		return nil, n.fail("netns lock", "", refuse(kernel.ErrnoOf(err)))
	}
	return unlock, nil
}

// do carries a request out, unless the handle is closed.
func (n *handle) do(op, object string, request func() *refusal) (err error) {
	n.host.world.update(func() {
		r := refuse(kernel.EBADF)
		if !n.closed {
			r = request()
		}
		err = n.fail(op, object, r)
	})
	return err
}

func (n *handle) fail(op, object string, r *refusal) error {
	if r == nil {
		return nil
	}
	return &kernel.Error{Op: op, NetNS: n.name, Object: object, Errno: r.errno, Detail: r.words}
}

// behind returns the namespace of another handle: EBADF where it is closed, or none of this world's.
func (n *handle) behind(other kernel.NetNS) (*namespace, *refusal) {
	o, ok := handleOf(other)
	if !ok || o.closed || o.host.world != n.host.world {
		return nil, refuse(kernel.EBADF)
	}
	return o.ns, nil
}

// handleOf returns the handle behind a namespace of a simulated host: a wrapper tells what it wraps by Unwrap.
func handleOf(ns kernel.NetNS) (n *handle, ok bool) {
	for {
		wrapper, wraps := ns.(interface{ Unwrap() kernel.NetNS })
		if !wraps {
			n, ok = ns.(*handle)
			return n, ok
		}
		ns = wrapper.Unwrap()
	}
}
