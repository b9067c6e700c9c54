package hostlocal

import (
	"bytes"
	"errors"
	"io/fs"
	"net/netip"

	"github.com/cnilab/cnilab/kernel"
)

// A ledger is the leases of a network as they were found, for one operation, which holds the lock.
type ledger struct {
	store
	written []byte // the index file's content; nil where there is none
	known   lines  // all leases, while the folder is as the index file says, and nobody has asked for all of them; see changed
	leases  index  // all leases; nil: see known
	changed bool   // known is no longer what was written, in whose place it stands
}

// read finds out the leases, with the help of the index. Where nobody has touched the folder since that was written, the
// index is all it takes.
func (s store) read() (*ledger, error) {
	written, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	b := &ledger{store: s, written: written}
	if written == nil {
		return b, b.readAll()
	}
	modified, err := s.modified()
	if err != nil {
		return nil, err
	}
	known, ok := linesOf(written, modified)
	if !ok {
		return b, b.readAll()
	}
	b.known = known
	return b, nil
}

// modified is when a name in the folder was last made or taken away, in ns. That it has been asked for has Linux give the
// next change a time of its own (Documentation/filesystems/multigrain-ts.rst). Before Linux 6.13 what happens within 10 ms
// may have one time: a lease that the reference plugin makes that soon after an operation of ours is not noticed by this, and
// found by its file all the same.
func (s store) modified() (int64, error) {
	folder, err := s.files.Stat(s.dir)
	if err != nil {
		return 0, err
	}
	return folder.ModTime().UnixNano(), nil
}

// readAll reads all leases, if that has not been done.
func (b *ledger) readAll() error {
	if b.leases != nil {
		return nil
	}
	b.leases = index{}
	return b.scan(b.hints())
}

// hints are what is known of leases by the index.
func (b *ledger) hints() index {
	if b.known != nil {
		return parseIndex(b.known)
	}
	return parseIndex(b.written)
}

// at returns the lease of an address, if somebody has it.
func (b *ledger) at(ip netip.Addr) (l lease, taken bool, err error) {
	if b.leases == nil {
		l, taken, err = b.lookAt(ip)
	}
	if b.leases != nil {
		l, taken = b.leases[ip]
	}
	return l, taken, err
}

// lookAt looks at one file. One that is not as known reads all.
func (b *ledger) lookAt(ip netip.Addr) (l lease, taken bool, err error) {
	info, err := b.files.Stat(b.file(ip))
	switch {
	case isGone(err):
		return l, false, nil
	case err != nil:
		return l, false, err
	case info.Size() == 0:
		return lease{ip: ip, stamp: stampOf(info)}, true, nil
	}
	_, _, l, known := b.known.find(ip)
	if !known || l.stamp != stampOf(info) {
		return l, false, b.readAll()
	}
	return l, true, nil
}

// scan lists the folder, and reads the files that are not as known says.
func (b *ledger) scan(known index) error {
	entries, err := b.files.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		ip, err := netip.ParseAddr(entry.Name())
		if err != nil || ip.String() != entry.Name() || entry.IsDir() {
			continue
		}
		l, err := b.look(ip, entry, known)
		switch {
		case isGone(err):
			continue // the reference plugin goes on when it cannot get the lock
		case err != nil:
			return err
		}
		b.leases[ip] = l
	}
	return nil
}

// isGone reports whether an error says that a file is not there: below what is no folder there is none, and none has too
// long a name. A network's name may be as long as the name of a folder can be, and then too long for that of an index.
func isGone(err error) bool {
	for _, is := range []error{kernel.ENOENT, fs.ErrNotExist, kernel.ENOTDIR, kernel.ENAMETOOLONG} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

func (b *ledger) look(ip netip.Addr, entry fs.DirEntry, known index) (lease, error) {
	info, err := entry.Info()
	if err != nil {
		return lease{}, err
	}
	l := lease{ip: ip, stamp: stampOf(info)}
	if hint, ok := known[ip]; ok && hint.stamp == l.stamp {
		return hint, nil
	}
	if l.stamp.size > 0 {
		l.owner, err = b.owner(ip)
	}
	return l, err
}

// of returns the leases of an attachment, by ascending address. One that has none by the index, or not those, is looked
// for in all files: an address that is lost is worse than the time.
func (b *ledger) of(containerID, ifname string) ([]lease, error) {
	own := b.hintedOf(containerID, ifname)
	if b.written == nil {
		return own, nil
	}
	if right, err := b.confirm(own); err != nil || right && len(own) > 0 {
		return own, err
	}
	if err := b.reread(); err != nil {
		return nil, err
	}
	return b.hintedOf(containerID, ifname), nil
}

// confirm reports whether the files say the same.
func (b *ledger) confirm(leases []lease) (bool, error) {
	for _, l := range leases {
		owner, err := b.owner(l.ip)
		if err != nil && !isGone(err) {
			return false, err
		}
		if owner != l.owner {
			return false, nil
		}
	}
	return true, nil
}

// hintedOf trusts the index. Old releases of the reference wrote the container's id alone; such a lease counts where
// there is none with both.
func (b *ledger) hintedOf(containerID, ifname string) []lease {
	var both, alone []lease
	if b.leases == nil {
		both, alone = b.known.of(containerID, ifname)
	} else {
		both, alone = b.leases.of(ownerOf(containerID, ifname)), b.leases.of(containerID)
	}
	if len(both) > 0 {
		return both
	}
	return alone
}

// reread reads all lease files, and keeps of the index what it says of boots.
func (b *ledger) reread() error {
	known := b.leases
	if known == nil {
		known = b.hints()
	}
	b.leases = index{}
	if err := b.scan(nil); err != nil {
		return err
	}
	for ip, l := range b.leases {
		if hint := known[ip]; hint.owner == l.owner && hint.stamp == l.stamp {
			b.leases[ip] = hint
		}
	}
	return nil
}

// release deletes a lease, and has it forgotten.
func (b *ledger) release(l lease) error {
	if err := b.store.release(l); err != nil {
		return err
	}
	b.forget(l.ip)
	return nil
}

// note remembers a lease.
func (b *ledger) note(l lease) {
	b.changed = true
	if b.leases == nil {
		b.known = b.known.with(l)
	} else {
		b.leases[l.ip] = l
	}
}

// forget is the opposite of note.
func (b *ledger) forget(ip netip.Addr) {
	b.changed = true
	if b.leases == nil {
		b.known = b.known.without(ip)
	} else {
		delete(b.leases, ip)
	}
}

// save brings the index up to date.
func (b *ledger) save() error {
	content, err := b.content()
	if err != nil || !b.changed && bytes.Equal(content, b.written) {
		return err
	}
	return b.writeIndex(content)
}

// content is what the index file is to say.
func (b *ledger) content() ([]byte, error) {
	known := b.known
	if b.leases != nil {
		all := b.leases.String()
		if !b.leases.isComplete() {
			return []byte(all), nil
		}
		known = newLines(all)
	}
	if len(known) <= headingSize {
		return nil, nil
	}
	modified, err := b.modified()
	copy(known, known.heading(modified))
	return known, err
}

// saveIfRoom brings the index up to date after leases were released, or leaves it where there is no room for another one: a
// full disk is no reason for a DEL to fail, which only makes room. What is left knows of each lease that is still there when
// it was first seen, and does not count as complete any more.
func (b *ledger) saveIfRoom() error {
	err := b.save()
	if !isFull(err) {
		return err
	}
	return b.remove(b.temporary)
}
