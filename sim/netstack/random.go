package netstack

import (
	"encoding/binary"
	"sync"
)

// A random is the stack's source of ports, sequence numbers and secrets: SplitMix64, eight bytes of state where
// math/rand's own source takes five kilobytes. It is a math/rand.Source64 and an io.Reader.
type random struct {
	mu    sync.Mutex
	state uint64
}

func (r *random) Uint64() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) Int63() int64 { return int64(r.Uint64() >> 1) }

func (r *random) Seed(seed int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = uint64(seed)
}

// Read fills p; it never fails.
func (r *random) Read(p []byte) (int, error) {
	var word [8]byte
	for rest := p; len(rest) > 0; {
		binary.LittleEndian.PutUint64(word[:], r.Uint64())
		rest = rest[copy(rest, word[:]):]
	}
	return len(p), nil
}
