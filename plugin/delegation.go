package plugin

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/ipam"
	"github.com/cnilab/cnilab/plugin/ipam/delegate"
)

// findIPAM looks the network's IPAM plugin up as SPEC 1.1.0, section 4, says, and returns nil for a network without
// one. Where the file found is this very program, the call is made in process: the result is the same, without the 10
// ms.
func (c *call) findIPAM() (ipam.Plugin, error) {
	name := c.network.IPAM
	if name == "" {
		return nil, nil
	}
	file, err := c.findInPath(name)
	if err != nil {
		return nil, err
	}
	self, err := c.machine.IsSelf(file)
	switch {
	case err != nil:
		return nil, err
	case !self:
		return delegate.Program{Path: file, Host: c.machine, Stderr: c.stderr}, nil
	}
	if plugin := c.builtIn(name); plugin != nil {
		return plugin, nil
	}
	// Executing it would have the bridge plugin call itself, without end.
	return nil, types.NewError(types.ErrInvalidNetworkConfig,
		fmt.Sprintf("ipam.type %q: %s is the bridge plugin itself, which is no IPAM plugin by that name", name, file), "")
}

// findValidIPAM has the IPAM plugin's part of the configuration validated too, if that plugin can be asked to.
func (c *call) findValidIPAM() (ipam.Plugin, error) {
	plugin, err := c.findIPAM()
	if v, ok := plugin.(ipam.Validator); ok && err == nil {
		err = v.Validate(c.request())
	}
	return plugin, err
}

// findInPath searches the folders of CNI_PATH.
func (c *call) findInPath(name string) (string, error) {
	if c.env.path == "" {
		return "", invalidEnvironment("required env variables [CNI_PATH] missing",
			fmt.Sprintf("ipam.type %q is looked for there", name))
	}
	for folder := range strings.SplitSeq(c.env.path, ":") {
		if folder == "" {
			continue // a stray colon does not mean the working directory
		}
		file := path.Join(folder, name)
		info, err := c.machine.Stat(file)
		switch {
		case isNotThere(err):
			continue
		case err != nil:
			return "", err
		case info.Mode().IsRegular():
			return file, nil
		}
	}
	return "", types.NewError(types.ErrInvalidNetworkConfig,
		fmt.Sprintf("failed to find plugin %q in path [%s]", name, c.env.path),
		"install the IPAM plugin, or correct ipam.type")
}

func isNotThere(err error) bool {
	return isNoPath(err) || errors.Is(err, kernel.EACCES)
}
