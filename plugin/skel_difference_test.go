package plugin_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/containernetworking/cni/pkg/version"
)

// A verdict is how both fronts took one call.
type verdict struct {
	name      string // that the plugin was called by
	variables map[string]string
	stdin     string
	skel      *types.Error // nil: skel called the verb
	ours      *errorObject // nil: the verb succeeded
}

// frontWords begin the messages of the protocol's front; those of verbs begin with the name of a step.
var frontWords = []string{
	"required env variables", "unknown CNI_COMMAND", "invalid characters", "interface name", "error unmarshall",
	"missing network",
	"incompatible CNI versions", "config version does not allow", "ipam.type",
}

// reached reports whether our front let the call through to its verb. GC reads a key of its own before its first step.
func (v verdict) reached() bool {
	if v.ours == nil || strings.Contains(v.ours.Msg, `key "cni.dev/`) {
		return true
	}
	return !slices.ContainsFunc(frontWords, func(words string) bool { return strings.HasPrefix(v.ours.Msg, words) })
}

// same reports whether both let the call through, or refuse it with one code.
func (v verdict) same() bool {
	if v.skel == nil {
		return v.reached()
	}
	return v.ours != nil && v.ours.Code == v.skel.Code
}

func (v verdict) skelSays(code uint, words string) bool {
	return v.skel != nil && v.skel.Code == code && strings.Contains(v.skel.Msg, words)
}

func (v verdict) weSay(code uint, words string) bool {
	return v.ours != nil && v.ours.Code == code && strings.Contains(v.ours.Msg, words)
}

// A difference is one on purpose, with an example.
type difference struct {
	why   string
	is    func(v verdict) bool
	as    string
	env   []string
	stdin string
}

