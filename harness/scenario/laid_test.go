package scenario

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
)

// TestByHostUndoesQualified for each kind of object that has its machine in a name.
func TestByHostUndoesQualified(t *testing.T) {
	state := kernel.Snapshot{
		{Noun: kernel.NounNetNS, NetNS: "host", Name: "host"},
		{Noun: kernel.NounLink, NetNS: "host", Name: "veth", Attrs: []kernel.Attr{{Key: "peer", Value: "eth0@pod-a"}, {Key: "mtu", Value: "1500"}}},
		{Noun: kernel.NounLink, NetNS: "host", Name: "a", Attrs: []kernel.Attr{{Key: "peer", Value: "b"}}},
		{Noun: kernel.NounNetNS, NetNS: "pod-a", Name: "pod-a"},
		{Noun: kernel.NounFile, Name: "/run/x:y/z"},
	}
	var all kernel.Snapshot
	for _, host := range []string{FirstHost, "node-b"} {
		for _, o := range state {
			all = append(all, (&node{name: host}).qualified(o))
		}
	}
	want := []HostState{{Host: FirstHost, State: state}, {Host: "node-b", State: state}}
	if diff := cmp.Diff(want, ByHost(all)); diff != "" {
		t.Error(diff)
	}
}
