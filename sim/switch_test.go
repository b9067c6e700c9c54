package sim

import (
	"testing"

	"github.com/cnilab/cnilab/kernel"
)

// A frame leaves by a port as net/bridge/br_forward.c: should_deliver says.
func TestPortDelivers(t *testing.T) {
	plain, hairpin, isolated := kernel.Port{}, kernel.Port{Hairpin: true}, kernel.Port{Isolated: true}
	both := kernel.Port{Hairpin: true, Isolated: true}
	for _, c := range []struct {
		from, to kernel.Port
		want     bool
	}{
		{plain, plain, true},
		{hairpin, plain, true},
		{isolated, plain, true},
		{plain, isolated, true},
		{isolated, isolated, false},
		{isolated, both, false},
	} {
		from, to := &link{port: &port{flags: c.from}}, &link{port: &port{flags: c.to}}
		if got := to.delivers(from); got != c.want {
			t.Errorf("from a port %+v by a port %+v: %v", c.from, c.to, got)
		}
	}
	for flags, want := range map[kernel.Port]bool{plain: false, hairpin: true, isolated: false, both: false} {
		p := &link{port: &port{flags: flags}}
		if got := p.delivers(p); got != want {
			t.Errorf("back by a port %+v: %v", flags, got)
		}
		if !p.delivers(nil) {
			t.Errorf("from the bridge itself by a port %+v: false", flags)
		}
	}
}
