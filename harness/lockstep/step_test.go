package lockstep

import (
	"testing"

	"github.com/cnilab/cnilab/kernel/operation"
)

// TestUndecided: a veth that is up and a port at once, by whatever name it is asked for.
func TestUndecided(t *testing.T) {
	for line, want := range map[string]bool{
		"ip link add v0 up master br0 type veth peer name v1":  true,
		"ip link add v%d up master br0 type veth peer name v1": true,
		"ip link add v0 master br0 type veth peer name v1":     false,
		"ip link add v0 up type veth peer name v1":             false,
		"ip link add d0 up master br0 type dummy":              false,
		"ip link set v0 up master br0":                         false,
	} {
		o, err := operation.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := undecided(o); got != want {
			t.Errorf("%s: %v, want %v", line, got, want)
		}
	}
}
