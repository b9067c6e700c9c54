package scenario

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// written returns a scenario with this text.
func written(text string) Scenario {
	return Scenario{Name: "try", File: "scenarios/try.txtar", Text: []byte(text)}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		script  string
		outcome Outcome
		log     string
	}{
		{"file show /etc/motd\nstdout welcome", Passed, ""},
		{"! file show /etc/none\nstderr ENOENT", Passed, ""},
		{"file show /etc/motd\ncp stdout motd\ncmp motd want\n-- want --\nwelcome\n", Passed, ""},
		{"env F=/etc/motd\nfile show $F\nstdout '^welcome$'", Passed, ""},
		{"stop\nfile show /etc/none", Passed, ""},
		{"skip 'no kernel for it'", Skipped, "no kernel for it"},
		{"pnig pod-a 10.1.0.1", Failed, `try.txtar:1: "pnig" is no verb; is it "ping"? (cnilab help scenario`},
		{"frobnicate", Failed, `try.txtar:1: "frobnicate" is no verb (cnilab help scenario`},
		{"\ufeff# A comment.\nstop", Failed, "try.txtar:1: the file begins with a byte order mark; save it without"},
		{"stop\n\n-- x --\n-- y --\n-- x --\n", Failed, "try.txtar:5: there is another file x, at line 3"},
		{"stop\n-- x --\n-- x/y --\n", Failed, "FAIL: scenarios/try.txtar: mkdir "},
		{"cni add n p eth0\n-- n --\n\n{ \"name\": \"net\"\n  \"type\": \"bridge\" }\n", Failed, "FAIL: scenarios/try.txtar:1: scenarios/try.txtar:5 (n:3): network configuration: invalid character '\"' after object key:value pair"},
		{"cni status n\n-- n --\n{\n", Failed, "txtar:1: scenarios/try.txtar:3 (n:1): network configuration: unexpected end"},
		{"cni add -capabilities c n p eth0\n-- c --\n[\n}\n", Failed, "txtar:1: scenarios/try.txtar:4 (c:2): invalid character '}'"},
		{"cni add -capabilities c n p eth0\n-- c --\n[]\n", Failed, "txtar:1: scenarios/try.txtar:3 (c:1): the document is an array, and has to be an object"},
		{"plugin -prev r bridge ADD n\n-- n --\n{}\n-- r --\n", Failed, "txtar:1: scenarios/try.txtar:5 (r:1): unexpected end"},
		{"plugin -prev r bridge ADD n\n-- n --\nnone\n-- r --\n", Failed, "txtar:1: scenarios/try.txtar:3 (n:1): invalid character 'o'"},
		{"jsoncmp n n\n-- n --\n{,}\n", Failed, "txtar:1: scenarios/try.txtar:3 (n:1): no JSON document: invalid character ','"},
		{"file show /etc/motd\njsoncmp stdout n\n-- n --\n{}\n", Failed, "txtar:2: stdout:1: no JSON document: invalid character 'w'"},
		{"file show /etc/motd\ncp stdout n\njsoncmp n n\n-- n --\n{}\n", Failed, "txtar:3: n:1: no JSON document: invalid character 'w'"},
		{"need luck", Failed, `try.txtar:1: need: does not know "luck", but bridge-vlans`},
		{"\nfile show /etc/none", Failed, "scenarios/try.txtar:2: read /etc/none: no such file or directory (ENOENT)"},
		{"! file show /etc/motd", Failed, "scenarios/try.txtar:1: file succeeded, and should have failed"},
		{"", Failed, "scenarios/try.txtar: there is no line that does anything"},
		{"# A comment.\n\n!\n-- file --\nstop\n", Failed, "scenarios/try.txtar: there is no line that does anything"},
		{"file show /etc/motd\nstdout goodbye", Failed, "scenarios/try.txtar:2: no match for `goodbye`"},
		{"file show /etc/motd\ncmp stdout want\n-- want --\nbye\n", Failed, "-welcome\n+bye\n"},
		{"! file shwo /etc/motd", Failed, `try.txtar:1: file: does not know "shwo", but show, write, del`},
		{"cni add /etc/passwd pod-a eth0", Failed, `try.txtar:1: "/etc/passwd" is no file of the archive`},
		{"cni add n.conlist pod-a eth0\n-- n.conflist --\n{}\n", Failed, `there is no file n.conlist: a line "-- n.conlist --" below the script begins it; is it "n.conflist"?`},
		{"cni add n /run/netns/pod-a eth0\n-- n --\n{}\n", Failed, `try.txtar:1: cni add: POD "/run/netns/pod-a" is no name, but a path: it is "pod-a"`},
		{"plugin bridge ADD n /run/netns/pod-a eth0\n-- n --\n{}\n", Failed, `try.txtar:1: plugin: POD "/run/netns/pod-a" is no name, but a path`},
		{"stop\n--n.conf--\n{}\n", Failed, `try.txtar:2: a file begins with a line "-- NAME --", with these blanks`},
		{"file show $FILE\n", Failed, `try.txtar:1: $FILE is not set: a line "env FILE=VALUE" before sets it`},
		{"env FILE=/etc/motd\n! file show /x$FILES\n", Failed, `try.txtar:2: $FILES is not set: a line "env FILES=VALUE" before sets it; is it "FILE"?`},
		{"env 'A=x' B=$WORK\nfile show /etc/motd # $C\nstdout '^$D|come$'\n! file show ${A}${B@R}\n", Passed, ""},
		{"ip netns add a/b\n", Failed, `try.txtar:1: ip netns add: "a/b" is no NAME: it is that of a file in /run/netns`},
		{"ip netns add host\n", Failed, `try.txtar:1: ip netns add: "host" is no NAME: the machine's own namespace is called so`},
		{"file show /etc/motd\ncmp stdout want\n", Failed, `try.txtar:2: there is no file want: a line "-- want --" below`},
		{"cp none some\n", Failed, `try.txtar:1: there is no file none: a line "-- none --" below`},
		{"cni add none pod-a eth0", Failed, `try.txtar:1: there is no file none: a line "-- none --" below the script begins it`},
		{"ip link show", Failed, "panic: "}, // the fake host has no such call
	} {
		r := Run(t.Context(), written(c.script), fakeMachine, Options{})
		if r.Outcome != c.outcome || !strings.Contains(r.Log, c.log) {
			t.Errorf("%q: got %s, want %s; the log is to contain %q:\n%s", c.script, r.Outcome, c.outcome, c.log, r.Log)
		}
		if strings.Contains(r.Log, ":0:") {
			t.Errorf("%q: no script has a line 0:\n%s", c.script, r.Log)
		}
	}
}

