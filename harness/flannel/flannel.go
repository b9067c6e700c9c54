// Package flannel is flannel's CNI plugin, as far as the tour of CNI needs it: a plugin that makes no network itself.
// It reads which subnet the flannel daemon has got for the node, writes the configuration of another plugin from that,
// and hands the call on.
//
// It runs on any kernel.Host. On a real node flannel's own is installed instead.
package flannel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin/config"
)

// supported are the versions of CNI that the plugin speaks.
var supported = version.PluginSupports("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0")

// Main is the plugin: kernel.Program.
func Main(ctx context.Context, in kernel.Invocation, h kernel.Host) (exit int) {
	c := call{host: h, env: map[string]string{}}
	for _, setting := range in.Env {
		name, value, _ := strings.Cut(setting, "=")
		c.env[name] = value
	}
	out, err := c.serve(ctx, in.Stdin)
	if err != nil {
		out, exit = errorObject(err), 1
	}
	if _, err := in.Stdout.Write(out); err != nil {
		fmt.Fprintln(in.Stderr, err)
		return 1
	}
	return exit
}

// errorObject has the code of the error object inside err, if there is one: the delegate's says best what is wrong.
func errorObject(err error) []byte {
	code := types.ErrInternal
	var said *types.Error
	if errors.As(err, &said) {
		code = said.Code
	}
	out, _ := json.Marshal(types.NewError(code, err.Error(), "")) // three plain fields
	return append(out, '\n')
}

// settings are the plugin's configuration.
type settings struct {
	CNIVersion    string         `json:"cniVersion"`
	Name          string         `json:"name"`
	IPAM          map[string]any `json:"ipam"`
	SubnetFile    string         `json:"subnetFile"`
	DataDir       string         `json:"dataDir"`
	Delegate      map[string]any `json:"delegate"`
	RuntimeConfig map[string]any `json:"runtimeConfig"`
}

// A call is one execution of the plugin.
type call struct {
	host kernel.Host
	env  map[string]string
	settings
	version string // that the configuration has, or means by having none
}

func (c *call) serve(ctx context.Context, stdin io.Reader) ([]byte, error) {
	verbs := map[string]func(context.Context) ([]byte, error){"ADD": c.add, "DEL": c.del, "CHECK": c.check}
	command := c.env["CNI_COMMAND"]
	if command == "VERSION" {
		var out bytes.Buffer
		err := supported.Encode(&out)
		return out.Bytes(), err
	}
	do, ok := verbs[command]
	if !ok {
		return nil, types.NewError(types.ErrInvalidEnvironmentVariables, "unknown CNI_COMMAND: "+command, "")
	}
	if err := c.read(stdin); err != nil {
		return nil, err
	}
	return do(ctx)
}

func (c *call) read(stdin io.Reader) error {
	text, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	network, err := config.ParseNetwork(text)
	if err != nil {
		return err
	}
	c.version = network.CNIVersion
	if err := new(version.Reconciler).Check(c.version, supported); err != nil {
		return types.NewError(types.ErrIncompatibleCNIVersion, "incompatible CNI versions", err.Details())
	}
	c.settings = settings{SubnetFile: "/run/flannel/subnet.env", DataDir: "/var/lib/cni/flannel"}
	if err := json.Unmarshal(text, &c.settings); err != nil {
		return types.NewError(types.ErrDecodingFailure, "network configuration: "+err.Error(), "")
	}
	return nil
}

// check does nothing where it is allowed: flannel's own has none either.
func (c *call) check(context.Context) ([]byte, error) {
	if allowed, err := version.GreaterThanOrEqualTo(c.version, "0.4.0"); err != nil || !allowed {
		return nil, types.NewError(types.ErrIncompatibleCNIVersion, "config version does not allow CHECK", "")
	}
	return nil, nil
}

