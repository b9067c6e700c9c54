package scenario

import (
	"strings"
	"testing"
)

// TestScriptsCannotReachTheMachine tries what would read, change or start something outside of the scenario.
func TestScriptsCannotReachTheMachine(t *testing.T) {
	for _, line := range []string{
		"exec true",
		"! exec false",
		"  exec true",
		"[unix] exec true",
		"[!short] exec true",
		"'exec' true",
		"ex''ec true",
		"$VERB true",
		"${VERB} true",
		"rm /etc/passwd",
		"symlink a -> /etc/passwd",
		"mkdir /x", "mv a b", "chmod 777 a", "cd /", "kill", "wait", "stdin /etc/passwd", "ttyin /etc/passwd",
		"cmp /etc/passwd want",
		"cmp stdout ../../etc/passwd",
		"cmpenv stdout a/../../b",
		"cmp stdout $FILE",
		"cmp stdout '/etc/passwd'",
		`cmp stdout C:\x`,
		"grep root /etc/passwd",
		"exists /etc/passwd",
		"cp stdout /etc/passwd",
		"frobnicate",
	} {
		text := "# A comment.\nenv VERB=exec FILE=/etc/passwd\n" + line + "\n"
		r := Run(t.Context(), written(text), fakeMachine, Options{})
		if r.Outcome != Failed || !strings.Contains(r.Log, "scenarios/try.txtar:3: ") {
			t.Errorf("%q: %s\n%s", line, r.Outcome, r.Log)
		}
	}
}

func TestFilesStayInTheArchive(t *testing.T) {
	for _, name := range []string{"/etc/passwd", "../x", "a/../../x", "$HOME/x"} {
		r := Run(t.Context(), written("file show /etc/motd\n-- "+name+" --\n"), fakeMachine, Options{})
		if r.Outcome != Failed || !strings.Contains(r.Log, "try.txtar:2: ") {
			t.Errorf("%q: %s\n%s", name, r.Outcome, r.Log)
		}
	}
}

func TestSplit(t *testing.T) {
	for line, want := range map[string]string{
		"":                          "",
		"# comment":                 "",
		" ip  link\tshow # comment": "ip|link|show",
		"stdout 'two words' # x":    "stdout|'two words'",
		"stdout a'# b'c":            "stdout|a'# b'c",
		"stdout 'it''s'":            "stdout|'it''s'",
	} {
		if got := strings.Join(split(line), "|"); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}
