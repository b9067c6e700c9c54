package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/harness/flannel"
	"github.com/cnilab/cnilab/kernel"
)

const (
	subnetFile  = "/run/flannel/subnet.env"
	flannelData = "/var/lib/cni/flannel"

	// tenFlannel is 10-flannel.conf as kubeadm's guides had it: no version, no address.
	tenFlannel = `{ "name": "cbr0", "type": "flannel", "delegate": { "isDefaultGateway": true } }`
	subnetEnv  = `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`
)

// newFlannelNode is a node with flannel's own plugin beside ours: that of containernetworking/plugins v0.9.1, the last
// release that has it.
func newFlannelNode(t *testing.T) node {
	file := referenceProgram(t, "flannel")
	n := newNode(t)
	must(t, os.Symlink(file, filepath.Join(n.bin, "flannel")))
	t.Cleanup(func() {
		must(t, os.RemoveAll(filepath.Dir(subnetFile)))
		must(t, os.RemoveAll(flannelData))
	})
	return n
}

func writeSubnet(t *testing.T, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(subnetFile), 0o755))
	must(t, os.WriteFile(subnetFile, []byte(text), 0o600))
}

// An outcome is what a call of a plugin came to.
type outcome struct {
	Exit   int
	Stdout string
}

// callPlugin calls a plugin of the node by its name.
func (n node) callPlugin(name, verb, pod, stdin string) outcome {
	n.t.Helper()
	cmd := exec.Command(filepath.Join(n.bin, name))
	cmd.Env = append(cniEnv(verb, pod, n.bin), "PATH="+os.Getenv("PATH"))
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), os.Stderr
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		n.t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), string(out)}
}

func (n node) mustCallPlugin(name, verb, pod, stdin string) string {
	n.t.Helper()
	o := n.callPlugin(name, verb, pod, stdin)
	if o.Exit != 0 {
		n.t.Fatalf("%s %s of %s: exit %d\n%s", name, verb, pod, o.Exit, o.Stdout)
	}
	return o.Stdout
}

// flannelStories are the file that the story of 10-flannel.conf has, and the same with what it takes for CHECK; and the
// first pod's result, but for the interfaces, whose MAC addresses differ.
var flannelStories = []struct{ conf, result string }{
	{tenFlannel, `{
		"cniVersion": "0.1.0", "dns": {},
		"ip4": {
			"ip": "10.244.1.2/24", "gateway": "10.244.1.1",
			"routes": [ { "dst": "10.244.0.0/16" }, { "dst": "0.0.0.0/0", "gw": "10.244.1.1" } ]
		}
	}`},
	{`{ "cniVersion": "0.4.0", "name": "cbr0", "type": "flannel", "delegate": { "isDefaultGateway": true } }`, `{
		"cniVersion": "0.4.0", "dns": {},
		"ips": [ { "version": "4", "interface": 2, "address": "10.244.1.2/24", "gateway": "10.244.1.1" } ],
		"routes": [ { "dst": "10.244.0.0/16" }, { "dst": "0.0.0.0/0", "gw": "10.244.1.1" } ]
	}`},
}

// TestFlannelsOwnPlugin delegates to ours.
func TestFlannelsOwnPlugin(t *testing.T) {
	n := newFlannelNode(t)
	writeSubnet(t, subnetEnv)
	for _, pod := range []string{"pod-a", "pod-b"} {
		n.run("ip", "netns", "add", pod)
	}
	before := n.snapshot()
	for _, story := range flannelStories {
		n.tellFlannelStory(story.conf, story.result)
		n.run("ip", "link", "del", "cni0") // the network's, not the pods'
		n.run("sysctl", "-q", "net.ipv4.ip_forward=0")
		n.mustBe(before, "after flannel's DEL of both pods")
		n.mustHaveNoLease()
		if left, err := os.ReadDir(flannelData); err != nil || len(left) > 0 {
			t.Errorf("flannel keeps %v (%v)", left, err)
		}
		must(t, os.RemoveAll(leases)) // where the next search for an address begins
	}
}

