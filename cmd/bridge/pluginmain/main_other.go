//go:build !linux

package pluginmain

import (
	"fmt"
	"os"
	"runtime"
)

// Main says that there is nothing to plug into, and returns the exit status.
func Main() (exit int) {
	fmt.Fprintf(os.Stderr, "%sIt works on Linux only, and this is %s.\n", about("bridge --help tells how, there"), runtime.GOOS)
	return 2
}
