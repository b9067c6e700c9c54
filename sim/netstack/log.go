package netstack

import (
	"time"

	"gvisor.dev/gvisor/pkg/log"
)

// gVisor writes to the standard error of whoever imports it, about a connection that cannot be answered for want of a
// route, say. In a simulated world that is what happens, no fault of the program: probes tell it. A program that wants to
// read it nevertheless calls log.SetTarget after this package is there.
func init() { log.SetTarget(nobody{}) }

// nobody is who is told.
type nobody struct{}

func (nobody) Emit(int, log.Level, time.Time, string, ...any) {}