func (n node) tellFlannelStory(conf, want string) {
	n.t.Helper()
	result := n.mustCallPlugin("flannel", "ADD", "pod-a", conf)
	got := document(n.t, result)
	delete(got, "interfaces")
	if diff := cmp.Diff(document(n.t, want), got); diff != "" {
		n.t.Errorf("result of flannel's ADD (-want +got):\n%s", diff)
	}
	n.mustCallPlugin("flannel", "ADD", "pod-b", conf)
	n.ping("pod-a", "10.244.1.1")
	n.ping("pod-a", "10.244.1.3")
	n.ping("pod-b", "10.244.1.2")
	if strings.Contains(conf, "cniVersion") {
		n.checkByFlannel(conf, result)
	}
	for range 2 {
		n.mustCallPlugin("flannel", "DEL", "pod-a", conf)
	}
	n.ping("pod-b", "10.244.1.1")
	n.mustCallPlugin("flannel", "DEL", "pod-b", conf)
}

// checkByFlannel calls CHECK, which flannel does not hand on, and so ours with what flannel has kept.
func (n node) checkByFlannel(conf, result string) {
	n.t.Helper()
	kept, err := os.ReadFile(flannelData + "/pod-a")
	must(n.t, err)
	for plugin, conf := range map[string]string{"flannel": conf, "bridge": string(kept)} {
		conf := strings.TrimSuffix(conf, "}") + `, "prevResult": ` + result + `}`
		n.mustCallPlugin(plugin, "CHECK", "pod-a", conf)
	}
}

