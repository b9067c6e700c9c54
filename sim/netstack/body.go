package netstack

import (
	"gvisor.dev/gvisor/pkg/buffer"

	"github.com/cnilab/cnilab/sim"
)

// A body is the payload of a train, in the memory that the sender's socket copied it to: the receiver's reads it there.
type body struct{ buffer.Buffer }

var _ sim.Body = (*body)(nil)

// Len is sim.Body's.
func (b *body) Len() int { return int(b.Size()) }

// AppendTo is sim.Body's.
func (b *body) AppendTo(to []byte) []byte {
	views := b.AsViewList()
	for v := views.Front(); v != nil; v = v.Next() {
		to = append(to, v.AsSlice()...)
	}
	return to
}

// restOf is the payload of a packet that has it apart. Who is the only one to get it gets it whole, so that its memory is used
// again as soon as it is read.
func restOf(p sim.Packet) buffer.Buffer {
	b, ours := p.Body.(*body)
	switch {
	case !ours:
		return buffer.MakeWithData(p.Body.AppendTo(nil))
	case p.Shared:
		return b.Clone()
	}
	rest := b.Buffer
	b.Buffer = buffer.Buffer{}
	return rest
}
