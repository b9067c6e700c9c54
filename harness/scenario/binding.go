package scenario

import (
	"fmt"
	"regexp"
	"strings"
)

// A Binding is the reason why a scenario runs on one backend alone. The zero Binding is none.
type Binding struct {
	Backend string
	Because string // as it goes on behind "because"
}

// The backends that a scenario may be bound to, by the names that cnilab gives them.
const (
	simulation = "sim"
	realKernel = "linux"
)

// bindingMark begins the comment that binds a scenario, in a line of its own behind the first comment.
const bindingMark = "# backend:"

var bindingLine = regexp.MustCompile(`^# backend: (` + simulation + `|` + realKernel + `), because (.+)$`)

// Binding returns what binds the scenario, from a line "# backend: sim, because ..." of its script. The sentence may go
// on in the comment's following lines.
func (s Scenario) Binding() (b Binding, err error) {
	number := 0
	for line := range strings.Lines(string(s.Text)) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case marked(line) != "":
			return b, nil // the script ends here
		case b.Backend != "" && strings.HasPrefix(line, "# "):
			b.Because += line[1:]
		case b.Backend != "":
			return b, nil
		case strings.HasPrefix(line, bindingMark):
			found := bindingLine.FindStringSubmatch(line)
			if found == nil {
				return b, fmt.Errorf("%s:%d: a scenario is bound by a line %q, with its reason", s.File, number,
					bindingMark+" "+simulation+", because ...")
			}
			b = Binding{Backend: found[1], Because: found[2]}
		}
	}
	return b, nil
}

// excludes reports whether the scenario must not run on the backend.
func (b Binding) excludes(backend string) bool {
	return b.Backend != "" && backend != "" && b.Backend != backend
}

// String returns the reason, for people.
func (b Binding) String() string { return "runs on " + b.Backend + " alone, because " + b.Because }