func document(t *testing.T, text string) (d map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// delegationSubnets are what the flannel daemon may have written.
var delegationSubnets = map[string]string{
	"masqueraded by the daemon": subnetEnv,
	"not masqueraded":           "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=8951\nFLANNEL_IPMASQ=false\n",
	"dual stack": subnetEnv +
		"FLANNEL_IPV6_NETWORK=2001:cafe:42::/56\nFLANNEL_IPV6_SUBNET=2001:cafe:42:1::1/64\n",
	"IPv6 first": "FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_IPV6_SUBNET=fd00:0:0:1::1/64\n" + subnetEnv,
	"IPv6 alone": "FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_IPV6_SUBNET=fd00:0:0:1::1/64\n" +
		"FLANNEL_MTU=1430\nFLANNEL_IPMASQ=true\n",
	"written twice":     subnetEnv + "FLANNEL_SUBNET=10.244.9.1/24\nFLANNEL_IPMASQ=false\nFLANNEL_MTU=1400\n",
	"more in it":        "# by flanneld\n\nFLANNEL_PUBLIC_IP=192.0.2.1\n" + subnetEnv,
	"other answer":      strings.Replace(subnetEnv, "true", "yes", 1),
	"space behind":      strings.Replace(subnetEnv, "true", "true ", 1),
	"no end of line":    strings.TrimSuffix(subnetEnv, "\n"),
	"lines of Windows":  strings.ReplaceAll(subnetEnv, "\n", "\r\n"),
	"no network":        "FLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
	"no subnet":         "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
	"no MTU":            "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_IPMASQ=true\n",
	"no IPMASQ":         "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\n",
	"MTU below nothing": strings.Replace(subnetEnv, "1450", "-1", 1),
	"MTU no number":     strings.Replace(subnetEnv, "1450", "big", 1),
	"subnet no prefix":  strings.Replace(subnetEnv, "10.244.1.1/24", "10.244.1.1", 1),
	"empty":             "",
}

// delegationConfs are configurations of flannel.
var delegationConfs = map[string]string{
	"10-flannel.conf":   tenFlannel,
	"no delegate":       `{ "name": "n", "type": "flannel" }`,
	"delegate null":     `{ "name": "n", "type": "flannel", "delegate": null }`,
	"no name":           `{ "type": "flannel" }`,
	"version":           `{ "cniVersion": "0.3.1", "name": "n", "type": "flannel", "delegate": { "hairpinMode": true } }`,
	"CHECK's version":   `{ "cniVersion": "0.4.0", "name": "n", "type": "flannel", "delegate": { "cniVersion": "0.2.0" } }`,
	"no such version":   `{ "cniVersion": "9.9.9", "name": "n", "type": "flannel" }`,
	"all given":         `{ "name": "n", "type": "flannel", "delegate": { "isGateway": false, "ipMasq": false, "mtu": 1300 } }`,
	"null given":        `{ "name": "n", "type": "flannel", "delegate": { "isGateway": null, "ipMasq": null, "mtu": null } }`,
	"other delegate":    `{ "name": "n", "type": "flannel", "delegate": { "type": "other", "master": "eth0" } }`,
	"absent delegate":   `{ "name": "n", "type": "flannel", "delegate": { "type": "absent" } }`,
	"delegate unnamed":  `{ "name": "n", "type": "flannel", "delegate": { "type": "" } }`,
	"type no string":    `{ "name": "n", "type": "flannel", "delegate": { "type": 1 } }`,
	"type null":         `{ "name": "n", "type": "flannel", "delegate": { "type": null } }`,
	"delegate's name":   `{ "name": "n", "type": "flannel", "delegate": { "name": "x" } }`,
	"delegate's IPAM":   `{ "name": "n", "type": "flannel", "delegate": { "ipam": null } }`,
	"delegate no map":   `{ "name": "n", "type": "flannel", "delegate": "bridge" }`,
	"capabilities":      `{ "name": "n", "type": "flannel", "runtimeConfig": { "mac": "02:00:00:00:00:01" }, "delegate": { "runtimeConfig": 1 } }`,
	"keys in delegate":  `{ "name": "n", "type": "flannel", "delegate": { "runtimeConfig": { "a": [ 1.5, null ] }, "x": { "y": 1e9 } } }`,
	"keys beside":       `{ "name": "n", "type": "flannel", "dns": { "domain": "d" }, "prevResult": {}, "capabilities": { "mac": true } }`,
	"IPAM":              `{ "name": "n", "type": "flannel", "ipam": { "type": "other", "dataDir": "/d", "subnet": "10.0.0.0/8", "ranges": [] } }`,
	"IPAM's routes":     `{ "name": "n", "type": "flannel", "ipam": { "routes": [ { "dst": "192.0.2.0/24" }, { "dst": "0.0.0.0/0", "gw": "10.244.1.9" } ] } }`,
	"routes of hosts":   `{ "name": "n", "type": "flannel", "ipam": { "routes": [ { "dst": "192.0.2.7/24", "gw": "::1", "more": 1 } ] } }`,
	"no routes":         `{ "name": "n", "type": "flannel", "ipam": { "routes": null } }`,
	"routes no list":    `{ "name": "n", "type": "flannel", "ipam": { "routes": "192.0.2.0/24" } }`,
	"route no prefix":   `{ "name": "n", "type": "flannel", "ipam": { "routes": [ { "dst": "192.0.2.0" } ] } }`,
	"elsewhere":         `{ "name": "n", "type": "flannel", "subnetFile": "/run/flannel/absent", "dataDir": "/run/flannel/d" }`,
	"kept elsewhere":    `{ "name": "n", "type": "flannel", "dataDir": "/run/flannel/d" }`,
	"delegate fails":    `{ "name": "n", "type": "flannel", "delegate": { "type": "fails" } }`,
	"no JSON":           `{`,
	"more behind":       `{ "name": "n", "type": "flannel" } { "name": "m" }`,
	"empty":             ``,
	"name of two kinds": `{ "name": 1, "type": "flannel" }`,
}

// TestFlannelDelegatesLikeItsOwn holds the flannel of our scenarios against the real one: each is called with the same
// on one machine, with delegates that keep what they are given.
func TestFlannelDelegatesLikeItsOwn(t *testing.T) {
	n := newFlannelNode(t)
	said := t.TempDir()
	n.installDelegates(said)
	delegated := 0
	compare := func(name, subnet, conf string) {
		t.Run(name, func(t *testing.T) {
			n := n
			n.t = t
			theirs := n.flannelDialogue(said, subnet, conf, n.callPlugin)
			ours := n.flannelDialogue(said, subnet, conf, n.callOurFlannel)
			delegated += len(theirs[0].Delegated)
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("flannel's own (-) and ours (+):\n%s", diff)
			}
		})
	}
	for name, subnet := range delegationSubnets {
		compare(name, subnet, tenFlannel)
	}
	for name, conf := range delegationConfs {
		compare(name, delegationSubnets["dual stack"], conf)
	}
	if delegated < 25 {
		t.Errorf("flannel's own has delegated %d ADDs only", delegated)
	}
}

