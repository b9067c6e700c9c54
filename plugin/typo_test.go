package plugin_test

import (
	"strings"
	"testing"
)

// TestTypoIsTold on standard error; ADD and STATUS succeed.
func TestTypoIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, l *lab) {
		r := request{verb: "ADD", id: "a", netns: l.pod("a"), conf: l.conf(map[string]any{"isGatway": true, "hairpinMode": true})}
		for _, verb := range []string{"ADD", "STATUS"} {
			if a := l.succeed(r.as(verb)); !strings.Contains(a.stderr, `network net: key "isGatway" is unknown, and ignored; is it "isGateway"?`) {
				t.Errorf("%s: standard error is %q", verb, a.stderr)
			}
		}
		r.conf = l.conf(map[string]any{"isGateway": true})
		if a := l.succeed(r.as("STATUS")); a.stderr != "" {
			t.Errorf("standard error is %q", a.stderr)
		}
		l.succeed(r.as("DEL"))
	})
}
