// Package plugin is the bridge plugin: the verbs of the Container Network Interface over a kernel.Host.
//
// [Main] is the whole protocol, on plain values: what a program would find in its environment and on its standard
// input, it finds in an Invocation. It looks at nothing of the process it runs in, so that the same code serves the
// deployed program, and any number of simulated nodes within one test.
package plugin

import (
	"context"
	"encoding/json"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// An Invocation is one execution of the plugin.
type Invocation = kernel.Invocation

// Main carries out the verb that the environment names, and returns the exit status: 0, or 1 with an error object on
// standard output. It prints exactly one JSON document.
func Main(_ context.Context, in Invocation, _ kernel.Host) (exit int) {
	_ = json.NewEncoder(in.Stdout).Encode(types.NewError(types.ErrInternal, "no verb is built yet", ""))
	return 1
}

var _ kernel.Program = Main
