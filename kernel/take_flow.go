package kernel

import "errors"

// TakeFlows reads the part of a host's state that Take leaves out: the flows that conntrack knows, below the namespace that
// each belongs to. A kernel that cannot tell has none.
//
// They are a part of their own because they are nobody's making: a flow stays for a while after the pod and the rules that
// it is about (Object.Passes). What is compared to find what somebody has left behind is compared without.
func TakeFlows(h Host) (Snapshot, error) {
	snapshot, err := takeAll(h, func([]*namespaceView) func(*namespaceView) ([]Object, error) { return (*namespaceView).flows })
	snapshot.Sort()
	return snapshot, err
}

func (s *namespaceView) flows() ([]Object, error) {
	if s.handle == nil || s.sameAs != "" {
		return nil, nil
	}
	flows, err := s.handle.Flows()
	if err != nil && !errors.Is(err, EOPNOTSUPP) {
		return nil, err
	}
	objects := FlowObjects(flows)
	for i := range objects {
		objects[i].NetNS = s.name
	}
	return objects, nil
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
