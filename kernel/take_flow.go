package kernel

import (
	"errors"
	"fmt"
)

// TakeFlows reads the part of a host's state that Take leaves out: the flows that conntrack knows, below the namespace that
// each belongs to. A kernel that cannot tell has none.
//
// They are a part of their own because they are nobody's making: a flow stays for a while after the pod and the rules that
// it is about (Object.Passes). What is compared to find what somebody has left behind is compared without.
func TakeFlows(h Host) (Snapshot, error) {
	spaces, err := openAll(h)
	defer func() {
		for _, s := range spaces {
			s.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	var snapshot Snapshot
	for _, s := range spaces {
		if s.handle == nil || s.sameAs != "" {
			continue
		}
		flows, err := s.handle.Flows()
		if err != nil && !errors.Is(err, EOPNOTSUPP) {
			return nil, fmt.Errorf("flows of netns %s: %w", s.name, err)
		}
		for _, o := range FlowObjects(flows) {
			o.NetNS = s.name
			snapshot = append(snapshot, o)
		}
	}
	snapshot.Sort()
	return snapshot, nil
}

// FlowObjects are the lines of a snapshot for flows. Left out is IGMP, by which Linux itself says which groups it is in.
func FlowObjects(flows []Flow) []Object {
	var objects []Object
	for _, f := range flows {
		if f.Protocol != protocolIGMP {
			objects = append(objects, f.object())
		}
	}
	return objects
}

const protocolIGMP = 2

// Passes reports whether the object ends by itself, as flows do: where two states are compared it does not count.
func (o Object) Passes() bool { return o.Noun == NounFlow }
