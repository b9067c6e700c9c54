package simulated_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/cnilab/cnilab/harness/scenario"
	"github.com/cnilab/cnilab/harness/simulated"
	"github.com/cnilab/cnilab/kernel"
)

// mine is somebody's plugin, which knows its name.
func mine(_ context.Context, in kernel.Invocation, _ kernel.Host) (exit int) {
	_, _ = io.WriteString(in.Stdout, `{ "cniVersion": "1.1.0", "dns": { "domain": "mine as `+in.Name+`" } }`)
	return 0
}

// everything is a scenario with what a machine may lack: another one, a cable, a trace, a fault, files anywhere; and with
// plugins of ours and of others.
const everything = `# All that there is.
#
# backend: sim, because it has all
host b
cable node b
ip addr add 192.0.2.1/24 dev eth0
ip link set eth0 up
on b ip addr add 192.0.2.2/24 dev eth0
on b ip link set eth0 up
trace host -> 192.0.2.2
stdout 'answer from 192.0.2.2'
file write /etc/anywhere text
on b plugin mine ADD
stdout 'mine as mine'
plugin bridge VERSION
stdout supportedVersions
ip netns add pod
fault link add EPERM
! cni add ours.conf pod eth0
stderr EPERM
faults off
cni add ours.conf pod eth0
-- text --
-- ours.conf --
{ "cniVersion": "1.0.0", "name": "ours", "type": "bridge", "ipam": { "type": "host-local", "subnet": "10.1.0.0/24" } }
`

func run(t *testing.T, name, script string, c simulated.Config) {
	t.Helper()
	s := scenario.Scenario{Name: name, File: name + scenario.Extension, Text: []byte(script)}
	if r := simulated.Run(t.Context(), s, c, scenario.Options{}); r.Outcome != scenario.Passed {
		t.Errorf("%s: %s\n%s", name, r.Outcome, r.Log)
	}
}

func TestNothingIsLacking(t *testing.T) {
	run(t, "everything", everything, simulated.Config{Plugins: map[string]kernel.Program{"mine": mine}})
}

// TestOwnNamesCanBeTaken by somebody who brings a bridge: the rest of ours stays.
func TestOwnNamesCanBeTaken(t *testing.T) {
	run(t, "taken", "plugin bridge ADD\nstdout 'mine as bridge'\nplugin host-local VERSION\nstdout supportedVersions\nplugin loopback VERSION\n",
		simulated.Config{Plugins: map[string]kernel.Program{"bridge": mine}})
}

// notes is a plugin of somebody who keeps files where nobody else does.
func notes(_ context.Context, _ kernel.Invocation, h kernel.Host) (exit int) {
	for _, folder := range []string{"/var/lib/cni/notes", "/run/cni/notes"} {
		if h.MkdirAll(folder, 0o755) != nil || h.WriteFile(folder+"/10.9.0.2", nil, 0o600) != nil {
			return 1
		}
	}
	return 0
}

// TestWhatForeignPluginsNoteIsSeen: what a plugin of others forgets to delete is a difference too.
func TestWhatForeignPluginsNoteIsSeen(t *testing.T) {
	const before = "snapshot before\nplugin notes ADD\n"
	plugins := simulated.Config{Plugins: map[string]kernel.Program{"notes": notes}}
	for _, folder := range []string{"/var/lib/cni", "/run/cni"} {
		run(t, "noted", before+"! expect none\nstderr 'none: file "+folder+"/'\n! same before\nstderr '\\+ file "+folder+
			"/notes/10.9.0.2'\n-- none --\n! file "+folder+"/notes/*\n", plugins)
	}
}

// TestMistakesAreToldOf with what to do about them.
func TestMistakesAreToldOf(t *testing.T) {
	const conf = "\n-- n --\n{ \"cniVersion\": \"1.0.0\", \"name\": \"n\", \"type\": \"brigde\" }\n"
	for line, want := range map[string]string{
		"ip -n pod-a link set lo up":  `:1: netns open /run/netns/pod-a: .* \(ENOENT\); a line "ip netns add pod-a" makes it`,
		"ping pod-a 10.1.0.1":         `:1: netns open /run/netns/pod-a: .* \(ENOENT\); a line "ip netns add pod-a" makes it`,
		"ip addr add 10.1.0.1 dev x":  `:1: link get x in netns host: no such device \(ENODEV\)\n`,
		"cni add n pod-a eth0" + conf: `no executable file brigde in /opt/cni/bin, which has bridge, .*static: install`,
	} {
		s := scenario.Scenario{Name: "wrong", File: "wrong.txtar", Text: []byte(line + "\n")}
		r := simulated.Run(t.Context(), s, simulated.Config{}, scenario.Options{})
		if !regexp.MustCompile(want).MatchString(r.Log) {
			t.Errorf("%s: want %s, got\n%s", line, want, r.Log)
		}
	}
}

// TestCapturesAreOfTheName byte for byte the same in every run.
func TestCapturesAreOfTheName(t *testing.T) {
	var captures [2]string
	for i := range captures {
		c := simulated.Config{Captures: t.TempDir(), Plugins: map[string]kernel.Program{"mine": mine}}
		run(t, "folder/everything", everything, c)
		text, err := os.ReadFile(filepath.Join(c.Captures, "folder", "everything.pcapng"))
		if err != nil {
			t.Fatal(err)
		}
		captures[i] = string(text)
	}
	if len(captures[0]) < 500 || captures[0] != captures[1] {
		t.Errorf("captures of %d and %d bytes", len(captures[0]), len(captures[1]))
	}
}
