package harness_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/harness"
	"github.com/cnilab/cnilab/kernel"
)

// A heardCall is what one plugin was given. libcni's environment has all of the test's own in it, in random order.
type heardCall struct {
	Plugin string
	Env    []string
	Stdin  string
}

// A listener is all the plugins of a host. It writes down how they are called, and answers as the test says.
type listener struct {
	calls  []heardCall
	answer func(plugin string, env []string) (stdout string, exit int)
}

func (l *listener) run(_ context.Context, in kernel.Invocation, _ kernel.Host) int {
	stdin, _ := io.ReadAll(in.Stdin)
	env := slices.DeleteFunc(slices.Clone(in.Env), func(s string) bool { return !strings.HasPrefix(s, "CNI_") })
	slices.Sort(env)
	l.calls = append(l.calls, heardCall{in.Name, env, string(stdin)})
	stdout, exit := l.answer(in.Name, env)
	io.WriteString(in.Stdout, stdout)
	return exit
}

// A libcniExec lets libcni call plugins on a host.
type libcniExec struct {
	host kernel.Host
	*version.PluginDecoder
}

func (e libcniExec) FindInPath(plugin string, dirs []string) (string, error) {
	return dirs[0] + "/" + plugin, nil
}

func (e libcniExec) ExecPlugin(ctx context.Context, file string, stdin []byte, env []string) ([]byte, error) {
	out, err := e.host.Exec(ctx, file, env, stdin)
	if err == nil && out.Exit != 0 {
		err = fmt.Errorf("status %d", out.Exit)
	}
	return out.Stdout, err
}

// oracleConfs are configurations that a runtime treats in ways of their own.
var oracleConfs = map[string]string{
	"chain": `{ "cniVersion": "1.1.0", "name": "net", "plugins": [
		{ "type": "one", "capabilities": { "mac": true, "dns": false } }, { "type": "two", "name": "other" } ] }`,
	"old":      `{ "cniVersion": "0.3.1", "name": "net", "plugins": [ { "type": "one" } ] }`,
	"without":  `{ "name": "net", "plugins": [ { "type": "one" }, { "type": "two" } ] }`,
	"no check": `{ "cniVersion": "1.0.0", "name": "net", "disableCheck": true, "plugins": [ { "type": "one" } ] }`,
	"no gc":    `{ "cniVersion": "1.1.0", "name": "net", "disableGC": true, "plugins": [ { "type": "one" } ] }`,
	"versions": `{ "cniVersion": "0.3.1", "cniVersions": ["0.4.0", "1.1.0"], "name": "net",
		"plugins": [ { "type": "one" } ] }`,
	"nonsense":  `{ "cniVersion": "x", "name": "net", "plugins": [ { "type": "one" } ] }`,
	"bad names": `{ "cniVersion": "1.0.0", "name": "n/t", "plugins": [ { "type": "one" } ] }`,
}

// TestDoesWhatLibcniDoes makes the same calls of both: the plugins hear the same, errors come from the same calls, and
// the files of the cache have the same bytes.
func TestDoesWhatLibcniDoes(t *testing.T) {
	answers := map[string]func(string, []string) (string, int){
		"fine": func(string, []string) (string, int) {
			return `{ "ips": [ { "address": "10.1.0.2/24", "version": "4" } ] }`, 0
		},
		"two fails": func(plugin string, _ []string) (string, int) {
			if plugin == "two" {
				return `{ "code": 7, "msg": "no" }`, 1
			}
			return `{}`, 0
		},
		"DEL fails": func(_ string, env []string) (string, int) {
			if slices.Contains(env, "CNI_COMMAND=DEL") {
				return `{ "code": 11, "msg": "later" }`, 1
			}
			return `{}`, 0
		},
		"no result": func(string, []string) (string, int) { return "panic", 0 },
	}
	for name, conf := range oracleConfs {
		for kind, answer := range answers {
			t.Run(name+"/"+kind, func(t *testing.T) {
				ours, theirs := tell(t, ourTurn, conf, answer), tell(t, libcniTurn, conf, answer)
				if diff := cmp.Diff(theirs, ours); diff != "" {
					t.Errorf("(-libcni +ours):\n%s", diff)
				}
			})
		}
	}
}

// A told is all that can be seen of a runtime from outside.
type told struct {
	Calls []heardCall
	Steps []step
}

// A step is how one call of the runtime ended, and what its cache was then.
type step struct {
	Verb   string
	Failed bool
	Result string
	Cache  map[string]string
}

// verbs are what a runtime can be asked, in the terms of both.
type verbs struct {
	add        func(id string) (string, error)
	check, del func(id string) error
	gc         func(keep string) error
	status     func() error
	cache      func() map[string]string // its files by name
	spoil      func(id, content string) // gives the file of an attachment another content
}

