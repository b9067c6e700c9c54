package sim

import (
	"context"
	"slices"
	"time"
)

// A process holds what ends with it: namespace handles and locks.
type process struct {
	exe     *inode // what it was started from; nil for who is outside
	handles []*handle
	locks   []*holding
}

// A holding is a lock that a process has.
type holding struct{ release func() }

func newProcess(exe *inode) *process { return &process{exe: exe} }

// forget takes a handle off the list.
func (p *process) forget(n *handle) {
	p.handles = slices.DeleteFunc(p.handles, func(o *handle) bool { return o == n })
}

// take acquires a lock for the view's process.
func (h *Host) take(ctx context.Context, lock *advisoryLock, wait time.Duration) (unlock func(), err error) {
	release, err := h.world.acquire(ctx, lock, wait)
	if err != nil {
		return nil, err
	}
	mine := &holding{release: release}
	p := h.process
	h.world.locked(func() { p.locks = append(p.locks, mine) })
	return func() {
		h.world.locked(func() { p.locks = slices.DeleteFunc(p.locks, func(o *holding) bool { return o == mine }) })
		release()
	}, nil
}

// exit gives back all that the process still holds.
func (h *Host) exit() {
	var locks []*holding
	h.world.update(func() {
		for _, n := range slices.Clone(h.process.handles) {
			n.close()
		}
		locks, h.process.locks = h.process.locks, nil
	})
	for _, l := range locks {
		l.release()
	}
}

// Process returns a view of the machine for a program that was started from the file at path (any file, or none), and
// the end of its process: locks and namespace handles that it has not given back by then end with it, however it
// ended. Exec does this for installed programs; it is for those who run a program's main themselves.
func (h *Host) Process(path string) (view *Host, exit func()) {
	var exe *inode
	h.world.locked(func() { exe, _ = h.walk(path) })
	return h.start(exe)
}

func (h *Host) start(exe *inode) (view *Host, exit func()) {
	view = &Host{machine: h.machine, process: newProcess(exe)}
	return view, view.exit
}
