package lockstep

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cnilab/cnilab/kernel/operation"
)

// Draws tells generators apart: as long as it is the same, a seed gives the same operations. It is a digest of some
// sequences.
func Draws() string { return digest(SequenceOf) }

// PacketDraws is that of sequences about packets.
func PacketDraws() string { return digest(NetworkOf) }

func digest(sequenceOf func(s Shape, seed uint64, number int) []operation.Operation) string {
	const some = 50
	sum := sha256.New()
	for number := range some {
		for _, o := range sequenceOf(DefaultShape, 1, number) {
			fmt.Fprintln(sum, o)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
