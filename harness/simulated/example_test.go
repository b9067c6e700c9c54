package simulated_test

import (
	"context"
	"fmt"
	"io"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/harness/simulated"
	"github.com/cnilab/cnilab/kernel"
)

// leaky stands for a plugin that somebody else has written: what it has made stays where it fails later on.
func leaky(_ context.Context, in kernel.Invocation, h kernel.Host) (exit int) {
	if err := attach(h); err != nil {
		fmt.Fprintf(in.Stdout, `{ "code": 100, "msg": %q }`, err)
		return 1
	}
	io.WriteString(in.Stdout, `{ "cniVersion": "1.0.0" }`)
	return 0
}

func attach(h kernel.Host) error {
	self, err := h.Self()
	if err != nil {
		return err
	}
	defer self.Close()
	bridge := kernel.LinkSpec{Name: "leaky0", Kind: kernel.KindBridge, MAC: []byte{2, 0, 0, 0, 0, 1}}
	if err := self.AddLink(bridge); err != nil {
		return err
	}
	if err := h.MkdirAll("/var/lib/cni/leaky", 0o755); err != nil {
		return err
	}
	return h.WriteFile("/var/lib/cni/leaky/10.9.0.2", []byte("pod-a"), 0o600)
}

// A plugin of one's own meets a fault at each of its calls that change something, one after the other, each on a machine
// of its own: whichever fails, ADD has to leave nothing. A Fault without an Errno kills the plugin there instead.
func ExampleMachine() {
	for n := 1; ; n++ {
		met, left := failAt(n)
		if !met {
			break // there are no more calls
		}
		fmt.Printf("call %d fails:\n%s", n, left)
	}
	// Output:
	// call 1 fails:
	// call 2 fails:
	// + host: link leaky0 type bridge mac 02:00:00:00:00:01 mtu 1500 admin down oper DOWN
	// call 3 fails:
	// + host: link leaky0 type bridge mac 02:00:00:00:00:01 mtu 1500 admin down oper DOWN
}

// failAt lets the n-th call of an ADD fail, and returns whether there was one, and what the ADD has left behind.
func failAt(n int) (met bool, left string) {
	config := simulated.Config{Plugins: map[string]kernel.Program{"leaky": leaky}}
	machine, err := simulated.Machine(fmt.Sprint("fault-", n), config)
	must(err)
	defer machine.Close()
	network, err := harness.ParseNetwork([]byte(`{ "cniVersion": "1.0.0", "name": "net", "type": "leaky" }`))
	must(err)
	pod := harness.PodNamed("pod-a")
	must(pod.Start(machine.Host))
	before, err := kernel.Take(machine.Host, "/var/lib/cni")
	must(err)
	machine.Faults.Set(harness.Fault{Nth: n, Errno: kernel.ENOMEM})
	_, err = harness.New(machine.Host).Add(context.Background(), network, pod.Attach("eth0"))
	if machine.Faults.Clear() != nil {
		return false, ""
	}
	if err == nil {
		return true, "and ADD says that all is well\n"
	}
	after, err := kernel.Take(machine.Host, "/var/lib/cni")
	must(err)
	return true, kernel.Diff(before, after)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
