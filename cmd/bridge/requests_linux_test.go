package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
	bridge "github.com/cnilab/cnilab/plugin"
	"github.com/cnilab/cnilab/sim"
)

// TestRequestsAreThoseOfTheSimulation holds what strace sees the plugin ask of Linux against the calls that it makes in
// the simulation: the same effects in the same order. So a fault at every call there is a fault at every request here.
func TestRequestsAreThoseOfTheSimulation(t *testing.T) {
	n := newNode(t)
	requireTool(t, "strace")
	n.run("ip", "netns", "add", "pod-a")
	want := simulatedEffects(t)
	got := tracedEffects(t, n)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("effects in the simulation (-) and on Linux (+) differ:\n%s", d)
	}
	if len(want) < 15 {
		t.Errorf("an ADD has more effects than %q", want)
	}
}

// simulatedEffects returns the effects of ADD on a simulated node, in the words of package intercept.
func simulatedEffects(t *testing.T) []string {
	w := sim.NewWorld(sim.Config{})
	t.Cleanup(w.Close)
	node := w.AddHost("node")
	trace := new(intercept.Trace)
	program := func(ctx context.Context, in kernel.Invocation, h kernel.Host) int {
		return bridge.Main(ctx, in, intercept.Wrap(h, trace.Hook))
	}
	must(t, node.MkdirAll("/opt/cni/bin", 0o755))
	must(t, node.Install("/opt/cni/bin/bridge", program))
	must(t, node.Link("/opt/cni/bin/bridge", "/opt/cni/bin/host-local"))
	must(t, node.MkdirAll(kernel.NetNSDir, 0o755))
	must(t, node.AddNetNS(kernel.NetNSDir+"/pod-a"))
	out, err := node.Exec(t.Context(), "/opt/cni/bin/bridge", cniEnv("ADD", "pod-a", "/opt/cni/bin"), []byte(conf))
	must(t, err)
	if out.Exit != 0 {
		t.Fatalf("ADD in the simulation: %s", out.Stdout)
	}
	var effects []string
	for _, c := range trace.Mutations() {
		effects = append(effects, effect(c))
	}
	return effects
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// effect names a call as strace can tell it: of a file by its path, of a sysctl by its key, of anything else by what is
// done.
func effect(c intercept.Call) string {
	switch c.Op {
	case intercept.FolderMake, intercept.FileWrite, intercept.FileLink, intercept.FileRename, intercept.FileRemove,
		intercept.FileLock:
		return string(c.Op) + " " + c.Object
	case intercept.SysctlSet:
		key, _, _ := strings.Cut(c.Object, "=")
		return string(c.Op) + " " + key
	}
	return string(c.Op)
}

// tracedEffects returns the same of the real plugin.
func tracedEffects(t *testing.T, n node) []string {
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command("strace", "-f", "-s", "64", "-o", trace,
		"-e", "trace=sendto,sendmsg,openat,linkat,unlinkat,renameat,renameat2,mkdirat", filepath.Join(n.bin, "bridge"))
	cmd.Env = cniEnv("ADD", "pod-a", n.bin)
	cmd.Stdin = strings.NewReader(conf)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, out)
	}
	text, err := os.ReadFile(trace)
	must(t, err)
	var effects []string
	for line := range strings.Lines(string(text)) {
		e := tracedEffect(line)
		switch {
		case e == "":
		case isFolder(e) && len(effects) > 0 && isFolder(effects[len(effects)-1]):
			effects[len(effects)-1] = e // one MkdirAll makes folder after folder
		default:
			effects = append(effects, e)
		}
	}
	return effects
}

func isFolder(effect string) bool { return strings.HasPrefix(effect, string(intercept.FolderMake)) }

var (
	netlinkRequest = regexp.MustCompile(`nlmsg_type=(\w+)`)
	bridgeFamily   = regexp.MustCompile(`ifi_family=AF_BRIDGE|nlmsg_pid=0}, "\\x07`)
	paths          = regexp.MustCompile(`"([^"]*)"`)
)

// netlinkEffects names requests; strace knows the numbers only for a socket of the namespace it runs in itself.
// (include/uapi/linux/rtnetlink.h.)
var netlinkEffects = map[string]intercept.Op{
	"RTM_NEWLINK": intercept.LinkAdd, "0x10": intercept.LinkAdd,
	"RTM_DELLINK": intercept.LinkDelete, "0x11": intercept.LinkDelete,
	"RTM_SETLINK": intercept.LinkSet, "0x13": intercept.LinkSet,
	"RTM_NEWADDR": intercept.AddressAdd, "0x14": intercept.AddressAdd,
	"RTM_DELADDR": intercept.AddressDelete, "0x15": intercept.AddressDelete,
	"RTM_NEWROUTE": intercept.RouteAdd, "0x18": intercept.RouteAdd,
	"RTM_DELROUTE": intercept.RouteDelete, "0x19": intercept.RouteDelete,
	"RTM_NEWNEIGH": intercept.NeighbourAdd, "0x1c": intercept.NeighbourAdd,
	"RTM_DELNEIGH": intercept.NeighbourDelete, "0x1d": intercept.NeighbourDelete,
}

// tracedEffect returns the effect of a system call, "" where it has none that outlives the process.
func tracedEffect(line string) string {
	_, call, _ := strings.Cut(line, " ") // behind the thread's number
	name, arguments, _ := strings.Cut(strings.TrimSpace(call), "(")
	names := paths.FindAllStringSubmatch(arguments, 2)
	switch name {
	case "sendto", "sendmsg":
		return requestEffect(line)
	case "openat":
		return openEffect(names[0][1], arguments)
	case "mkdirat":
		return string(intercept.FolderMake) + " " + names[0][1]
	case "linkat":
		return string(intercept.FileLink) + " " + names[0][1] + " " + names[1][1]
	case "renameat", "renameat2":
		return string(intercept.FileRename) + " " + names[0][1] + " " + names[1][1]
	case "unlinkat":
		if strings.Contains(arguments, "AT_REMOVEDIR") {
			return "" // the second try of os.Remove, for a folder
		}
		return string(intercept.FileRemove) + " " + names[0][1]
	}
	return ""
}

func requestEffect(line string) string {
	kind := netlinkRequest.FindStringSubmatch(line)
	if kind == nil {
		return ""
	}
	op := netlinkEffects[kind[1]]
	if op == intercept.LinkSet && bridgeFamily.MatchString(line) {
		op = intercept.PortSet
	}
	return string(op)
}

func openEffect(name, arguments string) string {
	key, isSysctl := strings.CutPrefix(name, "/proc/sys/")
	switch {
	case isSysctl && strings.Contains(arguments, "O_WRONLY"):
		return string(intercept.SysctlSet) + " " + key
	case strings.Contains(arguments, "O_TRUNC"):
		return string(intercept.FileWrite) + " " + name
	case strings.Contains(arguments, "O_CREAT"):
		return string(intercept.FileLock) + " " + name
	}
	return ""
}
