package operation

import (
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

func netnsForms() []Form {
	return []Form{
		{
			"ip netns add", "ip netns add NAME", "make a namespace; for cni it is a pod's, held by its pause container",
			func(_ string, r *words.Reader) (Operation, error) {
				var o NetNSAdd
				err := r.Only("NAME", &o.Name)
				return o, err
			},
		},
		{
			"ip netns del", "ip netns del NAME", "take its name away; it dies unless somebody else holds it",
			func(_ string, r *words.Reader) (Operation, error) {
				var o NetNSDelete
				err := r.Only("NAME", &o.Name)
				return o, err
			},
		},
	}
}

// A NetNSAdd makes a namespace and binds it below kernel.NetNSDir, which must be there.
type NetNSAdd struct{ Name string }

func (o NetNSAdd) String() string { return "ip netns add " + words.Quote(o.Name) }

// Op implements Operation.
func (o NetNSAdd) Op() string { return "netns add" }

// In implements Operation.
func (o NetNSAdd) In() string { return "" }

// Apply implements Operation.
func (o NetNSAdd) Apply(h kernel.Host) (string, error) { return "", h.AddNetNS(Path(o.Name)) }

// A NetNSDelete takes a namespace's name away.
type NetNSDelete struct{ Name string }

func (o NetNSDelete) String() string { return "ip netns del " + words.Quote(o.Name) }

// Op implements Operation.
func (o NetNSDelete) Op() string { return "netns delete" }

// In implements Operation.
func (o NetNSDelete) In() string { return "" }

// Apply implements Operation.
func (o NetNSDelete) Apply(h kernel.Host) (string, error) { return "", h.DeleteNetNS(Path(o.Name)) }
