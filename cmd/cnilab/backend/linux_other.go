//go:build !linux

package backend

import (
	"context"
	"fmt"
	"runtime"

	"github.com/cnilab/cnilab/harness/scenario"
)

func linux(Config) Backend { return missing("linux", "the kernel of a Linux machine") }

func uml(Config) Backend {
	return missing("uml", "User Mode Linux, a kernel of its own on a Linux machine")
}

func missing(name, about string) Backend {
	unavailable := fmt.Errorf("this is %s: run cnilab on a Linux machine, or use the simulation", runtime.GOOS)
	return Backend{
		Name:      name,
		About:     about,
		Available: func() error { return unavailable },
		Run: func(_ context.Context, s scenario.Scenario, _ scenario.Options) scenario.Result {
			return scenario.Result{Name: s.Name, Outcome: scenario.Failed, Log: unavailable.Error() + "\n"}
		},
	}
}

// Enter is to be called first in main. On Linux this program is the plugin too; elsewhere it does nothing.
func Enter() {}
