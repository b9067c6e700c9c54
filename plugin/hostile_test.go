package plugin_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel/intercept"
)

// A trouble is a call that has to be refused, described by what tells it from one that succeeds: an ADD of container a
// to a network with addresses and a default gateway.
type trouble struct {
	name   string
	verb   string            // "": ADD
	as     string            // the name that the plugin is called by; "": bridge
	env    []string          // in place of the good variables
	keys   map[string]any    // in place of the configuration's good keys; nil: without the key
	ipam   map[string]any    // in place of the good keys of ipam
	stdin  string            // in place of the whole configuration
	files  map[string]string // what lies on the machine beside
	answer string            // what the IPAM program "book" prints
	code   uint
	words  []string // in the message or its details: the thing, what is wrong with it, what to do
}

// TestTrouble: whatever is asked of the plugin that makes no sense, it says so in one line with the specification's
// code, and leaves the host and its files as they were.
func TestTrouble(t *testing.T) {
	for _, c := range slices.Concat(environmentTroubles, inputTroubles, keyTroubles, ipamTroubles, resultTroubles) {
		t.Run(c.name, func(t *testing.T) {
			l, _ := withBook(t, &addressBook{answers: map[string]string{"ADD": c.answer}})
			l.refuse(l.trouble(c), c)
		})
	}
}

// trouble prepares the machine for the case, and returns the call.
func (l *lab) trouble(c trouble) request {
	l.t.Helper()
	for name, content := range c.files {
		l.must(l.MkdirAll(path.Dir(name), 0o755))
		l.must(l.WriteFile(name, []byte(content), 0o644))
	}
	r := request{verb: c.verb, name: c.as, id: "a", netns: l.pod("a"), conf: c.stdin, env: c.env}
	if r.verb == "" {
		r.verb = "ADD"
	}
	if r.conf == "" {
		r.conf = l.conf(c.configuration(l.dataDir))
	}
	return r
}

func (c trouble) configuration(dataDir string) map[string]any {
	ipam := map[string]any{"type": "host-local", "subnet": "10.9.0.0/24", "dataDir": dataDir}
	maps.Copy(ipam, c.ipam)
	keys := map[string]any{"isDefaultGateway": true, "ipam": ipam}
	maps.Copy(keys, c.keys)
	return keys
}

// refuse makes the call, and expects that it is refused as the case says and that nothing changes.
func (l *lab) refuse(r request, c trouble) {
	l.t.Helper()
	before := l.everything()
	e := l.fail(r, c.code, c.words...)
	wantOneLine(l.t, e)
	if diff := cmp.Diff(before, l.everything()); diff != "" {
		l.t.Errorf("the refused call changed something (-before +after):\n%s", diff)
	}
}

// longestMessage is what a person can read, with a path of the greatest length in it.
const longestMessage = 8 << 10

// wantOneLine expects an error that a person can read in a log.
func wantOneLine(t *testing.T, e errorObject) {
	t.Helper()
	for _, text := range []string{e.Msg, e.Details} {
		switch {
		case strings.ContainsAny(text, "\n\r"):
			t.Errorf("more than a line: %q", text)
		case strings.Contains(text, "panic"):
			t.Errorf("not foreseen: %s", text)
		case len(text) > longestMessage:
			t.Errorf("%d bytes of message: %.100s...", len(text), text)
		}
	}
}

// TestStrayColonIsNoFolder: a shell would take it for the working directory, and whoever may write there would be root.
func TestStrayColonIsNoFolder(t *testing.T) {
	l := newLab(t, newSim(t))
	r := l.trouble(trouble{env: env("CNI_PATH=::" + l.cniPath + ":")})
	r.on = intercept.Wrap(l.Host, func(c intercept.Call, next func() error) error {
		if c.Op == intercept.FileStat && !path.IsAbs(c.Object) {
			t.Errorf("looks for a program at %q", c.Object)
		}
		return next()
	})
	l.succeed(r)
}

