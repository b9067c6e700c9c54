package topology_test

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/harness/topology"
	"github.com/cnilab/cnilab/kernel"
)

var update = flag.Bool("update", false, "write the golden file anew")

func state(t *testing.T) kernel.Snapshot {
	t.Helper()
	text, err := os.ReadFile("testdata/world.snapshot")
	if err != nil {
		t.Fatal(err)
	}
	s, err := kernel.ParseSnapshot(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDOT(t *testing.T) {
	const golden = "testdata/world.dot"
	got := topology.DOT(topology.Machine{Name: "node", State: state(t)})
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the picture is another (go test -update writes it anew)\n%s", diff)
	}
}

// TestMachines: each has a box, and the same namespace of two is two.
func TestMachines(t *testing.T) {
	got := topology.DOT(topology.Machine{Name: "a", State: state(t)}, topology.Machine{Name: "b", State: state(t)})
	for _, want := range []string{`"a/host/cni0" [`, `"b/host/cni0" [`, `subgraph "cluster a/pod-a"`, `subgraph "cluster b/pod-a"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

// TestRender: dot takes the text, with the names that are hardest for it, and draws every link.
func TestRender(t *testing.T) {
	odd := kernel.Snapshot{
		{Noun: kernel.NounNetNS, NetNS: "host", Name: "host"},
		{Noun: kernel.NounLink, NetNS: "host", Name: `a"<&>\`, Attrs: []kernel.Attr{{Key: "type", Value: "dummy"}, {Key: "mtu", Value: "1500"}}},
	}
	dot := topology.DOT(topology.Machine{Name: `n"\`, State: odd}, topology.Machine{Name: "node", State: state(t)})
	svg, err := topology.Render(t.Context(), dot, "svg")
	if _, missing := exec.LookPath("dot"); missing != nil {
		if err == nil || !strings.Contains(err.Error(), "graphviz") {
			t.Errorf("without Graphviz: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cni0", "eth0", `a&quot;&lt;&amp;&gt;\`} {
		if !strings.Contains(string(svg), ">"+want+"<") {
			t.Errorf("%s is missing", want)
		}
	}
	if _, err := topology.Render(t.Context(), "graph {", "svg"); err == nil {
		t.Error("half a graph was drawn")
	}
}
