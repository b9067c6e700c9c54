package lockstep

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Draws tells generators apart: as long as it is the same, a seed gives the same operations. It is a digest of some
// sequences.
func Draws() string {
	const some = 50
	sum := sha256.New()
	for number := range some {
		for _, o := range SequenceOf(DefaultShape, 1, number) {
			fmt.Fprintln(sum, o)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
