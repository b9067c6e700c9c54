package backend

import (
	"context"

	"github.com/cnilab/cnilab/harness/flannel"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/harness/simulated"
	"github.com/cnilab/cnilab/kernel"
)

func simulation(c Config) Backend {
	machines := simulated.Config{
		Plugins: map[string]kernel.Program{flannelName: flannel.Main}, Captures: c.Captures,
	}
	return Backend{
		Name:      "sim",
		About:     "Linux networking simulated in this process",
		Available: func() error { return nil },
		Run: func(ctx context.Context, s scenario.Scenario, o scenario.Options) scenario.Result {
			return simulated.Run(ctx, s, machines, o)
		},
	}
}
