package lockstep

import (
	"testing"

	"github.com/cnilab/cnilab/kernel/operation"
	"github.com/cnilab/cnilab/sim"
)

// TestCircular: two ways between two bridges are a circle, as soon as all of it is up; one is none.
func TestCircular(t *testing.T) {
	tests := []struct {
		name string
		add  []string // the last of which makes the circle
		want bool
	}{
		{"a veth between two bridges", []string{
			"ip link add br0 up type bridge", "ip link add br1 up type bridge",
			"ip link add v0 up master br0 type veth peer name v1", "ip link set v1 up master br1",
		}, false},
		{"a veth with both ends on a bridge", []string{
			"ip link add br0 up type bridge", "ip link add v0 up master br0 type veth peer name v1",
			"ip link set v1 up master br0",
		}, true},
		{"one that is down", []string{
			"ip link add br0 up type bridge", "ip link add v0 up master br0 type veth peer name v1",
			"ip link set v1 master br0",
		}, false},
		{"two veths between two bridges", []string{
			"ip link add br0 up type bridge", "ip link add br1 up type bridge",
			"ip link add v0 up master br0 type veth peer name v1", "ip link set v1 up master br1",
			"ip link add v2 up master br0 type veth peer name v3", "ip link set v3 up master br1",
		}, true},
		{"by way of another namespace", []string{
			"ip netns add a", "ip link add br0 up type bridge", "ip -n a link add br1 up type bridge",
			"ip link add v0 up master br0 type veth peer name v1 netns a", "ip -n a link set v1 up master br1",
			"ip link add v2 up master br0 type veth peer name v3 netns a", "ip -n a link set v3 up master br1",
		}, true},
		{"two vlans of one parent on a bridge", []string{
			"ip link add br0 up type bridge", "ip link add v0 up type veth peer name v1", "ip link set v1 up",
			"ip link add v0.1 link v0 up master br0 type vlan id 1", "ip link add v0.2 link v0 up master br0 type vlan id 2",
		}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := newArena(sim.NewWorld(sim.Config{}).AddHost("machine"), "")
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range test.add {
				o, err := operation.Parse(line)
				if err != nil {
					t.Fatal(err)
				}
				if answer := ask(a, o); answer.err != nil {
					t.Fatalf("%s: %v", line, answer.err)
				}
				if got, want := circular(a, o), test.want && i == len(test.add)-1; got != want {
					t.Errorf("%s: circular %v, want %v", line, got, want)
				}
			}
		})
	}
}
