package topology_test

import (
	"flag"
	"os"
	"os/exec"
	"slices"
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
	got := topology.DOT([]topology.Machine{{Name: "node", State: state(t)}})
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

// TestMachines: each has a box, the same namespace of two is two, and a cable joins them.
func TestMachines(t *testing.T) {
	cable := topology.Cable{Ends: [2]topology.Device{{"a", "host", "cni0"}, {"b", "pod-a", "eth0"}}, Label: "delay 5ms"}
	got := topology.DOT([]topology.Machine{{Name: "a", State: state(t)}, {Name: "b", State: state(t)}}, cable)
	for _, want := range []string{
		`"a/host/cni0" [`, `"b/host/cni0" [`, `subgraph "cluster a/pod-a"`, `subgraph "cluster b/pod-a"`,
		`"a/host/cni0" -- "b/pod-a/eth0" [style=dashed penwidth=2.5] [label="delay 5ms"]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

// TestAreBare: containers without links, or nothing at all.
func TestAreBare(t *testing.T) {
	link := func(netns, name, kind string) kernel.Object {
		return kernel.Object{Noun: kernel.NounLink, NetNS: netns, Name: name, Attrs: []kernel.Attr{{Key: "type", Value: kind}}}
	}
	host := kernel.Snapshot{{Noun: kernel.NounNetNS, NetNS: "host", Name: "host"}, link("host", "lo", "loopback")}
	bridged := append(slices.Clone(host), link("host", "cni0", "bridge"))
	pod := kernel.Snapshot{{Noun: kernel.NounNetNS, NetNS: "pod-a", Name: "pod-a"}, link("pod-a", "lo", "loopback")}
	for _, c := range []struct {
		name  string
		state kernel.Snapshot
		bare  bool
	}{
		{"nothing", host, true},
		{"a bridge", bridged, false},
		{"a bridge and a container", slices.Concat(bridged, pod), true},
		{"a container with a link", slices.Concat(host, pod, kernel.Snapshot{link("pod-a", "eth0", "veth")}), false},
	} {
		if got := topology.AreBare([]topology.Machine{{Name: "node", State: c.state}}); got != c.bare {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestRender: dot takes the text, with the names that are hardest for it, and draws every link.
func TestRender(t *testing.T) {
	odd := kernel.Snapshot{
		{Noun: kernel.NounNetNS, NetNS: "host", Name: "host"},
		{Noun: kernel.NounLink, NetNS: "host", Name: `a"<&>\`, Attrs: []kernel.Attr{{Key: "type", Value: "dummy"}, {Key: "mtu", Value: "1500"}}},
		{Noun: kernel.NounLink, NetNS: "host", Name: "b\x01é\xff", Attrs: []kernel.Attr{{Key: "type", Value: "dummy"}, {Key: "mtu", Value: "1500"}}},
	}
	dot := topology.DOT([]topology.Machine{{Name: `n"\`, State: odd}, {Name: "node", State: state(t)}})
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
	for _, want := range []string{"cni0", "eth0", `a&quot;&lt;&amp;&gt;\`, `b\x01é\xff`} {
		if !strings.Contains(string(svg), ">"+want+"<") {
			t.Errorf("%s is missing", want)
		}
	}
	if _, err := topology.Render(t.Context(), "graph {", "svg"); err == nil {
		t.Error("half a graph was drawn")
	}
}
