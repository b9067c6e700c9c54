//go:build linux

package linux

import (
	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel"
)

// A NetNS is an open network namespace: its file, and a netlink socket that was opened in it.
type NetNS struct {
	name  string
	file  nsFile
	home  nsFile // the Host's; not ours to close
	route *netlinkSocket
	lease lease
}

var _ kernel.NetNS = (*NetNS)(nil)

// newNetNS makes a handle, which owns file unless there is an error.
func newNetNS(home nsFile, name string, file nsFile) (*NetNS, error) {
	socket, err := openRouteSocket(home, file)
	if err != nil {
		return nil, err
	}
	ns := &NetNS{name: name, file: file, home: home, route: socket}
	ns.lease.free = func() {
		socket.close()
		file.close()
	}
	return ns, nil
}

// openRouteSocket opens an rtnetlink socket in the namespace of file.
func openRouteSocket(home, file nsFile) (socket *netlinkSocket, err error) {
	err = file.inside(home, func() error {
		socket, err = openNetlink(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, err
	}
	// Lets the kernel filter dumps (Linux 4.20). Where it cannot, we filter what it returns.
	_ = socket.set(unix.NETLINK_GET_STRICT_CHK, 1)
	return socket, nil
}

// Name implements kernel.NetNS.
func (ns *NetNS) Name() string { return ns.name }

// ID implements kernel.NetNS.
func (ns *NetNS) ID() kernel.NSID { return ns.file.id }

// Close implements kernel.NetNS.
func (ns *NetNS) Close() { ns.lease.close() }

// inside runs work on a thread in the namespace; EBADF once the handle is closed.
func (ns *NetNS) inside(work func() error) error {
	return ns.lease.use(func() error { return ns.file.inside(ns.home, work) })
}

// fail makes the contract's error for a call on this namespace; nil stays nil. By a closed handle all is EBADF, whatever
// else was wrong with the request.
func (ns *NetNS) fail(op, object string, err error) error {
	if err != nil && ns.lease.isClosed() {
		err = unix.EBADF
	}
	return fail(op, ns.name, object, err)
}
