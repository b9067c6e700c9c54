package plugin

import (
	"bytes"
	stdsha256 "crypto/sha256"
	stdsha512 "crypto/sha512"
	"testing"
)

// TestSHA2 compares with the standard library for all lengths around the blocks' ends.
func TestSHA2(t *testing.T) {
	text := make([]byte, 600)
	for i := range text {
		text[i] = byte(i*i>>3 + i)
	}
	for n := range text {
		hashesAsTheStandardLibrary(t, text[:n])
		hashesAsTheStandardLibrary(t, bytes.Repeat([]byte{0xff}, n))
	}
}

func FuzzSHA2(f *testing.F) {
	f.Add([]byte("abc"))
	f.Fuzz(hashesAsTheStandardLibrary)
}

func hashesAsTheStandardLibrary(t *testing.T, text []byte) {
	if got, want := sha256(text), stdsha256.Sum256(text); got != want {
		t.Errorf("SHA-256 of %d bytes %x: got %x, want %x", len(text), text, got, want)
	}
	if got, want := sha512(text), stdsha512.Sum512(text); got != want {
		t.Errorf("SHA-512 of %d bytes %x: got %x, want %x", len(text), text, got, want)
	}
}