// tell asks a runtime for everything, with a cache that is empty, full, torn and of old.
func tell(
	t *testing.T, turn func(*testing.T, kernel.Host, string) verbs, conf string,
	answer func(string, []string) (string, int),
) told {
	l := &listener{answer: answer}
	host := fakeHostWith("one", l.run)
	host.files["opt/cni/bin/two"] = host.files["opt/cni/bin/one"]
	host.programs["/opt/cni/bin/two"] = l.run
	v := turn(t, host, conf)
	var steps []step
	note := func(verb, result string, err error) {
		steps = append(steps, step{verb, err != nil, result, v.cache()})
	}
	for _, id := range []string{"a", "b", "bad id"} {
		result, err := v.add(id)
		note("add "+id, result, err)
	}
	note("check a", "", v.check("a"))
	note("check c", "", v.check("c"))
	note("status", "", v.status())
	note("gc b", "", v.gc("b"))
	note("del b", "", v.del("b"))
	note("del b", "", v.del("b"))
	for _, content := range []string{
		"", `{"kind": "cniCacheV1", "resu`, `{ "cniVersion": "0.4.0", "ips": [] }`, `{ "cniVersion": "9" }`,
	} {
		v.spoil("a", content)
		note("check "+content, "", v.check("a"))
		note("gc "+content, "", v.gc(""))
		note("del "+content, "", v.del("a"))
	}
	return told{l.calls, steps}
}

func ourTurn(t *testing.T, host kernel.Host, conf string) verbs {
	r, n := harness.New(host), network(t, conf)
	return verbs{
		add: func(id string) (string, error) {
			result, err := r.Add(t.Context(), n, attachmentOf(id))
			if err != nil {
				return "", err
			}
			return printed(result)
		},
		check:  func(id string) error { return r.Check(t.Context(), n, attachmentOf(id)) },
		del:    func(id string) error { return r.Del(t.Context(), n, attachmentOf(id)) },
		gc:     func(keep string) error { return r.GC(t.Context(), n, attachmentOf(keep)) },
		status: func() error { return r.Status(t.Context(), n) },
		cache: func() map[string]string {
			all := map[string]string{}
			for name, f := range host.(*fakeHost).files {
				if strings.HasPrefix(name, "var/lib/cni/results/") {
					all[filepath.Base(name)] = string(f.Data)
				}
			}
			return all
		},
		spoil: func(id, content string) {
			if err := host.WriteFile(harness.ResultsDir+"/net-"+id+"-eth0", []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func printed(result types.Result) (string, error) {
	var out bytes.Buffer
	err := result.PrintTo(&out)
	return out.String(), err
}

func attachmentOf(id string) harness.Attachment {
	return harness.Attachment{
		ContainerID: id, NetNS: "/run/netns/" + id, IfName: "eth0", Args: [][2]string{{"K", "v"}, {"IP", "10.1.0.9"}},
		Capabilities: map[string]any{"mac": "02:00:00:00:00:01", "dns": "not asked for"},
	}
}

func libcniTurn(t *testing.T, host kernel.Host, conf string) verbs {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "results"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := libcni.NewCNIConfigWithCacheDir([]string{harness.PluginDir}, dir, libcniExec{host: host})
	n, err := libcni.NetworkConfFromBytes([]byte(conf))
	if err != nil {
		t.Fatal(err)
	}
	rt := func(id string) *libcni.RuntimeConf {
		a := attachmentOf(id)
		return &libcni.RuntimeConf{
			ContainerID: a.ContainerID, NetNS: a.NetNS, IfName: a.IfName, Args: a.Args, CapabilityArgs: a.Capabilities,
		}
	}
	return verbs{
		add: func(id string) (string, error) {
			result, err := c.AddNetworkList(t.Context(), n, rt(id))
			if err != nil {
				return "", err
			}
			return printed(result)
		},
		check: func(id string) error { return c.CheckNetworkList(t.Context(), n, rt(id)) },
		del:   func(id string) error { return c.DelNetworkList(t.Context(), n, rt(id)) },
		gc: func(keep string) error {
			valid := []types.GCAttachment{{ContainerID: keep, IfName: "eth0"}}
			return c.GCNetworkList(t.Context(), n, &libcni.GCArgs{ValidAttachments: valid})
		},
		status: func() error { return c.GetStatusNetworkList(t.Context(), n) },
		cache:  func() map[string]string { return filesOf(t, filepath.Join(dir, "results")) },
		spoil: func(id, content string) {
			if err := os.WriteFile(filepath.Join(dir, "results", "net-"+id+"-eth0"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func filesOf(t *testing.T, dir string) map[string]string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[entry.Name()] = string(data)
	}
	return all
}
