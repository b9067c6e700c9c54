package sim

import (
	"net/netip"
	"time"

	"github.com/cnilab/cnilab/kernel"
)

// layer3 is a namespace as its transport sees it.
type layer3 struct{ ns *namespace }

var _ Layer3 = layer3{}

// Send locks the tables without working the outbox off: it may be called from within Transport.Deliver, which is what
// the outbox is for.
func (l3 layer3) Send(p Packet) error {
	t := train{segment: p.Segment, body: p.Body}
	q, ok := parseTrain(p.Data, t)
	if !ok {
		return kernel.EINVAL
	}
	var errno kernel.Errno
	w := l3.ns.world()
	w.locked(func() {
		if w.watched() || t.segment == 0 || !q.canBeApart() {
			q = q.join(&t)
		}
		errno = l3.ns.output(q, t)
	})
	return asError(errno)
}

func (l3 layer3) Source(dst netip.Addr) (netip.Addr, error) {
	var src netip.Addr
	var errno kernel.Errno
	l3.ns.world().locked(func() {
		src, errno = l3.ns.sourceTo(dst)
	})
	if errno == 0 && !src.IsValid() {
		errno = kernel.EADDRNOTAVAIL
	}
	return src, asError(errno)
}

func (l3 layer3) Leads(src, dst netip.Addr) error {
	var errno kernel.Errno
	l3.ns.world().locked(func() {
		var to way
		if to, errno = l3.ns.route(flow{src: src, dst: dst}); errno == 0 && to.kind == kernel.Broadcast {
			errno = kernel.EACCES
		}
	})
	return asError(errno)
}

func (l3 layer3) MTU(dst netip.Addr) (mtu int) {
	mtu = defaultMTU
	l3.ns.world().locked(func() {
		if to, errno := l3.ns.route(flow{dst: dst}); errno == 0 {
			mtu = min(to.mtu(), kernel.MaxMTU)
		}
	})
	return mtu
}

func (l3 layer3) Now() time.Time { return l3.ns.world().Now() }

// AfterFunc's f runs with no lock held, and may leave the transport work to do in the background.
func (l3 layer3) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	w := l3.ns.world()
	return w.clock.after(d, func() {
		f()
		w.locked(func() { w.disturb(l3.ns) })
	})
}

func (l3 layer3) Poke() {
	w := l3.ns.world()
	w.locked(func() { w.disturb(l3.ns) })
	w.clock.poke()
}

func (l3 layer3) Await(done func() bool, timeout time.Duration, cancel <-chan struct{}) error {
	return l3.ns.world().clock.await(done, timeout, cancel)
}

func (l3 layer3) Linger(done func() bool) error { return l3.ns.world().clock.linger(done) }

func (l3 layer3) Seed() uint64 {
	return l3.ns.world().derive("sockets", l3.ns.machine.name, l3.ns.id.Ino)
}

// asError returns nil for 0: a kernel.Errno in an error is never nil.
func asError(errno kernel.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
