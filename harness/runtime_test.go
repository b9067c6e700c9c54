package harness_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
)

const single = `{ "cniVersion": "1.1.0", "name": "net", "type": "teller", "capabilities": { "mac": true } }`

// A teller is a plugin that writes down how it was called.
type teller struct {
	heard bytes.Buffer
	fail  bool
}

func (p *teller) run(_ context.Context, in kernel.Invocation, _ kernel.Host) (exit int) {
	for _, setting := range in.Env {
		if !strings.HasPrefix(setting, "PATH=") {
			fmt.Fprintln(&p.heard, setting)
		}
	}
	stdin, _ := io.ReadAll(in.Stdin)
	var conf bytes.Buffer
	if err := json.Indent(&conf, stdin, "", "  "); err != nil {
		fmt.Fprintln(in.Stderr, err)
		return 2
	}
	fmt.Fprintf(&p.heard, "%s\n\n", &conf)
	if p.fail {
		fmt.Fprintln(in.Stdout, `{"code": 7, "msg": "no", "details": "never"}`)
		return 1
	}
	fmt.Fprintln(in.Stdout, `{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/24"}]}`)
	return 0
}

// withRuntime returns a runtime on a host with a teller.
func withRuntime(t *testing.T, p *teller) *harness.Runtime {
	t.Helper()
	return harness.New(fakeHostWith("teller", p.run))
}

func network(t *testing.T, conf string) *harness.Network {
	t.Helper()
	n, err := harness.ParseNetwork([]byte(conf))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWhatAPluginHears holds all that a plugin is given, from ADD to DEL, against a golden file. CHECK and DEL get the
// result of ADD; a second DEL no longer does.
func TestWhatAPluginHears(t *testing.T) {
	p := &teller{}
	r, n := withRuntime(t, p), network(t, single)
	a := harness.PodNamed("pod-a").Attach("eth0")
	a.Args = [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAME", "a"}}
	a.Capabilities = map[string]any{"mac": "02:00:00:00:00:01", "bandwidth": "not asked for"}
	if _, err := r.Add(t.Context(), n, a); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		r.Check(t.Context(), n, a), r.GC(t.Context(), n, a), r.Status(t.Context(), n),
		r.Del(t.Context(), n, a), r.Del(t.Context(), n, a),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	compareGolden(t, "heard.golden", p.heard.Bytes())
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestGCDeletesWhatIsNotListed(t *testing.T) {
	p := &teller{}
	r, n := withRuntime(t, p), network(t, single)
	for _, pod := range []string{"pod-a", "pod-b"} {
		if _, err := r.Add(t.Context(), n, harness.PodNamed(pod).Attach("eth0")); err != nil {
			t.Fatal(err)
		}
	}
	p.heard.Reset()
	if err := r.GC(t.Context(), n, harness.PodNamed("pod-a").Attach("eth0")); err != nil {
		t.Fatal(err)
	}
	heard := p.heard.String()
	deleted := strings.Contains(heard, "CNI_COMMAND=DEL\nCNI_CONTAINERID=pod-b")
	if !deleted || strings.Contains(heard, "CNI_CONTAINERID=pod-a") {
		t.Errorf("GC called the plugin so:\n%s", heard)
	}
}

func TestErrorObjects(t *testing.T) {
	p := &teller{fail: true}
	_, err := withRuntime(t, p).Add(t.Context(), network(t, single), harness.PodNamed("pod-a").Attach("eth0"))
	var said *types.Error
	if !errors.As(err, &said) {
		t.Fatalf("no error object in %v", err)
	}
	if diff := cmp.Diff(types.NewError(7, "no", "never"), said); diff != "" {
		t.Error(diff)
	}
}

func TestPluginWithoutErrorObject(t *testing.T) {
	for _, stdout := range []string{"", "panic!"} {
		silent := func(_ context.Context, in kernel.Invocation, _ kernel.Host) int {
			fmt.Fprint(in.Stdout, stdout)
			fmt.Fprintln(in.Stderr, "out of memory")
			return 3
		}
		r := harness.New(fakeHostWith("teller", silent))
		err := r.Del(t.Context(), network(t, single), harness.PodNamed("pod-a").Attach("eth0"))
		for _, want := range []string{"plugin teller ended with status 3", "out of memory", stdout} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("with %q on stdout: %v does not say %q", stdout, err, want)
			}
		}
	}
}

func TestMissingPlugin(t *testing.T) {
	host := fakeHostWith("teller", nil)
	host.files["opt/cni/bin/readme"] = host.files["opt/cni/bin/teller"]
	host.files["opt/cni/bin/readme"].Mode = 0o644
	r := harness.New(host)
	for _, plugin := range []string{"bridge", "readme", "../teller"} {
		if _, err := r.Version(t.Context(), plugin); err == nil || !strings.Contains(err.Error(), plugin) {
			t.Errorf("%s: %v", plugin, err)
		}
	}
}

func TestParseNetwork(t *testing.T) {
	list := `{ "cniVersion": "1.0.0", "name": "net", "plugins": [ { "type": "bridge" }, { "type": "portmap" } ] }`
	for conf, plugins := range map[string][]string{
		single: {"teller"},
		list:   {"bridge", "portmap"},
		`{ "name": "cbr0", "type": "flannel", "delegate": { "isDefaultGateway": true } }`: {"flannel"},
	} {
		n := network(t, conf)
		if diff := cmp.Diff(plugins, n.Plugins()); diff != "" {
			t.Errorf("%s:\n%s", conf, diff)
		}
	}
}

func TestParseNetworkSaysWhatIsWrong(t *testing.T) {
	for conf, want := range map[string]string{
		`{`:                               "unexpected end",
		`{ "type": "bridge" }`:            "no name",
		`{ "name": "net" }`:               "missing 'type'",
		`{ "name": "net", "plugins": 1 }`: "plugins",
	} {
		_, err := harness.ParseNetwork([]byte(conf))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
}
