//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// requireSandboxes skips a test where scenarios cannot run on this machine's kernel, unless they have to.
func requireSandboxes(t *testing.T) {
	t.Helper()
	why := sandbox.Available()
	switch {
	case why == nil:
	case os.Getenv(sandbox.RequireVariable) == "1":
		t.Fatal(why)
	default:
		t.Skip(why)
	}
}

// needTime skips a test that asks the kernel for long, unless all that Linux can show is asked for.
func needTime(t *testing.T) {
	t.Helper()
	if !sandbox.Thorough() {
		t.Skip("takes long on Linux: make real")
	}
}

// TestBothKernelsTellTheSame runs the scenarios of TestGolden on this machine's kernel: people read the same of them.
func TestBothKernelsTellTheSame(t *testing.T) {
	requireSandboxes(t)
	exit, stdout, stderr := cnilab(t, "test", "-j1", "--backend=linux", "testdata/mixed")
	if exit != exitFailed || stderr != "" {
		t.Errorf("exit status %d, want %d; stderr %q", exit, exitFailed, stderr)
	}
	compareGolden(t, "mixed.golden", stable(stdout))
}

// TestTourOnBothKernels checks that people read the same of a chapter on both kernels.
func TestTourOnBothKernels(t *testing.T) {
	needTime(t)
	requireSandboxes(t)
	simulated := readTour(t, "sim")
	for name, text := range readTour(t, "linux") {
		if diff := cmp.Diff(onAnyMachine(simulated[name]), onAnyMachine(text)); diff != "" {
			t.Errorf("%s (-simulated +Linux):\n%s", name, diff)
		}
	}
}

func TestLanguageOnLinux(t *testing.T) {
	needTime(t)
	requireSandboxes(t)
	files := []string{
		"test", "--backend=linux", language + "language.txtar", language + "kubelet.txtar",
		language + "faults.txtar", language + "hosts.txtar",
	}
	if exit, stdout, stderr := cnilab(t, files...); exit != exitOK {
		t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
	}
}

// TestPluginDir checks that a folder of plugins replaces our own: first one without, then one with a plugin that only
// says no.
func TestPluginDir(t *testing.T) {
	requireSandboxes(t)
	dir := t.TempDir()
	exit, stdout, _ := cnilab(t, "test", "--backend=linux", "--plugin-dir="+dir, "testdata/add.txtar")
	if want := "no executable file bridge in " + dir; exit != exitFailed || !strings.Contains(stdout, want) {
		t.Errorf("exit status %d; want %q:\n%s", exit, want, stdout)
	}
	refusal := "#!/bin/sh\n" + `echo '{"code": 123, "msg": "not today"}'; exit 1` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "bridge"), []byte(refusal), 0o755); err != nil {
		t.Fatal(err)
	}
	exit, stdout, _ = cnilab(t, "test", "--backend=linux", "--plugin-dir="+dir, "testdata/add.txtar")
	if want := "not today"; exit != exitFailed || !strings.Contains(stdout, want) {
		t.Errorf("exit status %d; want %q:\n%s", exit, want, stdout)
	}
}

// TestForeignPluginsMeetNoFaults checks that a fault that could not be met is no failure of who was to meet it.
func TestForeignPluginsMeetNoFaults(t *testing.T) {
	requireSandboxes(t)
	exit, stdout, _ := cnilab(t, "test", "--backend=linux", "--plugin-dir="+t.TempDir(), language+"faults.txtar")
	if exit != exitOK || !strings.Contains(stdout, "its faults need plugins that meet them") {
		t.Errorf("exit status %d; want a skip:\n%s", exit, stdout)
	}
}

// written is a file with a scenario.
func written(t *testing.T, script string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "written.txtar")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestRealCablesCarryAtOnce refuses what no cable of a real kernel does, and says what to do.
func TestRealCablesCarryAtOnce(t *testing.T) {
	requireSandboxes(t)
	script := "host other\ncable node other delay 0s loss 0% rate 0bit\ncable node other delay 0s\n"
	for _, words := range []string{"delay 5ms", "loss 1%", "rate 1mbit", "limit 10"} {
		word, _, _ := strings.Cut(words, " ")
		script += "! cable node other " + words + "\nstderr 'cable node other: on a real kernel .* leave \"" + word +
			"\" out, or .* \"# backend: sim, because'\n"
	}
	if exit, stdout, stderr := cnilab(t, "test", "--backend=linux", written(t, script)); exit != exitOK {
		t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
	}
}

// TestPluginDirOnAnotherMachine has a plugin say what it sees there: files and devices of that machine.
func TestPluginDirOnAnotherMachine(t *testing.T) {
	requireSandboxes(t)
	dir := t.TempDir()
	looks := "#!/bin/sh\n" + `echo "$(cat /run/note) $(ls /run/netns) $(ls /run) $(grep -o uplink /proc/net/dev)"` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "looks"), []byte(looks), 0o755); err != nil {
		t.Fatal(err)
	}
	script := `host other
cable node other:uplink
file write /run/note here
on other file write /run/note there
ip netns add pod-here
on other ip netns add pod-there
plugin looks ADD
stdout '^here pod-here netns\nnote $'
on other plugin looks ADD
stdout '^there pod-there netns\nnote uplink$'
-- here --
here
-- there --
there
`
	exit, stdout, stderr := cnilab(t, "test", "--backend=linux", "--plugin-dir="+dir, written(t, script))
	if exit != exitOK {
		t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
	}
}

// TestNodesHaveTheirOwnConfigurations, which scenarios may write, and which are not this machine's; other files below /etc
// they may not.
func TestNodesHaveTheirOwnConfigurations(t *testing.T) {
	requireSandboxes(t)
	script := `host other
file write /etc/cni/net.d/10-cnilab-test.conf here
on other file write /etc/cni/net.d/20-cnilab-test.conf there
file show /etc/cni/net.d/10-cnilab-test.conf
! on other file show /etc/cni/net.d/10-cnilab-test.conf
stderr ENOENT
file show /etc/passwd
-- here --
here
-- there --
there
`
	if exit, stdout, stderr := cnilab(t, "test", "--backend=linux", written(t, script)); exit != exitOK {
		t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
	}
	if found, _ := filepath.Glob("/etc/cni/net.d/*cnilab-test*"); found != nil {
		t.Errorf("this machine has %q", found)
	}
	exit, stdout, _ := cnilab(t, "test", "--backend=linux", written(t, "file write /etc/cni-not x\n-- x --\n"))
	want := "/etc/cni-not stays on this machine's disk: use /etc/cni/ or /run/"
	if exit != exitFailed || !strings.Contains(stdout, want) {
		t.Errorf("exit status %d; want %q:\n%s", exit, want, stdout)
	}
}

// self runs this program by another name or with other arguments.
func self(t *testing.T, env []string, args ...string) (exit int, output string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Env = args, env
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the exit status says it
	return cmd.ProcessState.ExitCode(), out.String()
}

func TestAnswersAsThePlugin(t *testing.T) {
	for _, name := range []string{"bridge", "/opt/cni/bin/host-local"} {
		exit, out := self(t, []string{"CNI_COMMAND=VERSION"}, name)
		if exit != 0 || !strings.Contains(out, "supportedVersions") {
			t.Errorf("as %s: exit status %d: %s", name, exit, out)
		}
	}
}

func TestJobOutsideOfASandbox(t *testing.T) {
	exit, out := self(t, nil, "cnilab", "do-scenario-in-sandbox")
	if exit != 1 || !strings.Contains(out, "works in a sandbox only") {
		t.Errorf("exit status %d: %s", exit, out)
	}
}
