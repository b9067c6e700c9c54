package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/kernel"
)

// PluginDir is where plugins are installed, by the convention of CNI runtimes.
const PluginDir = "/opt/cni/bin"

// A Runtime calls CNI plugins for pods, as containerd and its like do.
type Runtime struct {
	cni   *libcni.CNIConfig
	cache string
}

// New returns a runtime on host that looks for plugins in dirs, or in PluginDir where none is given. Close it.
func New(host kernel.Host, dirs ...string) (*Runtime, error) {
	if len(dirs) == 0 {
		dirs = []string{PluginDir}
	}
	// libcni keeps results in files of the machine that runs it, whatever the host: a folder of our own.
	cache, err := os.MkdirTemp("", "cnilab-cache-")
	if err != nil {
		return nil, fmt.Errorf("result cache: %w", err)
	}
	// Without this folder, which its first Add would make, libcni takes every GC for done.
	if err := os.Mkdir(filepath.Join(cache, "results"), 0o700); err != nil {
		return nil, fmt.Errorf("result cache: %w", err)
	}
	return &Runtime{
		cni:   libcni.NewCNIConfigWithCacheDir(dirs, cache, hostExec{host: host}),
		cache: cache,
	}, nil
}

// Close forgets all results.
func (r *Runtime) Close() error { return os.RemoveAll(r.cache) }

// An Attachment is one interface of one container in a network.
type Attachment struct {
	ContainerID  string
	NetNS        string // path of the namespace; may be empty for Del, when it is gone
	IfName       string
	Args         [][2]string    // CNI_ARGS, in their order
	Capabilities map[string]any // what the runtime offers to plugins that declare the capability
}

func (a Attachment) conf() *libcni.RuntimeConf {
	return &libcni.RuntimeConf{
		ContainerID:    a.ContainerID,
		NetNS:          a.NetNS,
		IfName:         a.IfName,
		Args:           a.Args,
		CapabilityArgs: a.Capabilities,
	}
}

// Attach returns the pod's interface ifName.
func (p Pod) Attach(ifName string) Attachment {
	return Attachment{ContainerID: p.Name, NetNS: p.NetNS, IfName: ifName}
}

// Add attaches a container to a network, and remembers the result for Check and Del. What a plugin answers instead of a
// result is a *types.Error inside the error, here and in all the verbs.
func (r *Runtime) Add(ctx context.Context, n *Network, a Attachment) (types.Result, error) {
	return r.cni.AddNetworkList(ctx, n.list, a.conf())
}

// Check asks the plugins whether the attachment still is as Add left it. Configurations before CNI 0.4.0 have no check:
// libcni.ErrorCheckNotSupp.
func (r *Runtime) Check(ctx context.Context, n *Network, a Attachment) error {
	return r.cni.CheckNetworkList(ctx, n.list, a.conf())
}

// Del detaches a container. It may be called again, and without an Add before.
func (r *Runtime) Del(ctx context.Context, n *Network, a Attachment) error {
	return r.cni.DelNetworkList(ctx, n.list, a.conf())
}

// GC takes away what belongs to attachments of the network other than the valid ones.
func (r *Runtime) GC(ctx context.Context, n *Network, valid ...Attachment) error {
	args := &libcni.GCArgs{ValidAttachments: []types.GCAttachment{}}
	for _, a := range valid {
		kept := types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName}
		args.ValidAttachments = append(args.ValidAttachments, kept)
	}
	return r.cni.GCNetworkList(ctx, n.list, args)
}

// Status asks the plugins whether an Add could work.
func (r *Runtime) Status(ctx context.Context, n *Network) error {
	return r.cni.GetStatusNetworkList(ctx, n.list)
}

// Version asks a plugin which versions of CNI it speaks.
func (r *Runtime) Version(ctx context.Context, plugin string) (version.PluginInfo, error) {
	return r.cni.GetVersionInfo(ctx, plugin)
}
