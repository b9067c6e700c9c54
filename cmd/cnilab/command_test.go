package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnilab/cnilab/cmd/cnilab/backend"
)

func TestMain(m *testing.M) {
	backend.Enter()
	os.Exit(m.Run())
}

// cnilab runs the command line.
func cnilab(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	exit = run(t.Context(), args, &out, &errs)
	return exit, out.String(), errs.String()
}

// TestGolden holds what people read.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		golden string
		exit   int
		args   []string
	}{
		{"mixed", exitFailed, []string{"test", "-j1", "testdata/mixed"}},
		{"passes", exitOK, []string{"test", "testdata/mixed/a-passes.txtar"}},
		{"verbose", exitOK, []string{"test", "-v", "testdata/mixed/a-passes.txtar"}},
		{"skipped", exitOK, []string{"test", "testdata/mixed/e-skipped.txtar"}},
		{"bound", exitOK, []string{"test", "-j1", "testdata/bound"}},
		{"help", exitOK, []string{}},
		{"help-test", exitOK, []string{"help", "test"}},
		{"help-topology", exitOK, []string{"help", "topology"}},
		{"topology", exitOK, []string{"topology", "--line", "17", "../../scenarios/vlan.txtar"}},
		{"topology-nodes", exitOK, []string{"topology", "testdata/cables.txtar"}},
	} {
		t.Run(c.golden, func(t *testing.T) {
			exit, stdout, stderr := cnilab(t, c.args...)
			if exit != c.exit || stderr != "" {
				t.Errorf("exit status %d, want %d; stderr %q", exit, c.exit, stderr)
			}
			compareGolden(t, c.golden+".golden", stable(stdout))
		})
	}
}

// language is a folder with scenarios that have, together, every form of line.
const language = "../../harness/scenario/testdata/"

func TestLanguage(t *testing.T) {
	files := []string{"test"}
	for _, name := range []string{"language", "faults", "kubelet", "trace", "vlan", "hosts", "cables"} {
		files = append(files, language+name+".txtar")
	}
	if exit, stdout, stderr := cnilab(t, files...); exit != exitOK {
		t.Errorf("exit status %d:\n%s%s", exit, stdout, stderr)
	}
}

// TestUpdate lets a scenario state what is not so, and looks at what it states afterwards: what matters, as it is.
func TestUpdate(t *testing.T) {
	wrong, err := os.ReadFile("testdata/update/wrong.txtar")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "wrong.txtar")
	if err := os.WriteFile(file, wrong, 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, stdout, _ := cnilab(t, "test", file); exit != exitFailed {
		t.Fatalf("before: exit status %d:\n%s", exit, stdout)
	}
	if exit, stdout, stderr := cnilab(t, "test", "--update", file); exit != exitOK {
		t.Fatalf("with --update: exit status %d:\n%s%s", exit, stdout, stderr)
	}
	if exit, stdout, _ := cnilab(t, "test", file); exit != exitOK {
		t.Fatalf("after: exit status %d:\n%s", exit, stdout)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "updated.golden", string(got))
}

// TestUpdateLeavesDecisionsToPeople tries what cannot be corrected: nothing is written.
func TestUpdateLeavesDecisionsToPeople(t *testing.T) {
	for _, statement := range []string{"link none", "! link br0", "link br* mtu 9000"} {
		file := filepath.Join(t.TempDir(), "undecided.txtar")
		text := "ip link add br0 type bridge\nip link add br1 type bridge\nexpect state\n-- state --\n" + statement + "\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		exit, stdout, _ := cnilab(t, "test", "--update", file)
		if exit != exitFailed || !strings.Contains(stdout, "no single object is meant") {
			t.Errorf("%s: exit status %d:\n%s", statement, exit, stdout)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("%s: the file became\n%s%v", statement, got, err)
		}
	}
}

