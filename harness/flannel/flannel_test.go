package flannel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/version"
	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/harness/flannel"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

const subnetEnv = `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=false
`

// call runs flannel on a node with a delegate that keeps what it reads.
func call(t *testing.T, command, conf, subnet string) (exit int, stdout, delegated string) {
	t.Helper()
	world := sim.NewWorld(sim.Config{})
	defer world.Close()
	node := world.AddHost("node")
	delegate := func(_ context.Context, in kernel.Invocation, _ kernel.Host) int {
		text, _ := io.ReadAll(in.Stdin)
		delegated += string(text)
		version, err := new(version.ConfigDecoder).Decode(text)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(in.Stdout, `{"cniVersion": %q}`, version)
		return 0
	}
	for _, err := range []error{
		node.Install("/opt/cni/bin/bridge", delegate), node.Install("/opt/cni/bin/macvlan", delegate),
		node.MkdirAll("/run/flannel", 0o755), node.WriteFile("/run/flannel/subnet.env", []byte(subnet), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	exit = flannel.Main(t.Context(), kernel.Invocation{
		Env:    []string{"CNI_COMMAND=" + command, "CNI_CONTAINERID=a", "CNI_IFNAME=eth0", "CNI_PATH=/opt/cni/bin"},
		Stdin:  strings.NewReader(conf),
		Stdout: &out, Stderr: io.Discard,
	}, node)
	return exit, out.String(), delegated
}

func TestDelegates(t *testing.T) {
	const ipam = `"ipam": { "type": "host-local", "ranges": [ [ { "subnet": "10.244.1.0/24" } ] ],
		"routes": [ { "dst": "10.244.0.0/16" } ] }`
	for conf, want := range map[string]string{
		`{ "name": "n" }`: `{ "name": "n", "type": "bridge", "isGateway": true, "ipMasq": true, "mtu": 1450, ` + ipam + ` }`,
		`{ "name": "n", "cniVersion": "1.0.0", "delegate": { "isGateway": false, "ipMasq": false, "mtu": 1400 } }`: `{
			"name": "n", "cniVersion": "1.0.0", "type": "bridge", "isGateway": false, "ipMasq": false, "mtu": 1400,
			` + ipam + ` }`,
		`{ "name": "n", "delegate": { "type": "macvlan" }, "runtimeConfig": { "mac": "m" } }`: `{
			"name": "n", "type": "macvlan", "ipMasq": true, "mtu": 1450, "runtimeConfig": { "mac": "m" }, ` + ipam + ` }`,
	} {
		exit, stdout, delegated := call(t, "ADD", conf, subnetEnv)
		if exit != 0 || len(document(t, stdout)) == 0 {
			t.Errorf("%s: exit status %d: %s", conf, exit, stdout)
		}
		if diff := cmp.Diff(document(t, want), document(t, delegated)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", conf, diff)
		}
	}
}

func document(t *testing.T, text string) (d map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ command, conf, subnet, want string }{
		{"ADD", `{`, subnetEnv, `"code":6`},
		{"ADD", `{}`, subnetEnv, "missing network name"},
		{"ADD", `{ "name": "n" } { }`, subnetEnv, `"code":6`},
		{"ADD", `{ "name": "n", "cniVersion": "1.1.0" }`, subnetEnv, `"code":1`},
		{"CHECK", `{ "name": "n", "cniVersion": "0.3.1" }`, subnetEnv, "does not allow CHECK"},
		{"ADD", `{ "name": "n", "ipam": { "routes": "all" } }`, subnetEnv, "ipam.routes"},
		{"ADD", `{ "name": "n", "delegate": { "name": "x" } }`, subnetEnv, "must not have name"},
		{"ADD", `{ "name": "n", "delegate": { "ipam": {} } }`, subnetEnv, "must not have ipam"},
		{"ADD", `{ "name": "n", "delegate": { "type": 1 } }`, subnetEnv, "has to be a string"},
		{"ADD", `{ "name": "n", "delegate": { "type": "ptp" } }`, subnetEnv, "ptp"},
		{"ADD", `{ "name": "n" }`, "", "missing FLANNEL_MTU"},
		{"ADD", `{ "name": "n" }`, "FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n", "missing FLANNEL_NETWORK"},
		{"ADD", `{ "name": "n" }`, "FLANNEL_SUBNET=here\n", "FLANNEL_SUBNET"},
		{"ADD", `{ "name": "n" }`, "FLANNEL_MTU=x\n", "FLANNEL_MTU"},
		{"ADD", `{ "name": "n" }`, "FLANNEL_MTU=-1\n", "FLANNEL_MTU"},
		{"GC", `{}`, subnetEnv, "unknown CNI_COMMAND: GC"},
	} {
		exit, stdout, delegated := call(t, c.command, c.conf, c.subnet)
		if exit != 1 || !strings.Contains(stdout, c.want) || delegated != "" {
			t.Errorf("%s %s %q: exit status %d: %s; delegated %s", c.command, c.conf, c.subnet, exit, stdout, delegated)
		}
	}
}
