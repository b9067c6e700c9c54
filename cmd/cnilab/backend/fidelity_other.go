//go:build !linux

package backend

import (
	"context"
	"fmt"
	"runtime"
)

// Run needs a Linux machine.
func (f Fidelity) Run(context.Context) (FidelityReport, error) {
	return FidelityReport{}, fmt.Errorf("this is %s: there is no Linux kernel to compare the simulation with", runtime.GOOS)
}
