//go:build !linux

package backend

import (
	"context"
	"fmt"
	"runtime"

	"github.com/cnilab/cnilab/harness/scenario"
)

func linux(Config) Backend {
	unavailable := fmt.Errorf("this is %s: run cnilab on a Linux machine, or use the simulation", runtime.GOOS)
	return Backend{
		Name:      "linux",
		About:     "the kernel of a Linux machine",
		Available: func() error { return unavailable },
		Run: func(_ context.Context, s scenario.Scenario, _ scenario.Options) scenario.Result {
			return scenario.Result{Name: s.Name, Outcome: scenario.Failed, Log: unavailable.Error() + "\n"}
		},
	}
}

// Enter is to be called first in main. On Linux this program is the plugin too; elsewhere it does nothing.
func Enter() {}
