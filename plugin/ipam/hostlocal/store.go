package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// lockWait is how long an operation waits for others of the same network. They take milliseconds; this long, somebody
// hangs, and the runtime should know.
const lockWait = 10 * time.Second

// A store is the leases of one network on disk, in the format and with the lock of the reference plugin, so that either
// can read, release and wait for what the other does:
//
//	<dataDir>/<network>/<address>             a lease: the container's id, CR LF, the interface's name
//	<dataDir>/<network>/last_reserved_ip.<n>  where the next search in range set n begins; a hint
//	<dataDir>/<network>/lock                  flock(2)
//	<dataDir>/.<network>.index                ours: see index
//	<dataDir>/.<network>.tmp                  ours, for the time of one write
//
// Ours are outside the folder because the reference reads everything in the folder, and deletes by content. Two plugins
// never write the temporary file at once, since they hold the lock; no network's name begins with a dot.
type store struct {
	files     Files
	dir       string
	index     string
	temporary string
}

func newStore(files Files, dataDir, network string) store {
	hidden := path.Join(dataDir, "."+network)
	return store{files: files, dir: path.Join(dataDir, network), index: hidden + ".index", temporary: hidden + ".tmp"}
}

func (s store) lock(ctx context.Context) (unlock func(), err error) {
	unlock, err = s.files.LockFile(ctx, path.Join(s.dir, "lock"), lockWait)
	if errors.Is(err, kernel.EAGAIN) {
		return nil, types.NewError(types.ErrTryAgainLater, err.Error(),
			fmt.Sprintf("another plugin held the leases of this network for %s; see who has the file open", lockWait))
	}
	return unlock, err
}

// isEmpty reports whether there is certainly no lease.
func (s store) isEmpty() bool {
	b, err := s.read()
	return err == nil && b.leases != nil && len(b.leases) == 0
}

// isFull reports whether an error says that a disk has no room for a file.
func isFull(err error) bool { return errors.Is(err, kernel.ENOSPC) || errors.Is(err, kernel.EDQUOT) }

// owner reads who has the lease of an address; ENOENT where there is none.
func (s store) owner(ip netip.Addr) (string, error) {
	content, err := s.files.ReadFile(s.file(ip))
	return strings.TrimSpace(string(content)), err
}

// publish makes a lease, whole or not at all. EEXIST where somebody has the address.
func (s store) publish(l lease) error {
	if err := s.writeTemporary([]byte(l.owner)); err != nil {
		return err
	}
	if err := s.files.Link(s.temporary, s.file(l.ip)); err != nil {
		return err
	}
	return s.remove(s.temporary)
}

// writeTemporary makes the temporary file afresh. One that a crash left may be a lease's second name, and writing it
// would rewrite the lease.
func (s store) writeTemporary(content []byte) error {
	if err := s.remove(s.temporary); err != nil {
		return err
	}
	return s.files.WriteFile(s.temporary, content, 0o600)
}

// release deletes a lease, unless by now the address is somebody else's: what the index says of the owner is a hint,
// and the reference plugin goes on when it cannot get the lock.
func (s store) release(l lease) error {
	owner, err := s.owner(l.ip)
	switch {
	case errors.Is(err, kernel.ENOENT):
		return nil
	case err != nil:
		return err
	case owner != l.owner:
		return nil
	}
	return s.remove(s.file(l.ip))
}

// remove deletes a file; that it is not there is no error.
func (s store) remove(name string) error {
	if err := s.files.Remove(name); err != nil && !isGone(err) {
		return err
	}
	return nil
}

// last returns the address that a range set gave last, and the zero Addr where that is not known.
func (s store) last(set int) (netip.Addr, error) {
	content, err := s.files.ReadFile(s.lastFile(set))
	if err != nil && !errors.Is(err, kernel.ENOENT) {
		return netip.Addr{}, err
	}
	ip, err := netip.ParseAddr(strings.TrimSpace(string(content)))
	if err != nil {
		return netip.Addr{}, nil // it is only a hint
	}
	return ip, nil
}

func (s store) setLast(set int, ip netip.Addr) error {
	return s.replace(s.lastFile(set), []byte(ip.String()))
}

// replace gives a file another content, at once.
func (s store) replace(name string, content []byte) error {
	if err := s.writeTemporary(content); err != nil {
		return err
	}
	return s.files.Rename(s.temporary, name)
}

func (s store) file(ip netip.Addr) string { return path.Join(s.dir, ip.String()) }

func (s store) lastFile(set int) string {
	return path.Join(s.dir, "last_reserved_ip."+strconv.Itoa(set))
}
