package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/kernel"
)

// PluginDir is where plugins are installed, by the convention of CNI runtimes.
const PluginDir = "/opt/cni/bin"

// A Runtime calls CNI plugins for pods, as containerd and its like do. All that it keeps are files of its host, so that
// any other Runtime on that host knows the same. It does what libcni does, call for call; a test compares them.
type Runtime struct {
	exec  hostExec
	dirs  []string
	cache cache
}

// New returns a runtime on host that looks for plugins in dirs, or in PluginDir where none is given.
func New(host kernel.Host, dirs ...string) *Runtime {
	if len(dirs) == 0 {
		dirs = []string{PluginDir}
	}
	return &Runtime{exec: hostExec{host: host}, dirs: dirs, cache: cache{host}}
}

// An Attachment is one interface of one container in a network.
type Attachment struct {
	ContainerID  string
	NetNS        string // path of the namespace; may be empty for Del, when it is gone
	IfName       string
	Args         [][2]string    // CNI_ARGS, in their order
	Capabilities map[string]any // what the runtime offers to plugins that declare the capability
	Env          []string       // more of the environment, each "CNI_NAME=value"; it goes before the rest
}

// Attach returns the pod's interface ifName.
func (p Pod) Attach(ifName string) Attachment {
	return Attachment{ContainerID: p.Name, NetNS: p.NetNS, IfName: ifName}
}

// Add attaches a container to a network, and remembers the result for Check and Del. What a plugin answers instead of a
// result is a *types.Error inside the error, here and in all the verbs.
func (r *Runtime) Add(ctx context.Context, n *Network, a Attachment) (result types.Result, err error) {
	for _, p := range n.list.Plugins {
		if result, err = r.add(ctx, n, p, a, result); err != nil {
			return nil, fmt.Errorf("plugin %s failed (add): %w", describe(p.Network), err)
		}
	}
	if err := r.cache.put(n, a, result); err != nil {
		return nil, fmt.Errorf("failed to set network %q cached result: %w", n.list.Name, err)
	}
	return result, nil
}

func (r *Runtime) add(
	ctx context.Context, n *Network, p *libcni.PluginConfig, a Attachment, previous types.Result,
) (types.Result, error) {
	file, err := r.exec.FindInPath(p.Network.Type, r.dirs)
	if err != nil {
		return nil, err
	}
	if err := validate(n.list.Name, a); err != nil {
		return nil, err
	}
	stdin, err := n.stdin(p, a, previous)
	if err != nil {
		return nil, err
	}
	return invoke.ExecPluginWithResult(ctx, file, stdin, r.call("ADD", a), r.exec)
}

// validate refuses names that no plugin may be given. Each is an error object or nothing, and so no plain error.
func validate(network string, a Attachment) error {
	if err := utils.ValidateContainerID(a.ContainerID); err != nil {
		return err
	}
	if err := utils.ValidateNetworkName(network); err != nil {
		return err
	}
	if err := utils.ValidateInterfaceName(a.IfName); err != nil {
		return err
	}
	return nil
}

// Check asks the plugins whether the attachment still is as Add left it. Configurations before CNI 0.4.0 have no check:
// libcni.ErrorCheckNotSupp.
func (r *Runtime) Check(ctx context.Context, n *Network, a Attachment) error {
	switch ok, err := n.isFrom("0.4.0"); {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("configuration version %q %w", n.list.CNIVersion, libcni.ErrorCheckNotSupp)
	case n.list.DisableCheck:
		return nil
	}
	previous, err := r.cache.result(n, a)
	if err != nil {
		return fmt.Errorf("failed to get network %q cached result: %w", n.list.Name, err)
	}
	for _, p := range n.list.Plugins {
		if err := r.silent(ctx, "CHECK", n, p, a, previous); err != nil {
			return err
		}
	}
	return nil
}

// Del detaches a container. It may be called again, and without an Add before.
func (r *Runtime) Del(ctx context.Context, n *Network, a Attachment) error {
	previous, err := r.previous(n, a)
	if err != nil {
		return err
	}
	for i := len(n.list.Plugins) - 1; i >= 0; i-- {
		p := n.list.Plugins[i]
		if err := r.silent(ctx, "DEL", n, p, a, previous); err != nil {
			return fmt.Errorf("plugin %s failed (delete): %w", describe(p.Network), err)
		}
	}
	r.cache.forget(n, a)
	return nil
}

// previous is the result that DEL gets, from CNI 0.4.0 on. One that makes no sense is forgotten: DEL has to work
// without.
func (r *Runtime) previous(n *Network, a Attachment) (types.Result, error) {
	if ok, err := n.isFrom("0.4.0"); err != nil || !ok {
		return nil, err
	}
	previous, err := r.cache.result(n, a)
	if err != nil {
		r.cache.forget(n, a)
		return nil, nil
	}
	return previous, nil
}