func TestMachineThatIsNotClean(t *testing.T) {
	broken := func() (*Machine, error) {
		m, err := fakeMachine()
		m.Close = func() error { return errors.New("a socket is still open") }
		return m, err
	}
	r := Run(t.Context(), written("file show /etc/motd"), broken, Options{})
	if r.Outcome != Failed || !strings.Contains(r.Log, "the machine is not clean: a socket is still open") {
		t.Errorf("%s:\n%s", r.Outcome, r.Log)
	}
}

func TestNoMachine(t *testing.T) {
	r := Run(t.Context(), written("file show /etc/motd"), func() (*Machine, error) { return nil, errors.New("no memory") }, Options{})
	if r.Outcome != Failed || !strings.Contains(r.Log, "no machine to run on: no memory") {
		t.Errorf("%s:\n%s", r.Outcome, r.Log)
	}
}

// TestLogOfAFailure holds what people read when a comparison fails.
func TestLogOfAFailure(t *testing.T) {
	r := Run(t.Context(), written(`# The first part passes.
file show /etc/motd

# The second does not.
file show /etc/motd
jsoncmp have.json want.json

-- have.json --
{ "name": "eth0", "mtu": 1500, "ips": [ { "address": "10.1.0.2/24", "gateway": "10.1.0.1" } ] }
-- want.json --
{ "name": "eth0", "ips": [ { "address": "10.1.0.3/24" } ] }
`), fakeMachine, Options{})
	compareGolden(t, "failure.golden", stable(r.Log))
}

// stable takes out of a log what differs between two runs: times, and the kind of blank that go-cmp prints.
func stable(log string) string {
	log = regexp.MustCompile(`\(\d+\.\d+s\)`).ReplaceAllString(log, "(0s)")
	return strings.ReplaceAll(log, "\u00a0", " ")
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

func TestResultSurvivesJSON(t *testing.T) {
	r := Run(t.Context(), written("skip why"), fakeMachine, Options{})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsLeftOnDisk(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	for _, script := range []string{"file show /etc/motd", "file show /etc/none", "skip", "exec true"} {
		Run(t.Context(), written(script), fakeMachine, Options{})
		left, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 {
			t.Errorf("%q left %s", script, fmt.Sprint(left))
		}
	}
}

func TestUntil(t *testing.T) {
	whole := written("file show /etc/motd\nfile show /etc/none\n-- a --\nkept\n")
	part, err := whole.Until(1)
	if want := "file show /etc/motd\n-- a --\nkept\n"; err != nil || string(part.Text) != want {
		t.Errorf("got %q, %v", part.Text, err)
	}
	for _, line := range []int{-1, 0, 3} {
		if _, err := whole.Until(line); err == nil {
			t.Errorf("line %d is there", line)
		}
	}
}
