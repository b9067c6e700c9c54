package scenario_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
	"github.com/cnilab/cnilab/sim/netstack"
)

// myPlugin stands for a plugin that somebody else has written: all it does is to make a bridge.
func myPlugin(_ context.Context, in kernel.Invocation, h kernel.Host) (exit int) {
	self, err := h.Self()
	if err != nil {
		return 1
	}
	defer self.Close()
	if err := self.AddLink(kernel.LinkSpec{Name: "mine0", Kind: kernel.KindBridge}); err != nil {
		fmt.Fprintf(in.Stdout, `{ "code": 100, "msg": %q }`, err)
		return 1
	}
	io.WriteString(in.Stdout, `{ "cniVersion": "1.1.0" }`)
	return 0
}

// A plugin of one's own, on a simulated host, as one scenario says; one line in it makes the kernel refuse something.
func ExampleRun() {
	machine := func() (*scenario.Machine, error) {
		world, faults := sim.NewWorld(sim.Config{Transport: netstack.New}), new(harness.Faults)
		node := world.AddHost("node")
		err := node.Install("/opt/cni/bin/mine", faults.Program(myPlugin))
		return &scenario.Machine{Host: node, Faults: faults, Close: func() error { world.Close(); return nil }}, err
	}
	s, err := scenario.Load(os.DirFS("testdata/example"), "mine.txtar", "mine.txtar")
	if err != nil {
		fmt.Println(err)
		return
	}
	result := scenario.Run(context.Background(), s, machine, scenario.Options{Backend: "sim"})
	if result.Outcome != scenario.Passed {
		fmt.Println(result.Log)
	}
	fmt.Println(result.Outcome)
	// Output: ok
}