// differences are all there are. Each has to be one that the example shows, and no other may.
var differences = []difference{
	{
		why: "CNI_PATH is optional but for GC (SPEC 1.1.0, section 2), and needed where an IPAM plugin is to be found",
		is:  func(v verdict) bool { return v.skelSays(4, "CNI_PATH") && v.variables["CNI_COMMAND"] != "GC" },
		env: env("CNI_COMMAND=STATUS"), stdin: `{"cniVersion": "1.1.0", "name": "net"}`,
	},
	{
		why: "VERSION answers in the version of its input (SPEC 1.1.0, section 5), and so has to read it",
		is:  func(v verdict) bool { return v.variables["CNI_COMMAND"] == "VERSION" && v.weSay(6, "version request") },
		env: env("CNI_COMMAND=VERSION"), stdin: "{",
	},
	{
		why: "what is no verb is told before the configuration is read",
		is:  func(v verdict) bool { return v.skel != nil && v.weSay(4, "unknown CNI_COMMAND") },
		env: env("CNI_COMMAND=MOVE"), stdin: "{",
	},
	{
		why: "an interface gets the name it was asked for, or none",
		is: func(v verdict) bool {
			return v.weSay(4, "interface name") && utils.ValidateInterfaceName(v.variables["CNI_IFNAME"]) == nil
		},
		env:   env("CNI_COMMAND=DEL", "CNI_CONTAINERID=a", "CNI_IFNAME=eth%d", "CNI_PATH=/x"),
		stdin: `{"cniVersion": "1.1.0", "name": "net"}`,
	},
	{
		why: "DEL needs no namespace, and is done with what it needs none for, whoever's the path is now",
		is: func(v verdict) bool {
			return v.variables["CNI_COMMAND"] == "DEL" && v.skelSays(8, "should not be the same")
		},
		env:   env("CNI_COMMAND=DEL", "CNI_CONTAINERID=a", "CNI_IFNAME=eth0", "CNI_PATH=/x", "CNI_NETNS="+ownPath),
		stdin: `{"cniVersion": "1.1.0", "name": "net"}`,
	},
	{
		why: "a verb that can say what is wrong with its call says that first, its own namespace or not",
		is: func(v verdict) bool {
			return v.variables["CNI_COMMAND"] == "ADD" && v.skelSays(8, "should not be the same") && v.ours != nil
		},
		env:   env("CNI_COMMAND=ADD", "CNI_CONTAINERID=a", "CNI_IFNAME=eth0", "CNI_PATH=/x", "CNI_NETNS="+ownPath),
		stdin: `{"cniVersion": "1.1.0", "name": "net", "mtu": -1}`,
	},
	{
		why: "an IPAM plugin does nothing in any namespace, and so may be told any",
		is: func(v verdict) bool {
			return v.name != "bridge" && v.variables["CNI_COMMAND"] == "ADD" && v.ours == nil &&
				v.skelSays(8, "should not be the same")
		},
		as:    "host-local",
		env:   env("CNI_COMMAND=ADD", "CNI_CONTAINERID=a", "CNI_IFNAME=eth0", "CNI_PATH=/x", "CNI_NETNS="+ownPath),
		stdin: `{"cniVersion": "1.1.0", "name": "net", "ipam": {"type": "host-local", "subnet": "10.9.0.0/24"}}`,
	},
	{
		why: "every verb looks for the IPAM plugin, and does not leave its folder for it",
		is: func(v verdict) bool {
			return v.weSay(6, `key "ipam`) || v.weSay(7, "ipam.type")
		},
		env: env("CNI_COMMAND=STATUS", "CNI_PATH=/x"), stdin: `{"cniVersion": "1.1.0", "name": "net", "ipam": []}`,
	},
	{
		why: "what is of the wrong type is told before what is no valid name",
		is:  func(v verdict) bool { return v.skel != nil && v.skel.Code == 7 && v.weSay(6, `key "cniVersion"`) },
		env: env("CNI_COMMAND=STATUS", "CNI_PATH=/x"), stdin: `{"cniVersion": 1, "name": "a/b"}`,
	},
	{
		why: "a version that there is not is 1, incompatible, for every verb; skel has 6 where it is no number",
		is: func(v verdict) bool {
			_, _, _, err := version.ParseVersion(v.version())
			return err != nil && v.skel != nil && v.skel.Code == 6 && v.weSay(1, "incompatible")
		},
		env: env("CNI_COMMAND=STATUS", "CNI_PATH=/x"), stdin: `{"cniVersion": "newest", "name": "net"}`,
	},
}

func (v verdict) version() string {
	var keys struct {
		CNIVersion string `json:"cniVersion"`
	}
	_ = json.Unmarshal([]byte(v.stdin), &keys)
	return keys.CNIVersion
}

// explained returns the differences that a verdict is.
func (v verdict) explained() (by []string) {
	for _, d := range differences {
		if d.is(v) {
			by = append(by, d.why)
		}
	}
	return by
}

// compare holds the front's answer to skel's.
func (l *lab) compare(r request, a answer) verdict {
	l.t.Helper()
	v := verdict{name: r.name, variables: variables(r.env), stdin: r.conf}
	if a.exit != 0 {
		e := wantError(l.t, a)
		v.ours = &e
	}
	v.skel = askSkel(l.t, v.variables, r.conf)
	return v
}

// TestDifferences: each difference is there, and what differs is one of them.
func TestDifferences(t *testing.T) {
	for _, d := range differences {
		l := newLab(t, newSim(t))
		r := request{name: d.as, env: append(l.noEnvironment(), d.env...), conf: d.stdin}
		v := l.compare(r, l.call(r))
		if v.same() {
			t.Errorf("no difference: %s", d.why)
		}
		if by := v.explained(); !slices.Equal(by, []string{d.why}) {
			t.Errorf("%s: explained by %q\nskel: %v\nours: %+v", d.why, by, v.skel, v.ours)
		}
	}
}

// noEnvironment takes back what a lab's call has by itself.
func (l *lab) noEnvironment() []string {
	return env("CNI_COMMAND=", "CNI_CONTAINERID=", "CNI_NETNS=", "CNI_IFNAME=", "CNI_PATH=")
}
