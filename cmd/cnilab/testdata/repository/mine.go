// Package mine is the plugin of plugins/mine, over kernel.Host.
package mine

import (
	"context"
	"io"
	"slices"

	"github.com/cnilab/cnilab/kernel"
)

const leases = "/var/lib/cni/mine"

// Main gives addresses, and forgets to take them back.
func Main(_ context.Context, in kernel.Invocation, h kernel.Host) (exit int) {
	if !slices.Contains(in.Env, "CNI_COMMAND=ADD") {
		return 0
	}
	if h.MkdirAll(leases, 0o755) != nil || h.WriteFile(leases+"/10.9.0.2", []byte("pod-a\n"), 0o644) != nil {
		return 1
	}
	io.WriteString(in.Stdout, `{ "cniVersion": "1.0.0", "ips": [ { "address": "10.9.0.2/24" } ] }`)
	return 0
}
