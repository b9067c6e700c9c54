package plugin

import (
	stdsha256 "crypto/sha256"
	stdsha512 "crypto/sha512"
	"strings"
	"testing"
)

// TestHashes holds our hashes against package crypto's, for texts of each length up to some blocks.
func TestHashes(t *testing.T) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog\x00\xff", 12)
	for n := range len(text) {
		s := text[:n]
		if got, want := sha256(s), stdsha256.Sum256([]byte(s)); got != want {
			t.Fatalf("SHA-256 of %d bytes: %x, want %x", n, got, want)
		}
		if got, want := sha512(s), stdsha512.Sum512([]byte(s)); got != want {
			t.Fatalf("SHA-512 of %d bytes: %x, want %x", n, got, want)
		}
	}
}
