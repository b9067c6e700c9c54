package backend

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/cnilab/cnilab/cmd/bridge/pluginmain"
	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
)

// faultSocket is where the process of a scenario serves the faults that its plugins meet. The folder is a sandbox's
// own: outside of sandboxes it does not exist, and nothing goes wrong.
const faultSocket = ownFolder + "/faults"

// serveFaults serves the faults of a scenario until this process ends.
func serveFaults() (*harness.Faults, error) {
	listener, err := net.Listen("unix", faultSocket)
	if err != nil {
		return nil, fmt.Errorf("serve faults to the plugins: %w", err)
	}
	faults := new(harness.Faults)
	go func() { _ = faults.Serve(listener) }() // it ends with the process, and nobody is left to tell
	return faults, nil
}

// bePlugin is a plugin as this process, which meets the faults of the scenario that it is called in.
func bePlugin(program kernel.Program) (exit int) {
	if _, err := os.Stat(faultSocket); errors.Is(err, fs.ErrNotExist) {
		return pluginmain.Run(program)
	}
	faults, err := harness.DialFaults("unix", faultSocket)
	if err != nil {
		return complain(err)
	}
	defer faults.Close()
	return pluginmain.Run(faults.Program(program))
}
