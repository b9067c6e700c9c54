//go:build linux

package linux

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/kerneltest"
)

// Linux is the judge of the laws: one that fails here is wrong, or this backend is.
func TestLaws(t *testing.T) {
	kerneltest.Run(t, func(t testing.TB) kernel.Host {
		h, _ := newMachine(t)
		return h
	})
}
