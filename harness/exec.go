package harness

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/kernel"
)

// hostExec is libcni's way to plugins: it looks for them and runs them on a host.
type hostExec struct {
	host kernel.Host
	*version.PluginDecoder
}

var _ invoke.Exec = hostExec{}

// FindInPath returns the first executable file called plugin in dirs.
func (e hostExec) FindInPath(plugin string, dirs []string) (string, error) {
	if plugin == "" || strings.Contains(plugin, "/") {
		return "", fmt.Errorf("%q is no plugin name: state the file name of a plugin in the configuration's type", plugin)
	}
	for _, dir := range dirs {
		file := path.Join(dir, plugin)
		if e.executable(file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("no executable file %s in %s, which has %s: install the plugin there (cnilab test: by"+
		" --backend=linux --plugin-dir=DIR; in Go: as one of simulated.Config's Plugins)",
		plugin, strings.Join(dirs, ":"), e.namesIn(dirs))
}

// namesIn are those of the files in folders, for people.
func (e hostExec) namesIn(dirs []string) string {
	var names []string
	for _, dir := range dirs {
		entries, err := e.host.ReadDir(dir)
		if err != nil {
			continue // what cannot be read has no plugin
		}
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

func (e hostExec) executable(file string) bool {
	info, err := e.host.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// ExecPlugin runs a plugin and returns what it printed, or the error object that it printed.
func (e hostExec) ExecPlugin(ctx context.Context, file string, stdin []byte, env []string) ([]byte, error) {
	out, err := e.host.Exec(ctx, file, pluginEnv(env), stdin)
	if err != nil {
		return nil, err
	}
	if out.Exit != 0 {
		return nil, pluginError(file, out)
	}
	return out.Stdout, nil
}

// An invocation is the environment of one call of a plugin. Of several settings of one name the last counts.
type invocation struct {
	invoke.Args
	more []string
}

// AsEnv implements invoke.CNIArgs.
func (i invocation) AsEnv() []string { return append(i.Args.AsEnv(), i.more...) }

// pluginEnv is the environment a plugin gets: what CNI says, and the PATH by which it finds other programs. libcni adds
// all of this process's, in random order.
func pluginEnv(env []string) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(setting string) bool {
		return !strings.HasPrefix(setting, "CNI_") && !strings.HasPrefix(setting, "PATH=")
	})
	return lastOfEach(kept)
}

// lastOfEach returns an environment sorted, with each name once.
func lastOfEach(env []string) []string {
	values := map[string]string{}
	for _, setting := range env {
		name, value, _ := strings.Cut(setting, "=")
		values[name] = value
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, name+"="+values[name])
	}
	return all
}

// pluginError is the error object on the standard output of a plugin that failed, or one of our own where the plugin
// printed none.
func pluginError(file string, out kernel.Output) error {
	var said types.Error
	if len(out.Stdout) > 0 {
		if err := json.Unmarshal(out.Stdout, &said); err == nil {
			return &said
		}
	}
	return types.NewError(types.ErrInternal,
		fmt.Sprintf("plugin %s ended with status %d and printed no error object", path.Base(file), out.Exit),
		strings.TrimSpace(fmt.Sprintf("stdout %q, stderr %q", out.Stdout, out.Stderr)))
}
