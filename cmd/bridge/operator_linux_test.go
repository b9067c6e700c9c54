package main_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cnilab/cnilab/kernel/linux/sandbox"
)

// operate calls the binary with arguments, and returns what it says and its exit status.
func operate(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.Command(built(t, ".", "bridge"), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// theirs puts a plugin of somebody else's into the folder.
func theirs(t *testing.T, folder, name string) (text string) {
	t.Helper()
	text = "#!/bin/sh\necho " + name + " of somebody else\n"
	must(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755))
	return text
}

func mustHold(t *testing.T, file, want string) {
	t.Helper()
	got, err := os.ReadFile(file)
	must(t, err)
	if string(got) != want {
		t.Errorf("%s has %d bytes that are not what they should be", file, len(got))
	}
}

// version asks a program that is installed for its versions, as a runtime does.
func version(t *testing.T, program string) string {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = []string{"CNI_COMMAND=VERSION"}
	out, err := cmd.Output()
	must(t, err)
	return string(out)
}

func TestInstallTheBinary(t *testing.T) {
	folder := t.TempDir()
	bridge := theirs(t, folder, "bridge")
	hostLocal := theirs(t, folder, "host-local")
	told := "bridge: installed; the program that had this name is kept in " + folder + `/.cnilab-previous
static: installed
loopback: installed
`
	stdout, stderr, exit := operate(t, "--install", folder)
	if !strings.HasPrefix(stdout, told) || stderr != "" || exit != 0 {
		t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
	}
	for _, name := range []string{"bridge", "static", "loopback"} {
		if got := version(t, filepath.Join(folder, name)); !strings.Contains(got, `"1.1.0"`) {
			t.Errorf("%s answers %s", name, got)
		}
	}
	mustHold(t, filepath.Join(folder, "host-local"), hostLocal)

	// The binary that is installed knows the folder that it came to.
	if out, err := exec.Command(filepath.Join(folder, "bridge"), "--install", folder, "--rollback").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	mustHold(t, filepath.Join(folder, "bridge"), bridge)
	entries, err := os.ReadDir(folder)
	must(t, err)
	if len(entries) != 2 {
		t.Errorf("left after the roll-back: %v", entries)
	}
}

// TestInstallOnFullDisk: there is no room for the program, and all is as it was.
func TestInstallOnFullDisk(t *testing.T) {
	sandbox.Require(t)
	folder := mountTmpfs(t, "/run/small-disk", "size=1m")
	bridge := theirs(t, folder, "bridge")
	stdout, stderr, exit := operate(t, "--install", folder)
	mustRefuse(t, stdout, stderr, exit, "no space left on device", "nothing was changed")
	mustBeAlone(t, folder, bridge)
}

func TestInstallOnReadOnlyDisk(t *testing.T) {
	sandbox.Require(t)
	folder := mountTmpfs(t, "/run/read-only-disk", "size=16m")
	bridge := theirs(t, folder, "bridge")
	must(t, unix.Mount("", folder, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	stdout, stderr, exit := operate(t, "--install", folder)
	mustRefuse(t, stdout, stderr, exit, folder, "read-only file system", "nothing was changed")
	mustBeAlone(t, folder, bridge)
}

// TestInstallWithoutPermission is of users who are not root; a root with all its capabilities is refused nothing.
func TestInstallWithoutPermission(t *testing.T) {
	folder := t.TempDir()
	must(t, os.Chmod(folder, 0o555))
	if os.WriteFile(filepath.Join(folder, "try"), nil, 0o600) == nil {
		must(t, os.Remove(filepath.Join(folder, "try")))
		folder = "/proc/self" // where nobody can make anything
	}
	stdout, stderr, exit := operate(t, "--install", folder)
	mustRefuse(t, stdout, stderr, exit, folder, "nothing was changed")
}

// mustRefuse expects a failure that is told in one line, with these words.
func mustRefuse(t *testing.T, stdout, stderr string, exit int, words ...string) {
	t.Helper()
	if exit != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "bridge: --install ") {
		t.Errorf("exit status %d, not one line on standard error alone:\n%s%s", exit, stdout, stderr)
	}
	for _, w := range words {
		if !strings.Contains(stderr, w) {
			t.Errorf("no %q in %q", w, stderr)
		}
	}
}

func mustBeAlone(t *testing.T, folder, bridge string) {
	t.Helper()
	mustHold(t, filepath.Join(folder, "bridge"), bridge)
	entries, err := os.ReadDir(folder)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
}

// TestManyInstallAtOnce: they wait for each other.
func TestManyInstallAtOnce(t *testing.T) {
	folder := t.TempDir()
	bridge := theirs(t, folder, "bridge")
	built(t, ".", "bridge")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if stdout, stderr, exit := operate(t, "--install", folder); exit != 0 {
				t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
			}
		})
	}
	all.Wait()
	mustHold(t, filepath.Join(folder, ".cnilab-previous", "bridge"), bridge)
	if stdout, stderr, exit := operate(t, "--install", folder, "--rollback"); exit != 0 {
		t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
	}
	mustBeAlone(t, folder, bridge)
}

func TestInstallConfigurationByTheBinary(t *testing.T) {
	file, folder := filepath.Join(t.TempDir(), "10-lab.conflist"), t.TempDir()
	must(t, os.WriteFile(file, []byte(list), 0o600))
	stdout, stderr, exit := operate(t, "--install-conf", file, folder)
	if stdout != "10-lab.conflist: installed\n" || stderr != "" || exit != 0 {
		t.Errorf("exit status %d\n%s%s", exit, stdout, stderr)
	}
	mustHold(t, filepath.Join(folder, "10-lab.conflist"), list)
	if _, stderr, exit = operate(t, "--install-conf", file+".none", folder); exit != 1 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("a file that is not there: exit status %d\n%s", exit, stderr)
	}
}

func TestArguments(t *testing.T) {
	if stdout, stderr, exit := operate(t, "--help"); exit != 0 || stderr != "" || !strings.Contains(stdout, "--rollback") {
		t.Errorf("--help: exit status %d\n%s%s", exit, stdout, stderr)
	} else if strings.Contains(stdout, "--help tells how") {
		t.Errorf("--help sends people to itself:\n%s", stdout)
	}
	if stdout, stderr, exit := operate(t, "--version"); exit != 0 || stderr != "" || !strings.HasPrefix(stdout, "bridge ") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("--version: exit status %d\n%s%s", exit, stdout, stderr)
	}
	for _, args := range []string{
		"ADD", "--frob", "--install", "--install --rollback", "--install /tmp --frob", "--install /tmp bridge --rollback",
		"--install-conf /tmp", "--install-conf a b c", "--wait 5", "--help me", "--version 2",
	} {
		stdout, stderr, exit := operate(t, strings.Fields(args)...)
		if exit != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "see bridge --help") {
			t.Errorf("%s: exit status %d\n%s%s", args, exit, stdout, stderr)
		}
	}
}

// TestWait is a container that waits, and is ended.
func TestWait(t *testing.T) {
	for _, end := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
		cmd := exec.Command(built(t, ".", "bridge"), "--wait")
		cmd.Stderr = t.Output()
		stdout, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "waiting for SIGTERM or SIGINT\n" {
			t.Errorf("--wait says %q (%v)", line, err)
		}
		must(t, cmd.Process.Signal(end))
		if err := cmd.Wait(); err != nil {
			t.Errorf("--wait, ended by signal %d: %v", end, err)
		}
	}
}
