package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
)

// A LaidCable joins two devices of machines.
type LaidCable struct {
	Ends [2]DeviceAt
	Says string // how it carries frames, as a line says it: "delay 5ms loss 1%"; "" at once and all
}

// Among returns which of the cables that there are a line is about: its place among them, or -1 where the line is about a
// new one. An error is a line about one that there is not, or about one of several, or that says nothing new of one.
func (c Cable) Among(all []LaidCable) (place int, err error) {
	place = -1
	for i, laid := range all {
		if !c.joins(laid) {
			continue
		}
		if place >= 0 {
			return 0, fmt.Errorf("there are several cables from %s to %s: name a device", c.A, c.B)
		}
		place = i
	}
	switch {
	case place >= 0 && c == (Cable{A: c.A, B: c.B}):
		return 0, fmt.Errorf("there is a cable from %s to %s already; name the devices of another one", c.A, c.B)
	case place < 0 && c.State != nil:
		return 0, fmt.Errorf("there is no cable from %s to %s", c.A, c.B)
	}
	return place, nil
}

// joins reports whether a line's ends are those of a cable, in either order.
func (c Cable) joins(laid LaidCable) bool {
	a, b := laid.Ends[0], laid.Ends[1]
	return c.A.isAt(a) && c.B.isAt(b) || c.A.isAt(b) && c.B.isAt(a)
}

func (e CableEnd) isAt(d DeviceAt) bool {
	return e.Host == d.Host && (e.Device == "" || e.Device == d.Device)
}

// A DeviceAt is a network device and where it is.
type DeviceAt struct {
	Host, NetNS, Device string // NetNS is kernel.HostNetNS for the machine's own
}

// A HostState is what one of several machines is like.
type HostState struct {
	Host  string
	State kernel.Snapshot
}

// ByHost parts the snapshot of several machines (see Result.State), the first one first: each as if it was of that machine
// alone.
func ByHost(all kernel.Snapshot) []HostState {
	states := []HostState{{Host: FirstHost}}
	for _, o := range all {
		host, o := unqualified(o)
		i := slices.IndexFunc(states, func(s HostState) bool { return s.Host == host })
		if i < 0 {
			i = len(states)
			states = append(states, HostState{Host: host})
		}
		states[i].State = append(states[i].State, o)
	}
	return states
}

// unqualified undoes node.qualified. No name of a namespace has a slash, and no path of a file begins without one.
func unqualified(o kernel.Object) (host string, _ kernel.Object) {
	if o.Noun == kernel.NounFile {
		host, file, other := strings.Cut(o.Name, ":")
		if !other || strings.HasPrefix(o.Name, "/") {
			return FirstHost, o
		}
		o.Name = file
		return host, o
	}
	host, netns, other := strings.Cut(o.NetNS, "/")
	if !other {
		return FirstHost, o
	}
	o.NetNS = netns
	if o.Noun == kernel.NounNetNS {
		o.Name = netns
	}
	o.Attrs = slices.Clone(o.Attrs)
	for i, a := range o.Attrs {
		if a.Key == "peer" {
			o.Attrs[i].Value = strings.Replace(a.Value, "@"+host+"/", "@", 1)
		}
	}
	return host, o
}
