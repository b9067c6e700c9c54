package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// lockWait is how long an operation waits for others of the same network. They take milliseconds; this long, somebody
// hangs, and the runtime should know.
const lockWait = 10 * time.Second

// lineBreak parts the two lines of a lease file, in the reference's format.
const lineBreak = "\r\n"

// A store is the leases of one network on disk, in the format and with the lock of the reference plugin, so that either
// can read, release and wait for what the other does:
//
//	<dataDir>/<network>/<address>           a lease: the container's id, CR LF, the interface's name
//	<dataDir>/<network>/last_reserved_ip.0  where the next search begins; a hint
//	<dataDir>/<network>/lock                flock(2)
//	<dataDir>/.<network>.tmp                ours, for the time of one write
//
// The temporary file is outside the folder because the reference reads everything in the folder, and deletes by
// content. Two plugins never write it at once, since they hold the lock; no network's name begins with a dot.
type store struct {
	files interface {
		kernel.Files
		kernel.FileLocks
	}
	dir       string
	temporary string
}

// A lease is one address that somebody has.
type lease struct {
	ip    netip.Addr
	owner string // the content of its file
}

// torn reports whether the file was made and never written: a crash of the reference plugin. Under the lock nobody is
// about to write it.
func (l lease) torn() bool { return l.owner == "" }

// open waits for the lock of the network. The folder is made where it is not there.
func (s store) open(ctx context.Context) (unlock func(), err error) {
	if err := s.files.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	return s.lock(ctx)
}

func (s store) lock(ctx context.Context) (unlock func(), err error) {
	unlock, err = s.files.LockFile(ctx, path.Join(s.dir, "lock"), lockWait)
	if errors.Is(err, kernel.EAGAIN) {
		return nil, types.NewError(types.ErrTryAgainLater, err.Error(),
			fmt.Sprintf("another plugin held the leases of this network for %s; see who has the file open", lockWait))
	}
	return unlock, err
}

// leases reads all leases, by ascending name.
func (s store) leases() ([]lease, error) {
	entries, err := s.files.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var all []lease
	for _, entry := range entries {
		ip, err := netip.ParseAddr(entry.Name())
		if err != nil || entry.IsDir() {
			continue
		}
		content, err := s.files.ReadFile(s.file(ip))
		if err != nil {
			return nil, err
		}
		all = append(all, lease{ip, strings.TrimSpace(string(content))})
	}
	return all, nil
}

// of returns those leases that are an attachment's. Old releases of the reference wrote the container's id alone; such
// a lease counts where there is none with both.
func of(all []lease, containerID, ifname string) []lease {
	if exact := ownedBy(all, containerID+lineBreak+ifname); len(exact) > 0 {
		return exact
	}
	return ownedBy(all, containerID)
}

func ownedBy(all []lease, owner string) []lease {
	var found []lease
	for _, l := range all {
		if l.owner == owner {
			found = append(found, l)
		}
	}
	return found
}

// publish makes a lease, whole or not at all. EEXIST where somebody has the address.
func (s store) publish(l lease) error {
	if err := s.writeTemporary(l.owner); err != nil {
		return err
	}
	if err := s.files.Link(s.temporary, s.file(l.ip)); err != nil {
		return err
	}
	return s.remove(s.temporary)
}

// writeTemporary makes the temporary file afresh. One that a crash left may be a lease's second name, and writing it
// would rewrite the lease.
func (s store) writeTemporary(content string) error {
	if err := s.remove(s.temporary); err != nil {
		return err
	}
	return s.files.WriteFile(s.temporary, []byte(content), 0o600)
}

func (s store) release(ip netip.Addr) error { return s.remove(s.file(ip)) }

// remove deletes a file; that it is not there is no error.
func (s store) remove(name string) error {
	if err := s.files.Remove(name); err != nil && !errors.Is(err, kernel.ENOENT) {
		return err
	}
	return nil
}

// last returns the address given away last, and the zero Addr where that is not known.
func (s store) last() (netip.Addr, error) {
	content, err := s.files.ReadFile(s.lastFile())
	if err != nil && !errors.Is(err, kernel.ENOENT) {
		return netip.Addr{}, err
	}
	ip, err := netip.ParseAddr(strings.TrimSpace(string(content)))
	if err != nil {
		return netip.Addr{}, nil // it is only a hint
	}
	return ip, nil
}

func (s store) setLast(ip netip.Addr) error {
	if err := s.writeTemporary(ip.String()); err != nil {
		return err
	}
	return s.files.Rename(s.temporary, s.lastFile())
}

func (s store) file(ip netip.Addr) string { return path.Join(s.dir, ip.String()) }

// lastFile has the number of the range set in its name; this plugin has one.
func (s store) lastFile() string { return path.Join(s.dir, "last_reserved_ip.0") }
