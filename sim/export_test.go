package sim

import (
	"fmt"
	"time"
)

// A Seen is a frame as a link received it.
type Seen struct {
	At       time.Duration
	NetNS    uint64
	Link     string
	Dst, Src string
	Kind     uint16
	Payload  []byte
}

func (s Seen) String() string {
	return fmt.Sprintf("%v ns%d %s %s > %s %04x %x", s.At, s.NetNS, s.Link, s.Src, s.Dst, s.Kind, s.Payload)
}

// Tap calls f with every frame that a link receives from now on.
func (w *World) Tap(f func(Seen)) {
	w.update(func() {
		w.tap = func(l *link, fr frame) {
			f(Seen{
				At: w.clock.elapsed(), NetNS: l.ns.id.Ino, Link: l.name,
				Dst: fr.dst.hardwareAddr().String(), Src: fr.src.hardwareAddr().String(),
				Kind: uint16(fr.kind), Payload: fr.payload,
			})
		}
	})
}
