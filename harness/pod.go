package harness

import (
	"path"

	"github.com/cnilab/cnilab/kernel"
)

// A Pod is a group of containers that share one network namespace, which a pause container holds: the containers may
// crash and start again, and the network stays.
type Pod struct {
	Name  string // also the id of its pause container
	NetNS string // the path of its namespace
}

// PodNamed returns the pod with the name. Its namespace is below kernel.NetNSDir, where ip-netns(8) finds it too.
func PodNamed(name string) Pod {
	return Pod{Name: name, NetNS: path.Join(kernel.NetNSDir, name)}
}

// Start makes the pod's namespace, as a runtime does before it calls any plugin.
func (p Pod) Start(h kernel.Host) error {
	if err := h.MkdirAll(path.Dir(p.NetNS), 0o755); err != nil {
		return err
	}
	return h.AddNetNS(p.NetNS)
}

// Stop takes the pod's namespace away.
func (p Pod) Stop(h kernel.Host) error { return h.DeleteNetNS(p.NetNS) }
