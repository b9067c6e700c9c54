package pattern_test

import (
	"testing"

	"github.com/cnilab/cnilab/harness/internal/pattern"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"veth1", "veth1", true},
		{"veth1", "veth12", false},
		{"veth*", "veth", true},
		{"*@pod-a", "eth0@pod-a", true},
		{"*@pod-a", "eth0@pod-ab", false},
		{"a*b*c", "a/b/b/c", true},
		{"a*b*c", "acb", false},
		{"*", "", true},
		{"", "x", false},
	} {
		if got := pattern.Matches(c.pattern, c.s); got != c.want {
			t.Errorf("Matches(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}
