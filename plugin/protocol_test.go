package plugin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/plugin"
)

// noHost is the machine for calls that must not come to it.
var noHost kernel.Host

func call(name string, env []string, stdin io.Reader) answer {
	var stdout, stderr bytes.Buffer
	exit := plugin.Main(context.Background(), plugin.Invocation{
		Name: name, Env: env, Stdin: stdin, Stdout: &stdout, Stderr: &stderr,
	}, noHost)
	return answer{exit, stdout.String(), stderr.String()}
}

// TestParameters holds the answers to wrong parameters against the specification's codes and the reference's words.
func TestParameters(t *testing.T) {
	const good = `{"cniVersion": "1.1.0", "name": "net"}`
	for _, c := range []struct {
		name, env, stdin string
		code             uint
		msg, details     string
	}{
		{"no command", "", good, 4, "required env variables [CNI_COMMAND] missing", ""},
		{"unknown command", "CNI_COMMAND=MOVE", good, 4, "unknown CNI_COMMAND: MOVE", ""},
		{"lower case", "CNI_COMMAND=add", good, 4, "unknown CNI_COMMAND: add", ""},
		{
			"ADD without all", "CNI_COMMAND=ADD", good,
			4, "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME] missing", "",
		},
		{
			"CHECK without all", "CNI_COMMAND=CHECK", good,
			4, "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME] missing", "",
		},
		{"DEL without all", "CNI_COMMAND=DEL", good, 4, "required env variables [CNI_CONTAINERID,CNI_IFNAME] missing", ""},
		{"GC without path", "CNI_COMMAND=GC", good, 4, "required env variables [CNI_PATH] missing", ""},
		{
			"container id", "CNI_COMMAND=DEL CNI_CONTAINERID=a/b CNI_IFNAME=eth0", good,
			4, "invalid characters in containerID", `CNI_CONTAINERID="a/b"`,
		},
		{
			"long interface", "CNI_COMMAND=DEL CNI_CONTAINERID=a CNI_IFNAME=sixteen-letters-", good,
			4, "interface name is too long", `CNI_IFNAME="sixteen-letters-"`,
		},
		{
			"dots", "CNI_COMMAND=DEL CNI_CONTAINERID=a CNI_IFNAME=..", good,
			4, "interface name is . or ..", `CNI_IFNAME=".."`,
		},
		{
			"colon", "CNI_COMMAND=DEL CNI_CONTAINERID=a CNI_IFNAME=a:b", good,
			4, "interface name contains / or : or whitespace characters", `CNI_IFNAME="a:b"`,
		},
		{
			"no JSON", "CNI_COMMAND=STATUS", "{",
			6, "error unmarshall network config: no valid JSON at byte 1: unexpected end of JSON input", "",
		},
		{
			"name a number", "CNI_COMMAND=STATUS", `{"name": 7}`,
			6, `error unmarshall network config: key "name" is a JSON number where string is wanted`, "",
		},
		{"no name", "CNI_COMMAND=STATUS", `{}`, 7, "missing network name", `give the configuration a "name"`},
		{"bad name", "CNI_COMMAND=STATUS", `{"name": "a/b"}`, 7, "invalid characters found in network name", "a/b"},
		{
			"unknown version", "CNI_COMMAND=STATUS", `{"name": "net", "cniVersion": "1.2.0"}`,
			1, "incompatible CNI versions",
			`config is "1.2.0", plugin supports ["0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"]`,
		},
		{
			"CHECK of old", "CNI_COMMAND=CHECK CNI_CONTAINERID=a CNI_IFNAME=eth0 CNI_NETNS=/x",
			`{"name": "net", "cniVersion": "0.3.1"}`,
			1, "config version does not allow CHECK", "CHECK is of version 0.4.0, the configuration of 0.3.1",
		},
		{
			"CHECK without version", "CNI_COMMAND=CHECK CNI_CONTAINERID=a CNI_IFNAME=eth0 CNI_NETNS=/x", `{"name": "net"}`,
			1, "config version does not allow CHECK", "CHECK is of version 0.4.0, the configuration of 0.1.0",
		},
		{
			"GC of old", "CNI_COMMAND=GC CNI_PATH=/x", `{"name": "net", "cniVersion": "1.0.0"}`,
			1, "config version does not allow GC", "GC is of version 1.1.0, the configuration of 1.0.0",
		},
		{
			"STATUS of old", "CNI_COMMAND=STATUS", `{"name": "net", "cniVersion": "1.0.0"}`,
			1, "config version does not allow STATUS", "STATUS is of version 1.1.0, the configuration of 1.0.0",
		},
		{
			"GC without list", "CNI_COMMAND=GC CNI_PATH=/x", good,
			7, "cni.dev/valid-attachments is missing", "GC needs the list; an empty one says that none is valid",
		},
		{
			"GC with half of one", "CNI_COMMAND=GC CNI_PATH=/x",
			`{"cniVersion": "1.1.0", "name": "net", "cni.dev/attachments": [{"containerID": "a"}]}`,
			7, "cni.dev/valid-attachments has one without containerID or ifname", "",
		},
	} {
		for _, name := range []string{"bridge", "host-local", "renamed"} {
			got := wantError(t, call(name, strings.Fields(c.env), strings.NewReader(c.stdin)))
			if diff := cmp.Diff(errorObject{versionOf(c.stdin), c.code, c.msg, c.details}, got); diff != "" {
				t.Errorf("%s as %s: -want +got:\n%s", c.name, name, diff)
			}
		}
	}
}

