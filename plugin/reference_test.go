package plugin_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cnilab/cnilab/kernel"
)

// referenceVariable names the folder of the reference's plugins (bridge, host-local, loopback). With it and -update, on
// Linux, TestAnswersLikeReference records what they answer.
const referenceVariable = "CNILAB_REFERENCE"

var update = flag.Bool("update", false, "record the reference plugins of $"+referenceVariable+" anew")

// A dialogue is calls of a plugin, whose answers are compared with the reference's.
type dialogue struct {
	name string
	hold func(l *lab, ask func(request))
}

// dialogues are all that is compared.
func dialogues() []dialogue {
	all := []dialogue{{"version", func(_ *lab, ask func(request)) {
		ask(request{verb: "VERSION", conf: "{}"})
		ask(request{verb: "VERSION", conf: `{"cniVersion": "0.4.0"}`})
	}}}
	for _, version := range versions {
		all = append(all, dialogue{"loopback-" + cmp.Or(version, "none"), loopback(version)})
		for name, keys := range networks {
			all = append(all, dialogue{name + "-" + cmp.Or(version, "none"), attachment(name, version, keys)})
		}
	}
	for name, wrong := range wrongs {
		all = append(all, dialogue{"wrong-" + name, wrong.hold})
	}
	return all
}

// networks are configurations, by name, in which $DIR stands for the folder of leases.
var networks = map[string]string{
	"gateway": `"isGateway": true, "ipam": {"type": "host-local", "subnet": "10.9.0.0/24", "dataDir": "$DIR"}`,
	"layer2":  `"ipam": {}`,
	"dual": `"isDefaultGateway": true, "ipam": {"type": "host-local", "dataDir": "$DIR",
		"ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd00:9::/64"}]]}`,
}

func (l *lab) network(version, keys string) string {
	keys = strings.ReplaceAll(keys, "$DIR", l.dataDir)
	if version != "" {
		keys = fmt.Sprintf(`"cniVersion": %q, %s`, version, keys)
	}
	return `{"name": "net", "type": "bridge", "bridge": "br-test", ` + keys + `}`
}

// attachment is ADD, CHECK of what it promised, and DEL twice.
func attachment(name, version, keys string) func(l *lab, ask func(request)) {
	return func(l *lab, ask func(request)) {
		if name == "dual" {
			l.must(l.self.SetSysctl("net/ipv6/conf/default/disable_ipv6", "0"))
		}
		added := new(strings.Builder)
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.network(version, keys)}
		ask(r.into(added))
		var result map[string]any
		l.must(json.Unmarshal([]byte(added.String()), &result))
		check := r.as("CHECK")
		check.conf = l.withPrev(r.conf, result)
		ask(check)
		ask(r.as("DEL"))
		ask(r.as("DEL"))
	}
}

// loopback is ADD, CHECK, DEL and CHECK of the loopback plugin.
func loopback(version string) func(l *lab, ask func(request)) {
	return func(l *lab, ask func(request)) {
		r := request{name: "loopback", id: "a", netns: l.pod("a"), conf: l.network(version, `"ipam": {}`)}
		l.must(l.open(r.netns).SetSysctl("net/ipv6/conf/lo/disable_ipv6", "0"))
		for _, verb := range []string{"ADD", "CHECK", "DEL", "CHECK"} {
			ask(r.as(verb))
		}
	}
}

// into sends the answer there, too.
func (r request) into(w *strings.Builder) request {
	r.to = w
	return r
}

// A wrong is a call that both refuse.
type wrong struct {
	verb    string // "": ADD
	netns   string // "": a pod's
	keys    string // beside those of the network "layer2"
	stdin   string // in place of the configuration
	env     []string
	prepare func(l *lab)
	times   int // the last of which is wrong
}

