package lockstep

import (
	"testing"

	"github.com/cnilab/cnilab/kernel/operation"
	"github.com/cnilab/cnilab/sim"
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

// TestLinkByIndex: that Linux is late with what a request makes does not depend on how the request names its link.
func TestLinkByIndex(t *testing.T) {
	w := sim.NewWorld(sim.Config{Seed: 1})
	defer w.Close()
	h := w.AddHost("test")
	for _, line := range []string{"ip link add br0 type bridge", "ip link add v0 type veth peer name v1"} {
		o, err := operation.Parse(line)
		if err == nil {
			_, err = o.Apply(h)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"v0", "if4"} {
		o, err := operation.Parse("ip link set " + name + " up master br0")
		if err != nil {
			t.Fatal(err)
		}
		if !needsCarriers(h, o) || !raisesPort(h, o) {
			t.Errorf("%s: needs carriers: %v, raises a port: %v", o, needsCarriers(h, o), raisesPort(h, o))
		}
	}
}