// installDelegates makes plugins that keep their standard input in a folder, in place of ours.
func (n node) installDelegates(folder string) {
	n.t.Helper()
	// The result is in the configuration's version.
	const succeeds = `version=$(sed -n 's/.*"cniVersion":"\([^"]*\)".*/\1/p' "$kept")
echo '{ "cniVersion": "'${version:-0.1.0}'", "dns": { "domain": "pods" } }'`
	const fails = `echo '{ "code": 42, "msg": "out of cable" }'; exit 1`
	for name, end := range map[string]string{"bridge": succeeds, "other": succeeds, "fails": fails} {
		file := filepath.Join(n.bin, name)
		must(n.t, os.RemoveAll(file))
		kept := filepath.Join(folder, name) + "-$CNI_COMMAND-$CNI_CONTAINERID-$CNI_IFNAME"
		script := fmt.Sprintf("#!/bin/sh\nkept=%s\ncat >\"$kept\"\n%s\n", kept, end)
		must(n.t, os.WriteFile(file, []byte(script), 0o755))
	}
}

// callOurFlannel is callPlugin in this process.
func (n node) callOurFlannel(_, verb, pod, stdin string) outcome {
	var stdout bytes.Buffer
	exit := flannel.Main(n.t.Context(), kernel.Invocation{
		Name: "flannel", Env: cniEnv(verb, pod, n.bin), Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: os.Stderr,
	}, n.host)
	return outcome{exit, stdout.String()}
}

// A turn is what one verb came to.
type turn struct {
	Verb      string
	Exit      int
	Code      any               // of a failure of the delegate
	Result    any               // of a success
	Delegated map[string]any    // the delegates' standard inputs, by name, verb and attachment
	Kept      map[string]string // the files that flannel keeps
}

// flannelDialogue calls one flannel with all verbs, on a node as if it were fresh.
func (n node) flannelDialogue(said, subnet, conf string, call func(name, verb, pod, stdin string) outcome) (turns []turn) {
	n.t.Helper()
	writeSubnet(n.t, subnet)
	folders := []string{flannelData, "/run/flannel/d"}
	for _, folder := range folders {
		must(n.t, os.RemoveAll(folder))
	}
	for _, verb := range []string{"ADD", "CHECK", "DEL", "DEL"} {
		o := call("flannel", verb, "pod-a", conf)
		turns = append(turns, turn{
			Verb: verb, Exit: o.Exit, Delegated: takeDocuments(n.t, said), Kept: filesIn(n.t, folders...),
		})
		last := &turns[len(turns)-1]
		switch answer := (map[string]any{}); {
		case o.Exit == 0 && o.Stdout == "":
		case o.Exit == 0:
			last.Result = document(n.t, o.Stdout)
		case json.Unmarshal([]byte(o.Stdout), &answer) != nil:
			n.t.Errorf("%s: no error object: %s", verb, o.Stdout)
		case answer["code"] == 42.0:
			last.Code = answer["code"]
		}
	}
	return turns
}

// takeDocuments returns the JSON files of a folder, and removes them.
func takeDocuments(t *testing.T, folder string) map[string]any {
	t.Helper()
	documents := map[string]any{}
	for name, text := range filesIn(t, folder) {
		documents[filepath.Base(name)] = document(t, text)
		must(t, os.Remove(name))
	}
	return documents
}

// filesIn returns the content of the files of some folders, of which some may not be there.
func filesIn(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(folder, e.Name()))
			must(t, err)
			files[filepath.Join(folder, e.Name())] = string(text)
		}
	}
	return files
}

// TestFlannelVersions: ours stands for later releases, too, and so speaks more versions than the last one there is to
// compare with.
func TestFlannelVersions(t *testing.T) {
	n := newFlannelNode(t)
	versions := func(o outcome) (v struct{ SupportedVersions []string }) {
		must(t, json.Unmarshal([]byte(o.Stdout), &v))
		return v
	}
	theirs := versions(n.callPlugin("flannel", "VERSION", "", "{}"))
	ours := versions(n.callOurFlannel("flannel", "VERSION", "", "{}"))
	if want := append(slices.Clone(theirs.SupportedVersions), "1.0.0"); !slices.Equal(want, ours.SupportedVersions) {
		t.Errorf("ours speaks %v, want %v", ours.SupportedVersions, want)
	}
}
