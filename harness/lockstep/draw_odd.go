package lockstep

import (
	"reflect"

	"github.com/cnilab/cnilab/kernel/operation"
)

// Names of namespaces that stand for something else than one.
const (
	// closedNetNS is a handle of the host's own namespace that is closed: all that is asked by it is EBADF. No line of the
	// scenario language can say that: a scenario that is saved of such a difference has to be rewritten as a law.
	closedNetNS = "closed"

	// plainFile is a file that is no namespace, beside those that are.
	plainFile = "file"

	// absentFolder is a name in a folder that is not there.
	absentFolder = "absent/ns"
)

// misplaced asks now and then of no namespace what was drawn: by a closed handle, or of one that is not there.
func (d *drawer) misplaced(o operation.Operation) operation.Operation {
	switch {
	case d.oneIn(45):
		return elsewhere(o, closedNetNS, d.percent(25))
	case d.oneIn(150):
		return elsewhere(o, "none", d.percent(25))
	}
	return o
}

// elsewhere returns the operation asked of another namespace. Where it names a second one and other is true, that becomes
// the other namespace instead.
func elsewhere(o operation.Operation, netns string, other bool) operation.Operation {
	switch o := o.(type) {
	case operation.LinkAdd:
		if other && o.PeerNetNS != nil {
			o.PeerNetNS = &netns
			return o
		}
	case operation.LinkSet:
		if other && o.To != nil {
			o.To = &netns
			return o
		}
	}
	if o.In() == "" {
		return o // asked of the host
	}
	moved := reflect.New(reflect.TypeOf(o)).Elem()
	moved.Set(reflect.ValueOf(o))
	moved.FieldByName("NetNS").SetString(netns)
	return moved.Interface().(operation.Operation)
}