// stable takes out what differs between two runs or two machines: times and the number of processors.
func stable(s string) string {
	s = regexp.MustCompile(`\d+\.\d+s`).ReplaceAllString(s, "0.00s")
	return regexp.MustCompile(`same time \(default \d+\)`).ReplaceAllString(s, "same time (default N)")
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestUsageErrors(t *testing.T) {
	for args, want := range map[string]string{
		"tset":                                  `unknown command "tset"; is it "test"?`,
		"trace":                                 `unknown command "trace"; it is a line of scenarios: cnilab help trace`,
		"help bogus":                            `help: there is nothing on "bogus"`,
		"help tset":                             `help: there is nothing on "tset"; is it "test"`,
		"help pnig":                             `help: there is nothing on "pnig"; is it "ping"?`,
		"help scenario pnig":                    `help scenario: there is nothing on "pnig"; is it "ping"?`,
		"help scenario ip lnik":                 `help scenario: there is nothing on "ip lnik"`,
		"topo":                                  `unknown command "topo"; is it "topology"?`,
		"help test ping":                        `help test: there is nothing on "ping"`,
		"test --bakcend=sim":                    "unknown flag: --bakcend (see cnilab test --help)",
		"test --backend=bsd":                    `no backend "bsd": there are sim, linux`,
		"test -j 0":                             "-j 0: at least one scenario has to run at a time",
		"test --update":                         "--update: name the files or folders to write anew",
		"test -j x":                             `invalid argument "x" for "-j, --jobs" flag: it takes a whole number (see cnilab test --help)`,
		"test nowhere":                          "nowhere: no such file or directory\n",
		"test command_test.go":                  "command_test.go is no scenario: the name of one ends with .txtar",
		"test backend":                          "no file *.txtar in backend",
		"test --plugin-dir=/opt":                "--plugin-dir: only --backend=linux and --backend=uml can run programs",
		"test --backend=uml --plugin-dir=none":  "cnilab: --plugin-dir: open ",
		"topology":                              "topology: name one SCENARIO, not 0 (see cnilab topology --help)",
		"topology add.txtar -o x.gif":           "-o x.gif: the name has to end with .dot, .svg, .png or .pdf",
		"topology testdata/bound":               "name the one to draw",
		"topology --line 99 testdata/add.txtar": "and none 99",
		"fidelity --seed -1":                    `invalid argument "-1" for "--seed" flag: it takes a whole number, 0 or more`,
		"doctor who":                            `unknown command "who"`,
		"version --backend=sim":                 "unknown flag: --backend",
		"test --timeout=0s":                     "--timeout=0s: a scenario takes more time than none",
		"test --timeout=-1s x.txtar":            "--timeout=-1s: a scenario takes more time than none",
		"test --timeout=soon x.txt":             `invalid argument "soon" for "--timeout" flag: it takes a time such as 90s or 2m (`,
		"do-scenario-in-sandbox now":            "unknown command",

		"test --capture=none testdata/mixed/a-passes.txtar testdata/mixed": "--capture: testdata/mixed/a-passes.txtar and " +
			"testdata/mixed/a-passes.txtar would both be written to a-passes.pcapng (see",
	} {
		exit, stdout, stderr := cnilab(t, strings.Fields(args)...)
		oneLine := strings.Count(stderr, "\n") == 1
		if exit != exitUsage || stdout != "" || !oneLine || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit status %d, want %d; want %s on stderr, got:\n%s%s", args, exit, exitUsage, want, stdout, stderr)
		}
	}
}

// TestTopologyOfAFailure: what fails is told, and not drawn.
func TestTopologyOfAFailure(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "x.dot")
	exit, _, stderr := cnilab(t, "topology", "-o", picture, "testdata/mixed/b-state-differs.txtar")
	if _, err := os.Stat(picture); exit != exitFailed || !strings.Contains(stderr, "FAIL") || err == nil {
		t.Errorf("exit status %d, %v\n%s", exit, err, stderr)
	}
	if exit, _, stderr := cnilab(t, "topology", "-o", picture, "testdata/mixed/a-passes.txtar"); exit != exitOK {
		t.Error(stderr)
	}
	if text, err := os.ReadFile(picture); err != nil || !strings.HasPrefix(string(text), "graph") {
		t.Errorf("drew %q, %v", text, err)
	}
}

// TestTopologyOfNothing hints at the lines before all was taken away, and draws none the less.
func TestTopologyOfNothing(t *testing.T) {
	for script, hint := range map[string]bool{
		"ip netns add pod-a\nip link add br0 type bridge\n":                        true,
		"ip netns add pod-a\nip link add v type veth peer name eth0 netns pod-a\n": false,
	} {
		file := filepath.Join(t.TempDir(), "x.txtar")
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		exit, stdout, stderr := cnilab(t, "topology", file)
		if exit != exitOK || !strings.HasPrefix(stdout, "graph") || strings.Contains(stderr, "nothing is attached at the end") != hint {
			t.Errorf("%s: exit status %d\n%s%s", script, exit, stdout, stderr)
		}
		if _, _, stderr := cnilab(t, "topology", "--line=1", file); stderr != "" {
			t.Errorf("with --line: %s", stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	exit, stdout, _ := cnilab(t, "version")
	if exit != exitOK || !strings.HasPrefix(stdout, "cnilab ") || !strings.Contains(stdout, runtime.Version()) {
		t.Errorf("exit status %d: %s", exit, stdout)
	}
}

func TestDoctor(t *testing.T) {
	exit, stdout, _ := cnilab(t, "doctor")
	if exit != exitOK || !strings.HasPrefix(stdout, "ok  sim ") || !strings.Contains(stdout, " linux ") {
		t.Errorf("exit status %d:\n%s", exit, stdout)
	}
}

// TestHelpOnLines of scenarios is what of the language begins with these words, and nothing else.
func TestHelpOnLines(t *testing.T) {
	for args, lines := range map[string]int{"help trace": 2, "help scenario trace": 2, "help ip netns": 6} {
		words := strings.Fields(args)
		begins := "  " + words[len(words)-1]
		if words[1] == "ip" {
			begins = "  ip netns"
		}
		exit, stdout, stderr := cnilab(t, words...)
		if exit != exitOK || !strings.HasPrefix(stdout, begins) || strings.Count(stdout, "\n") != lines || stderr != "" {
			t.Errorf("%s: exit status %d:\n%s%s", args, exit, stdout, stderr)
		}
	}
}

func TestHelpScenario(t *testing.T) {
	exit, stdout, _ := cnilab(t, "help", "scenario")
	if exit != exitOK || !strings.Contains(stdout, "\n  ip [-n NS] link set NAME ") {
		t.Errorf("exit status %d:\n%s", exit, stdout)
	}
}