var wrongs = map[string]wrong{
	"no-command":       {env: []string{"CNI_COMMAND="}},
	"command":          {verb: "MOVE"},
	"no-variables":     {env: []string{"CNI_CONTAINERID=", "CNI_NETNS="}},
	"container-id":     {env: []string{"CNI_CONTAINERID=a/b"}},
	"interface":        {env: []string{"CNI_IFNAME=sixteen-letters-"}},
	"interface-dots":   {env: []string{"CNI_IFNAME=.."}},
	"no-path":          {env: []string{"CNI_PATH="}},
	"json":             {stdin: "{"},
	"no-name":          {stdin: `{"cniVersion": "1.0.0"}`},
	"name":             {stdin: `{"cniVersion": "1.0.0", "name": "a/b"}`},
	"version":          {stdin: `{"cniVersion": "9.9.9", "name": "net"}`},
	"key-type":         {keys: `"mtu": "big"`},
	"modes":            {keys: `"hairpinMode": true, "promiscMode": true`},
	"disabled-ipam":    {keys: `"disableContainerInterface": true, "ipam": {"type": "host-local"}`},
	"bridge-name":      {keys: `"bridge": ""`},
	"bridge-long":      {keys: `"bridge": "sixteen-letters-"`},
	"bridge-kind":      {keys: `"bridge": "dev0"`, prepare: addDevice},
	"mac":              {env: []string{"CNI_ARGS=MAC=zz"}},
	"args":             {env: []string{"CNI_ARGS=FOO=BAR"}},
	"args-pair":        {env: []string{"CNI_ARGS=FOO"}},
	"ipam-missing":     {keys: `"ipam": {"type": "nobody"}`},
	"ipam-range":       {keys: `"ipam": {"type": "host-local"}`},
	"vlan":             {keys: `"vlan": 5000`},
	"netns":            {netns: "/run/netns/gone"},
	"address-conflict": {keys: networks["gateway"], prepare: (*lab).addOccupiedBridge},
	"pool": {keys: `"ipam": {"type": "host-local", "subnet": "10.9.0.0/24", "rangeStart": "10.9.0.2",
		"rangeEnd": "10.9.0.2", "dataDir": "$DIR"}`, prepare: takeAddress},
	"check-unknown": {verb: "CHECK"},
	"check-old":     {verb: "CHECK", stdin: `{"cniVersion": "0.3.1", "name": "net"}`},
	"gc-old":        {verb: "GC", stdin: `{"cniVersion": "1.0.0", "name": "net"}`},
	"status-old":    {verb: "STATUS", stdin: `{"cniVersion": "1.0.0", "name": "net"}`},
	"twice":         {times: 2},
}

func addDevice(l *lab) {
	l.must(l.self.AddLink(kernel.LinkSpec{Name: "dev0", Kind: kernel.KindVeth, Peer: kernel.PeerSpec{Name: "dev1"}}))
}

// takeAddress leases the pool's only address to another.
func takeAddress(l *lab) {
	l.must(l.MkdirAll(l.dataDir+"/net", 0o755))
	l.must(l.WriteFile(l.dataDir+"/net/10.9.0.2", []byte("other\r\neth0"), 0o600))
}

func (w wrong) hold(l *lab, ask func(request)) {
	if w.prepare != nil {
		w.prepare(l)
	}
	r := request{verb: w.verb, id: "a", netns: w.netns, conf: w.stdin, env: w.env}
	if r.verb == "" {
		r.verb = "ADD"
	}
	if r.netns == "" {
		r.netns = l.pod("a")
	}
	if r.conf == "" {
		r.conf = l.network("1.0.0", cmp.Or(w.keys, `"ipam": {}`))
	}
	for range max(w.times, 1) {
		ask(r)
	}
}

// What each run chooses: names and addresses of links.
var (
	macs      = regexp.MustCompile(`\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b`)
	hostVeths = regexp.MustCompile(`\bveth[0-9a-z]{8,11}\b`)
)

// normal replaces what each run chooses.
func (l *lab) normal(s string) string {
	s = strings.NewReplacer(l.cniPath, "PATH", l.dataDir, "DIR").Replace(s)
	return hostVeths.ReplaceAllString(macs.ReplaceAllString(s, "MAC"), "VETH")
}

// transcript holds a dialogue, and returns its answers: files named "1 ADD exit 0".
func (l *lab) transcript(d dialogue, call func(request) answer) (t txtar.Archive) {
	d.hold(l, func(r request) {
		added, _ := r.to.(*strings.Builder)
		r.to = nil
		a := call(r)
		if added != nil {
			added.WriteString(a.stdout)
			if a.exit != 0 {
				added.Reset()
				added.WriteString("{}")
			}
		}
		t.Files = append(t.Files, txtar.File{
			Name: fmt.Sprintf("%d %s exit %d", len(t.Files)+1, r.verb, a.exit),
			Data: []byte(strings.TrimSpace(l.normal(a.stdout)) + "\n"),
		})
	})
	return t
}

// callReference executes the reference's plugin.
func (l *lab) callReference(folder string) func(request) answer {
	return func(r request) answer {
		env := append([]string{
			"CNI_COMMAND=" + r.verb, "CNI_CONTAINERID=" + r.id, "CNI_NETNS=" + r.netns, "CNI_IFNAME=eth0",
			"CNI_PATH=" + folder, "PATH=" + os.Getenv("PATH"),
		}, r.env...)
		out, err := l.Exec(l.t.Context(), filepath.Join(folder, cmp.Or(r.name, "bridge")), env, []byte(r.conf))
		l.must(err)
		return answer{out.Exit, strings.ReplaceAll(string(out.Stdout), folder, l.cniPath), string(out.Stderr)}
	}
}

func goldenFile(d dialogue) string { return filepath.Join("testdata", "reference", d.name+".txtar") }

// record writes the golden files anew. Each is of a machine of its own.
func record(t *testing.T, folder string) {
	for _, b := range backends {
		if b.name != "linux" {
			continue
		}
		for _, d := range dialogues() {
			t.Run("record "+d.name, func(t *testing.T) {
				l := newLab(t, b.new(t))
				transcript := l.transcript(d, l.callReference(folder))
				l.must(os.WriteFile(goldenFile(d), txtar.Format(&transcript), 0o644))
			})
		}
	}
}
