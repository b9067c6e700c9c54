// Package simulated runs scenarios in the simulation, with all that it can show: several machines and the cables between
// them, traces and captures of packets, faults and crashes at each call of a plugin, virtual time. It is what the command
// line does for --backend=sim, for plugins of your own under go test:
//
//	result := simulated.Run(t.Context(), s, simulated.Config{
//		Plugins: map[string]kernel.Program{"mine": myPlugin},
//	}, scenario.Options{})
//
// The harness itself knows no backend. Who imports this package chooses one.
package simulated
