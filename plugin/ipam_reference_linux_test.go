package plugin_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// referenceFolder is where the reference's plugins are, built from github.com/containernetworking/plugins.
const referenceFolder = "CNILAB_REFERENCE"

// reference returns a machine, and a way to call the reference's plugins there.
func reference(t *testing.T) (l *lab, call func(r request) answer) {
	folder := os.Getenv(referenceFolder)
	for _, name := range []string{"host-local", "static"} {
		if _, err := os.Stat(filepath.Join(folder, name)); folder == "" || err != nil {
			t.Skipf("not compared with the reference itself: set %s to the folder with its %s", referenceFolder, name)
		}
	}
	l = newLab(t, newLinux(t))
	return l, func(r request) answer {
		cmd := exec.CommandContext(t.Context(), filepath.Join(folder, r.name))
		cmd.Env = append([]string{
			"CNI_COMMAND=" + r.verb, "CNI_CONTAINERID=" + r.id, "CNI_NETNS=" + r.netns, "CNI_IFNAME=eth0", "CNI_PATH=" + folder,
		}, r.env...)
		cmd.Stdin = strings.NewReader(r.conf)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		var failed *exec.ExitError
		if err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
		return answer{cmd.ProcessState.ExitCode(), strings.TrimSuffix(stdout.String(), "\n"), stderr.String()}
	}
}

// TestReferenceIPAM: the transcript is what the reference prints.
func TestReferenceIPAM(t *testing.T) {
	l, call := reference(t)
	netns := l.pod("a")
	got := transcript(t, l.dataDir, func(r request) answer {
		r.netns = netns
		return call(r)
	})
	if os.Getenv("CNILAB_RECORD") != "" {
		l.must(os.WriteFile(referenceTranscript, []byte(got), 0o644))
	}
	want, err := os.ReadFile(referenceTranscript)
	l.must(err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-recorded +reference (CNILAB_RECORD=1 records it anew):\n%s", diff)
	}
}

// TestSharedWithReference: both work on one folder of leases, and each understands what the other left.
func TestSharedWithReference(t *testing.T) {
	l, theirs := reference(t)
	netns := l.pod("a")
	run := func(call func(r request) answer, verb, id string) answer {
		t.Helper()
		a := call(request{
			name: "host-local", verb: verb, id: id, netns: netns, conf: l.conf(map[string]any{"cniVersion": "1.0.0"}),
		})
		if a.exit != 0 && verb != "ADD" {
			t.Errorf("%s of %s: %s%s", verb, id, a.stdout, a.stderr)
		}
		return a
	}
	both := []func(r request) answer{theirs, l.call}
	for i, call := range both {
		other := both[1-i]
		for _, id := range []string{"a", "b"} {
			run(call, "ADD", id)
			run(other, "CHECK", id)
		}
		if again := run(other, "ADD", "a"); !strings.Contains(again.stdout, "duplicate allocation is not allowed") {
			t.Errorf("the other gives a second address: %s", again.stdout)
		}
		run(other, "ADD", "c")
		if got := l.leases("net"); len(got) != 3 {
			t.Errorf("leases %v", got)
		}
		run(other, "DEL", "a")
		run(call, "DEL", "c")
		run(other, "DEL", "b")
		if left := l.leases("net"); len(left) != 0 {
			t.Errorf("left %v", left)
		}
	}
}