// versionOf is the version in which an error about the configuration has to be told.
func versionOf(stdin string) string {
	var conf struct {
		CNIVersion string `json:"cniVersion"`
	}
	switch err := json.Unmarshal([]byte(stdin), &conf); {
	case err != nil && strings.HasPrefix(err.Error(), "unexpected"), conf.CNIVersion == "1.2.0":
		return "1.1.0"
	case conf.CNIVersion == "":
		return "0.1.0"
	}
	return conf.CNIVersion
}

func TestVersion(t *testing.T) {
	for stdin, want := range map[string]string{
		"":                        "1.1.0",
		"{}":                      "1.1.0",
		`{"cniVersion": "1.0.0"}`: "1.0.0",
		`{"cniVersion": "0.3.1"}`: "0.3.1",
	} {
		a := call("bridge", []string{"CNI_COMMAND=VERSION"}, strings.NewReader(stdin))
		document := fmt.Sprintf(`{
    "cniVersion": %q,
    "supportedVersions": [
        "0.1.0",
        "0.2.0",
        "0.3.0",
        "0.3.1",
        "0.4.0",
        "1.0.0",
        "1.1.0"
    ]
}`, want)
		if diff := cmp.Diff(answer{stdout: document}, a, cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("VERSION with %q: -want +got:\n%s", stdin, diff)
		}
	}
	wrong := call("bridge", []string{"CNI_COMMAND=VERSION"}, strings.NewReader(`{"cniVersion": 1}`))
	if e := wantError(t, wrong); e.Code != 6 {
		t.Errorf("code %d: %s", e.Code, e.Msg)
	}
}

// torn is a standard input that breaks off.
type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, errors.New("cable cut") }

func TestUnreadableInput(t *testing.T) {
	e := wantError(t, call("bridge", []string{"CNI_COMMAND=STATUS"}, torn{}))
	if e.Code != 5 || !strings.Contains(e.Msg, "cable cut") {
		t.Errorf("%+v", e)
	}
}

// TestLastVariableCounts: as for a program that os/exec starts.
func TestLastVariableCounts(t *testing.T) {
	env := []string{"CNI_COMMAND=ADD", "CNI_COMMAND=VERSION"}
	if a := call("bridge", env, strings.NewReader("")); a.exit != 0 {
		t.Error(a.stdout)
	}
}

// TestPanicIsAnError: a host that is no host makes the plugin panic; the runtime gets an error object all the same.
func TestPanicIsAnError(t *testing.T) {
	env := []string{"CNI_COMMAND=DEL", "CNI_CONTAINERID=a", "CNI_IFNAME=eth0"}
	e := wantError(t, call("bridge", env, strings.NewReader(`{"cniVersion": "1.1.0", "name": "net"}`)))
	if e.Code != 999 || !strings.Contains(e.Msg, "open the host's network namespace: panic") {
		t.Errorf("%+v", e)
	}
}

// TestCancelledCallSaysSo: the runtime lost its patience; nothing was done.
func TestCancelledCallSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout bytes.Buffer
	exit := plugin.Main(ctx, plugin.Invocation{
		Env: []string{"CNI_COMMAND=VERSION"}, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: io.Discard,
	}, noHost)
	e := wantError(t, answer{exit: exit, stdout: stdout.String()})
	if e.Code != 101 || !strings.Contains(e.Msg, "ECANCELED") {
		t.Errorf("%+v", e)
	}
}
