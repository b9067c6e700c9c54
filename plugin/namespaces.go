package plugin

import (
	"errors"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// namespaces are the two ends of an attachment.
type namespaces struct {
	host      kernel.NetNS
	container kernel.NetNS
}

// open opens both, and refuses a container that is the host: everything would be set up in the plugin's own namespace.
// (The reference looks only after it has done so.)
func (n *namespaces) open(h kernel.Host, env environment) (err error) {
	if n.host, err = h.Self(); err != nil {
		return err
	}
	n.container, err = h.OpenNetNS(env.netns)
	switch {
	case isNoPath(err), errors.Is(err, kernel.EINVAL):
		return invalidEnvironment(fmt.Sprintf("CNI_NETNS: %v", err), "it has to be the path of a network namespace")
	case err != nil:
		return err
	case n.container.ID() == n.host.ID() && !env.override:
		return types.NewError(types.ErrInvalidNetNS,
			"plugin's netns and netns from CNI_NETNS should not be the same",
			fmt.Sprintf("CNI_NETNS=%q; CNI_NETNS_OVERRIDE=1 allows it", env.netns))
	}
	return nil
}

// openContainer opens CNI_NETNS for a verb that does not need it; nil where that is not the path of a namespace (any more).
// It may be that of another container's by now.
func (c *call) openContainer() (kernel.NetNS, error) {
	if c.env.netns == "" {
		return nil, nil
	}
	ns, err := c.machine.OpenNetNS(c.env.netns)
	switch {
	case isNoPath(err), errors.Is(err, kernel.EINVAL):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return ns, nil
}

// isNoPath reports whether an error says that a path leads nowhere.
func isNoPath(err error) bool {
	return slices.ContainsFunc([]kernel.Errno{kernel.ENOENT, kernel.ENOTDIR, kernel.ENAMETOOLONG, kernel.ELOOP},
		func(errno kernel.Errno) bool { return errors.Is(err, errno) })
}

func (n *namespaces) close() {
	for _, ns := range []kernel.NetNS{n.host, n.container} {
		if ns != nil {
			ns.Close()
		}
	}
}
