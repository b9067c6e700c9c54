package scenario_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/harness/simulated"
	"github.com/cnilab/cnilab/kernel"
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
	s, err := scenario.Load(os.DirFS("testdata/example"), "mine.txtar", "mine.txtar")
	if err != nil {
		fmt.Println(err)
		return
	}
	machines := simulated.Config{Plugins: map[string]kernel.Program{"mine": myPlugin}}
	result := simulated.Run(context.Background(), s, machines, scenario.Options{})
	if result.Outcome != scenario.Passed {
		fmt.Println(result.Log)
	}
	fmt.Println(result.Outcome)
	// Output: ok
}
