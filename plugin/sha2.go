package plugin

import "encoding/binary"

// SHA-2 as in FIPS 180-4, the two of it by which names are made. The standard library's (crypto/sha256, crypto/sha512)
// are much faster and bring along all of its FIPS 140 module, AES and a random generator included, whether or not that
// is ever used: 160 KiB, or one byte in 25 of the plugin. Nothing here is secret, and a verb hashes some hundred bytes.

func sha256(text []byte) (sum [32]byte) {
	for i, w := range sha2(&narrow, text) {
		binary.BigEndian.PutUint32(sum[4*i:], w)
	}
	return sum
}

func sha512(text []byte) (sum [64]byte) {
	for i, w := range sha2(&wide, text) {
		binary.BigEndian.PutUint64(sum[8*i:], w)
	}
	return sum
}

// A sha2Word is what either of the two computes with.
type sha2Word interface{ uint32 | uint64 }

// A sha2Kind is what the two differ in.
type sha2Kind[W sha2Word] struct {
	rounds int
	// How far the functions of sections 4.1.2 and 4.1.3 rotate. The last figure of the small ones is a shift.
	bigSigma0, bigSigma1, smallSigma0, smallSigma1 [3]int
}

var (
	narrow = sha2Kind[uint32]{64, [3]int{2, 13, 22}, [3]int{6, 11, 25}, [3]int{7, 18, 3}, [3]int{17, 19, 10}}
	wide   = sha2Kind[uint64]{80, [3]int{28, 34, 39}, [3]int{14, 18, 41}, [3]int{1, 8, 7}, [3]int{19, 61, 6}}
)

// bytes is the size of a word.
func (*sha2Kind[W]) bytes() int {
	if ^W(0)>>31 == 1 {
		return 4
	}
	return 8
}

// top returns the first bits of a constant, of which the narrow kind has half as many: both have those of the roots of
// the same primes (sections 4.2.2, 4.2.3, 5.3.3 and 5.3.5).
func (k *sha2Kind[W]) top(constant uint64) W { return W(constant >> (64 - 8*k.bytes())) }

func (k *sha2Kind[W]) rotate(x W, n int) W { return x>>n | x<<(8*k.bytes()-n) }

func (k *sha2Kind[W]) big(x W, by [3]int) W {
	return k.rotate(x, by[0]) ^ k.rotate(x, by[1]) ^ k.rotate(x, by[2])
}

func (k *sha2Kind[W]) small(x W, by [3]int) W {
	return k.rotate(x, by[0]) ^ k.rotate(x, by[1]) ^ x>>by[2]
}

// sha2 is section 6.2.2, or 6.4.2, over all blocks.
func sha2[W sha2Word](k *sha2Kind[W], text []byte) (hash [8]W) {
	for i, constant := range sha2Start {
		hash[i] = k.top(constant)
	}
	block := 16 * k.bytes()
	for rest := k.pad(text); len(rest) > 0; rest = rest[block:] {
		k.digest(&hash, rest[:block])
	}
	return hash
}

// pad fills up the last block: a bit, zeros, and the number of bits in two words (section 5.1).
func (k *sha2Kind[W]) pad(text []byte) []byte {
	block := 16 * k.bytes()
	padded := make([]byte, (len(text)+1+2*k.bytes()+block-1)/block*block)
	copy(padded, text)
	padded[len(text)] = 0x80
	binary.BigEndian.PutUint64(padded[len(padded)-8:], 8*uint64(len(text)))
	return padded
}

// digest works a block into the hash.
func (k *sha2Kind[W]) digest(hash *[8]W, block []byte) {
	v, words := *hash, k.schedule(block)
	for i := range k.rounds {
		a, e := v[0], v[4]
		t := v[7] + k.big(e, k.bigSigma1) + (e&v[5] ^ ^e&v[6]) + k.top(sha2Rounds[i]) + words[i]
		u := k.big(a, k.bigSigma0) + (a&v[1] ^ a&v[2] ^ v[1]&v[2])
		copy(v[1:], v[:7])
		v[0], v[4] = t+u, v[4]+t
	}
	for i := range hash {
		hash[i] += v[i]
	}
}

// schedule makes a word for each round of the 16 of a block.
func (k *sha2Kind[W]) schedule(block []byte) (words [80]W) {
	for i := range 16 {
		for _, b := range block[i*k.bytes():][:k.bytes()] {
			words[i] = words[i]<<8 | W(b)
		}
	}
	for i := 16; i < k.rounds; i++ {
		words[i] = k.small(words[i-2], k.smallSigma1) + words[i-7] + k.small(words[i-15], k.smallSigma0) + words[i-16]
	}
	return words
}

// sha2Start has the fractions of the square roots of the first 8 primes.
var sha2Start = [8]uint64{
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
}

// sha2Rounds has the fractions of the cube roots of the first 80 primes.
var sha2Rounds = [80]uint64{
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
}