// silent calls a plugin with a verb that answers nothing.
func (r *Runtime) silent(
	ctx context.Context, verb string, n *Network, p *libcni.PluginConfig, a Attachment, previous types.Result,
) error {
	stdin, err := n.stdin(p, a, previous)
	if err != nil {
		return err
	}
	return r.run(ctx, verb, p, a, stdin)
}

func (r *Runtime) run(ctx context.Context, verb string, p *libcni.PluginConfig, a Attachment, stdin []byte) error {
	file, err := r.exec.FindInPath(p.Network.Type, r.dirs)
	if err != nil {
		return err
	}
	return invoke.ExecPluginWithoutResult(ctx, file, stdin, r.call(verb, a), r.exec)
}

// GC takes away what belongs to attachments of the network other than the valid ones: those that the runtime knows of
// by DEL, and then, from CNI 1.1.0 on, whatever else the plugins find. It goes on after a failure.
func (r *Runtime) GC(ctx context.Context, n *Network, valid ...Attachment) error {
	if n.list.DisableGC {
		return nil
	}
	known, err := r.cache.attachments(n.list.Name)
	if err != nil {
		return fmt.Errorf("result cache: %w", err) // libcni would say nothing, and do nothing
	}
	var errs []error
	keep := gcAttachments(valid)
	for _, a := range stale(known, keep) {
		if err := r.Del(ctx, n, a); err != nil {
			errs = append(errs, fmt.Errorf("failed to delete stale attachment %s %s: %w", a.ContainerID, a.IfName, err))
		}
	}
	if ok, _ := n.isFrom("1.1.0"); ok {
		errs = append(errs, r.gcPlugins(ctx, n, keep))
	}
	return errors.Join(errs...)
}

func (r *Runtime) gcPlugins(ctx context.Context, n *Network, valid []types.GCAttachment) error {
	var errs []error
	// The second key is a name that runtimes sent before the specification's was agreed on.
	more := map[string]any{"cni.dev/valid-attachments": valid, "cni.dev/attachments": valid}
	for _, p := range n.list.Plugins {
		if err := r.runWhole(ctx, "GC", n, p, more); err != nil {
			errs = append(errs, fmt.Errorf("failed to GC plugin %s: %w", p.Network.Type, err))
		}
	}
	return errors.Join(errs...)
}

// Status asks the plugins whether an Add could work. Before CNI 1.1.0 there is no such question, and no answer is nil.
func (r *Runtime) Status(ctx context.Context, n *Network) error {
	if ok, _ := n.isFrom("1.1.0"); !ok {
		return nil
	}
	for _, p := range n.list.Plugins {
		if err := r.runWhole(ctx, "STATUS", n, p, nil); err != nil {
			return err
		}
	}
	return nil
}

// runWhole calls a plugin with a verb that is about no attachment.
func (r *Runtime) runWhole(
	ctx context.Context, verb string, n *Network, p *libcni.PluginConfig, more map[string]any,
) error {
	conf, err := n.inject(p, more)
	if err != nil {
		return err
	}
	return r.run(ctx, verb, p, Attachment{}, conf.Bytes)
}

// Version asks a plugin which versions of CNI it speaks.
func (r *Runtime) Version(ctx context.Context, plugin string) (version.PluginInfo, error) {
	file, err := r.exec.FindInPath(plugin, r.dirs)
	if err != nil {
		return nil, err
	}
	return invoke.GetVersionInfo(ctx, file, r.exec)
}

// Call runs one plugin, with a verb and a standard input that may be of any kind, and returns what it printed. Nothing
// is validated, added or remembered on the way.
func (r *Runtime) Call(ctx context.Context, plugin, verb string, a Attachment, stdin []byte) ([]byte, error) {
	file, err := r.exec.FindInPath(plugin, r.dirs)
	if err != nil {
		return nil, err
	}
	return r.exec.ExecPlugin(ctx, file, stdin, r.call(verb, a).AsEnv())
}

func (r *Runtime) call(verb string, a Attachment) invocation {
	return invocation{
		Args: invoke.Args{
			Command: verb, ContainerID: a.ContainerID, NetNS: a.NetNS, IfName: a.IfName, PluginArgs: a.Args,
			Path: strings.Join(r.dirs, ":"),
		},
		more: a.Env,
	}
}

// describe names a plugin of a list.
func describe(p *types.PluginConf) string {
	if p.Name == "" {
		return fmt.Sprintf("type=%q", p.Type)
	}
	return fmt.Sprintf("type=%q name=%q", p.Type, p.Name)
}
