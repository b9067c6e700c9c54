package scenario

import (
	"strings"
	"testing"
)

func TestHelpOnAVerb(t *testing.T) {
	for words, want := range map[string]struct {
		lines    int
		contains string
	}{
		"trace":           {1, "trace [-from ADDRESS]"},
		"ip link add":     {1, "ip [-n NS] link add"},
		"ip l":            {4, "ip [-n NS] link set"},
		"fault":           {1, "fault [-n N]"},
		"faults":          {1, "faults off"},
		"cmp":             {1, "cmp FILE1 FILE2"},
		"ip link add br0": {0, ""},
		"trac":            {0, ""},
		"link":            {0, ""},
	} {
		help := HelpOn(strings.Fields(words)...)
		if got := strings.Count(help, "\n") / 2; got != want.lines || !strings.Contains(help, want.contains) {
			t.Errorf("%q: %d lines of the language:\n%s", words, got, help)
		}
	}
}

// TestEveryVerbHasHelp asks for all.
func TestEveryVerbHasHelp(t *testing.T) {
	verbs := Verbs()
	if len(verbs) < 40 {
		t.Errorf("there are %d", len(verbs))
	}
	for _, verb := range verbs {
		if HelpOn(verb) == "" {
			t.Errorf("%s has none", verb)
		}
	}
}