// An oddity is a call that looks strange and is right. A DEL after it leaves nothing of it.
type oddity struct {
	name string
	env  []string
	keys map[string]any
	ipam map[string]any
	conf func(good string) string // nil: as it is
}

// TestOddities keeps the plugin from refusing too much.
func TestOddities(t *testing.T) {
	for _, c := range oddities {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, newSim(t))
			l.addBridge()
			r := l.trouble(trouble{env: c.env, keys: c.keys, ipam: c.ipam})
			if c.conf != nil {
				r.conf = c.conf(r.conf)
			}
			before := l.everything()
			l.succeed(r)
			l.succeed(r.as("DEL"))
			l.forgetShared(situation{prepare: (*lab).addBridge})
			if diff := cmp.Diff(before, l.everything()); diff != "" {
				t.Errorf("left over (-before +after):\n%s", diff)
			}
		})
	}
}

var oddities = []oddity{
	{name: "the least"},
	{name: "a name that is everywhere a word", env: []string{"CNI_CONTAINERID=lock", "CNI_IFNAME=net"}},
	{name: "a long id", env: []string{"CNI_CONTAINERID=" + strings.Repeat("x", 4000)}},
	{name: "a long network name", keys: map[string]any{"name": strings.Repeat("n", 200)}},
	{name: "letters beyond ASCII", env: []string{"CNI_IFNAME=größe"}},
	{name: "fifteen bytes", env: []string{"CNI_IFNAME=fifteen-letters"}},
	{name: "signs of a shell", env: []string{"CNI_IFNAME=$(x);'*`&|"}},
	{name: "a dash in front", env: []string{"CNI_IFNAME=-f"}},
	{name: "a path with detours", env: []string{"CNI_NETNS=/run/netns/../netns/./a"}},
	{name: "doubled slashes", env: []string{"CNI_NETNS=//run//netns//a"}},
	{name: "nobody's variables", env: []string{"CNI_FOO=1", "PATH=", "=", "novalue", "\xff=\x00"}},
	{name: "CNI_ARGS that may be unknown", env: []string{"CNI_ARGS=IgnoreUnknown=true;K8S_POD_NAME=x;A="}},
	{
		name: "CNI_PATH with odd entries",
		env:  []string{"CNI_PATH=:/none::/run/netns/a:/:/opt/cni/bin/host-local:/opt/cni/bin:"},
	},
	{name: "keys that nobody knows", keys: map[string]any{"x": map[string]any{"y": []any{nil, 1, "z"}}, "": nil}},
	{name: "null everywhere", conf: withNulls},
	{name: "keys in capitals", conf: func(good string) string { return strings.Replace(good, `"name"`, `"NAME"`, 1) }},
	{
		name: "the last of a key counts",
		conf: func(good string) string { return `{"cniVersion":"9","name":"/",` + good[1:] },
	},
	{name: "white space around", conf: func(good string) string { return "\r\n\t " + good + " \n" }},
	{
		name: "five megabytes",
		conf: func(good string) string { return good[:1] + strings.Repeat(" ", 5<<20) + good[1:] },
	},
	{name: "a range of one", ipam: map[string]any{"rangeStart": "10.9.0.9", "rangeEnd": "10.9.0.9"}},
	{name: "all of IPv4's 10", ipam: map[string]any{"subnet": "10.0.0.0/8"}},
	{
		name: "a gateway elsewhere",
		keys: map[string]any{"isDefaultGateway": false}, ipam: map[string]any{"gateway": "192.0.2.1"},
	},
	{name: "no IPAM type", ipam: map[string]any{"type": ""}},
}

// withNulls adds keys with the value null, which count as missing.
func withNulls(good string) string {
	for _, key := range []string{
		"mtu", "bridge", "dns", "args", "runtimeConfig", "prevResult", "vlan", "vlanTrunk", "isGateway", "capabilities",
	} {
		good = `{"` + key + `":null,` + good[1:]
	}
	return good
}