// add keeps what it delegates before it does, so that a DEL finds it however the ADD ends.
func (c *call) add(ctx context.Context) ([]byte, error) {
	conf, err := c.delegateConf()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(conf)
	if err != nil {
		return nil, err
	}
	if err := c.host.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, err
	}
	if err := c.host.WriteFile(c.file(), text, 0o600); err != nil {
		return nil, err
	}
	out, err := c.delegate(ctx, conf["type"].(string), text)
	if err != nil {
		return nil, err
	}
	return c.result(out)
}

// result is the delegate's, as the specification's types write it.
func (c *call) result(out []byte) ([]byte, error) {
	result, err := create.Create(c.version, out)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = result.PrintTo(&text)
	return text.Bytes(), err
}

// del hands on what add kept, whatever the configuration says by now. Without it there is nothing to undo.
func (c *call) del(ctx context.Context) ([]byte, error) {
	text, err := c.host.ReadFile(c.file())
	if errors.Is(err, kernel.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var conf struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &conf); err != nil {
		return nil, fmt.Errorf("%s: %w", c.file(), err)
	}
	if _, err := c.delegate(ctx, conf.Type, text); err != nil {
		return nil, err
	}
	return nil, c.host.Remove(c.file())
}

func (c *call) file() string { return path.Join(c.DataDir, c.env["CNI_CONTAINERID"]) }

// delegateConf is the configuration of the plugin that makes the network: the given keys, and what follows from the
// node's subnet.
func (c *call) delegateConf() (map[string]any, error) {
	node, err := readSubnet(c.host, c.SubnetFile)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"name", "ipam"} {
		if _, ok := c.Delegate[key]; ok {
			return nil, types.NewError(types.ErrInvalidNetworkConfig, "delegate must not have "+key+": flannel sets it", "")
		}
	}
	conf := map[string]any{"type": "bridge", "ipMasq": !node.ipMasq, "mtu": node.mtu}
	maps.Copy(conf, c.Delegate)
	kind, ok := conf["type"].(string)
	if !ok {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "delegate.type has to be a string", "")
	}
	if _, set := conf["isGateway"]; kind == "bridge" && !set {
		conf["isGateway"] = true
	}
	if c.CNIVersion != "" {
		conf["cniVersion"] = c.CNIVersion
	}
	if c.RuntimeConfig != nil {
		conf["runtimeConfig"] = c.RuntimeConfig
	}
	conf["name"] = c.Name
	conf["ipam"], err = c.ipam(node)
	return conf, err
}

// ipam gives addresses of the node's own subnet, and routes to those of the others.
func (c *call) ipam(node subnet) (map[string]any, error) {
	conf := map[string]any{"type": "host-local"}
	maps.Copy(conf, c.IPAM)
	var ranges [][]map[string]any
	for _, one := range node.ranges {
		ranges = append(ranges, []map[string]any{{"subnet": one}})
	}
	routes, err := readRoutes(conf["routes"])
	for _, network := range node.networks {
		routes = append(routes, types.Route{Dst: network})
	}
	conf["ranges"], conf["routes"] = ranges, routes
	return conf, err
}

// readRoutes keeps of routes what the specification's type has.
func readRoutes(given any) (routes []types.Route, err error) {
	text, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &routes); err != nil {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "ipam.routes: "+err.Error(), "")
	}
	return routes, nil
}

// delegate runs another plugin with this one's environment: SPEC 1.1.0, section 4.
func (c *call) delegate(ctx context.Context, plugin string, conf []byte) ([]byte, error) {
	var a harness.Attachment
	for name, value := range c.env {
		a.Env = append(a.Env, name+"="+value)
	}
	runtime := harness.New(c.host, strings.Split(c.env["CNI_PATH"], ":")...)
	out, err := runtime.Call(ctx, plugin, c.env["CNI_COMMAND"], a, conf)
	if err != nil {
		return nil, fmt.Errorf("delegate %s: %w", plugin, err)
	}
	return out, nil
}
