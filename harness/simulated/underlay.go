package simulated

import (
	"fmt"
	"strings"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/sim"
)

// An underlay is the machines of a scenario in their world, and the cables between them.
type underlay struct {
	world   *sim.World
	hosts   map[string]*sim.Host
	faults  *harness.Faults
	plugins map[string]kernel.Program
}

// addHost makes one more machine, with the plugins.
func (u underlay) addHost(name string) (kernel.Host, error) {
	host := u.world.AddHost(name)
	u.hosts[name] = host
	return host, install(host, u.faults, u.plugins)
}

// cable does what a line says of a cable.
func (u underlay) cable(c scenario.Cable) error {
	place, err := c.Among(u.laid())
	switch {
	case err != nil:
		return err
	case place >= 0:
		return apply(u.world.Cables()[place], c)
	}
	_, err = u.world.Cable(u.plug(c.A), u.plug(c.B), changed(sim.CableSpec{}, c))
	return err
}

// laid are the cables that there are.
func (u underlay) laid() (all []scenario.LaidCable) {
	for _, cable := range u.world.Cables() {
		laid := scenario.LaidCable{Says: says(cable)}
		for i, p := range cable.Ends() {
			laid.Ends[i] = scenario.DeviceAt{Host: p.Host, NetNS: p.NetNS, Device: p.Link}
		}
		all = append(all, laid)
	}
	return all
}

// says tells of a cable what a line can say of it.
func says(cable *sim.Cable) string {
	var words []string
	say := func(is bool, format string, args ...any) {
		if is {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	spec := cable.Spec()
	say(spec.Delay > 0, "delay %s", spec.Delay)
	say(spec.Loss > 0, "loss %.4g%%", 100*spec.Loss)
	say(spec.Rate > 0, "rate %s", scenario.FormatRate(spec.Rate))
	say(spec.Limit > 0, "limit %d", spec.Limit)
	state := cable.State().String()
	say(state != "", "%s", state)
	return strings.Join(words, " ")
}

func (u underlay) plug(end scenario.CableEnd) sim.Plug {
	return sim.Plug{Host: u.hosts[end.Host], Device: end.Device}
}

// apply makes a cable what a line says.
func apply(cable *sim.Cable, c scenario.Cable) error {
	if c.State != nil {
		cable.Become(*c.State)
	}
	return cable.Change(changed(cable.Spec(), c))
}

// changed returns what a cable is with what a line says of it.
func changed(spec sim.CableSpec, c scenario.Cable) sim.CableSpec {
	set(&spec.Delay, c.Delay)
	set(&spec.Loss, c.Loss)
	set(&spec.Rate, c.Rate)
	set(&spec.Limit, c.Limit)
	return spec
}

func set[T any](target, value *T) {
	if value != nil {
		*target = *value
	}
}
