package harness

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/cnilab/cnilab/kernel"
)

// A Kubelet runs pods as that of Kubernetes before 1.24 does when it is started with --network-plugin=cni: of the files
// in a folder the first is the network, and the pod's pause container is attached to it before there is any other.
//
// The kubelet's loopback network, which only sets lo up, is not called: that is done here.
type Kubelet struct {
	Host    kernel.Host
	ConfDir string   // --cni-conf-dir; read anew for each pod
	BinDirs []string // --cni-bin-dir; none: PluginDir
}

// confExtensions are those of files that a kubelet reads.
var confExtensions = []string{".conf", ".conflist", ".json"}

// A Choice is what a kubelet found in its folder.
type Choice struct {
	Network *Network // nil where there is none that it can use
	File    string   // where that is from
	Passed  []string // the files before it that it passed over, each with the reason
}

// Choose looks for the network: the first file, in lexical order, of which all plugins are installed and speak the
// version. A folder that cannot be read is an error, one that has no such file is none.
func (k Kubelet) Choose(ctx context.Context) (c Choice, err error) {
	entries, err := k.Host.ReadDir(k.ConfDir)
	if err != nil {
		return c, err
	}
	for _, entry := range entries {
		if entry.IsDir() || !slices.Contains(confExtensions, path.Ext(entry.Name())) {
			continue
		}
		file := path.Join(k.ConfDir, entry.Name())
		n, err := k.load(ctx, file)
		if err == nil {
			c.Network, c.File = n, file
			return c, nil
		}
		c.Passed = append(c.Passed, fmt.Sprintf("%s: %v", file, err))
	}
	return c, nil
}

func (k Kubelet) load(ctx context.Context, file string) (*Network, error) {
	conf, err := k.Host.ReadFile(file)
	if err != nil {
		return nil, err
	}
	n, err := ParseNetwork(conf)
	if err != nil {
		return nil, err
	}
	return n, k.runtime().validate(ctx, n)
}

func (k Kubelet) runtime() *Runtime { return New(k.Host, k.BinDirs...) }

// validate asks all plugins of a network whether they speak its version.
func (r *Runtime) validate(ctx context.Context, n *Network) error {
	for _, plugin := range n.Plugins() {
		info, err := r.Version(ctx, plugin)
		if err != nil {
			return err
		}
		if !slices.Contains(info.SupportedVersions(), n.version()) {
			return fmt.Errorf("plugin %s does not speak version %s", plugin, n.version())
		}
	}
	return nil
}

// network returns what pods are attached to now.
func (k Kubelet) network(ctx context.Context) (*Network, error) {
	choice, err := k.Choose(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("network plugin is not ready: %w", err)
	case choice.Network == nil:
		return nil, fmt.Errorf("network plugin is not ready: no usable configuration in %s%s", k.ConfDir,
			strings.Join(append([]string{""}, choice.Passed...), "; "))
	}
	return choice.Network, nil
}

// StartPod starts a pod's pause container: it makes the namespace and attaches it as eth0. Where that fails, it
// detaches what may be attached and stops the pause container.
func (k Kubelet) StartPod(ctx context.Context, p Pod) (types.Result, error) {
	n, err := k.network(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.Start(k.Host); err != nil {
		return nil, err
	}
	if err := p.loopbackUp(k.Host); err != nil {
		return nil, errors.Join(err, p.Stop(k.Host))
	}
	result, err := k.runtime().Add(ctx, n, k.attachment(p))
	if err != nil {
		return nil, errors.Join(err, k.StopPod(ctx, p))
	}
	return result, nil
}

// StopPod detaches a pod from the network that the folder has now, and stops its pause container even where that fails.
// It may be called again until it succeeds; the namespace is gone by then, and the plugins are told of none.
func (k Kubelet) StopPod(ctx context.Context, p Pod) error {
	a := k.attachment(p)
	_, err := k.Host.Stat(p.NetNS)
	gone := errors.Is(err, kernel.ENOENT)
	if gone {
		a.NetNS = ""
	}
	n, err := k.network(ctx)
	if err == nil {
		err = k.runtime().Del(ctx, n, a)
	}
	if gone {
		return err
	}
	return errors.Join(err, p.Stop(k.Host))
}

// attachment is the one interface that a kubelet gives its pods.
func (k Kubelet) attachment(p Pod) Attachment {
	a := p.Attach("eth0")
	a.Args = [][2]string{
		{"IgnoreUnknown", "1"},
		{"K8S_POD_NAMESPACE", "default"},
		{"K8S_POD_NAME", p.Name},
		{"K8S_POD_INFRA_CONTAINER_ID", p.Name},
	}
	return a
}
