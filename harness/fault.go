package harness

import (
	"fmt"
	"strings"

	"github.com/cnilab/cnilab/harness/internal/pattern"
	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/intercept"
)

// A Fault is something that goes wrong at a call that a plugin, or the runtime, makes on its host.
type Fault struct {
	// Op names the calls, as package intercept does: "link add". With "*" as the second word it is those about the
	// first that may change something: "file *". "" is every call that may change something, but for executing a
	// program, which does nothing itself.
	Op string
	// Object is a pattern of what the call is about, as intercept.Call prints it, in which * stands for any
	// characters: "/var/lib/cni/*". "" is any.
	Object string
	// Nth chooses one of these calls, counted from 1 since the fault was set; 0 is all of them.
	Nth int
	// When says how much of the call takes effect.
	When When
	// Errno is what the caller is told. 0: it is told nothing, because its process dies, as SIGKILL ends one.
	Errno kernel.Errno
	// Where is the place that set it, for messages: "k.txtar:5". "" is none that anybody knows.
	Where string
}

// When is how much of a call that fails takes effect.
type When int

// How much takes effect.
const (
	Before When = iota // nothing
	After              // all, as when only the answer is lost; a call that is refused anyway keeps its answer
	Torn               // of a file that is written, the first half
)

// String returns the line that sets the fault in a scenario.
func (f Fault) String() string {
	words := []string{"fault"}
	if f.Errno == 0 {
		words[0] = "crash"
	}
	words = append(words, map[When][]string{After: {"-after"}, Torn: {"-torn"}}[f.When]...)
	if f.Nth > 0 {
		words = append(words, fmt.Sprintf("-n %d", f.Nth))
	}
	for _, word := range []string{f.Op, f.Object} {
		if word != "" {
			words = append(words, word)
		}
	}
	if f.Errno != 0 {
		words = append(words, f.Errno.Name())
	}
	return strings.Join(words, " ")
}

// concerns reports whether the fault is about the call, whatever its number.
func (f Fault) concerns(c intercept.Call) bool {
	noun, wild := strings.CutSuffix(f.Op, " *")
	switch {
	case f.Op == "":
		return isEffect(c)
	case wild:
		return isEffect(c) && strings.HasPrefix(string(c.Op), noun+" ") && f.isOn(c.Object)
	}
	return f.Op == string(c.Op) && f.isOn(c.Object)
}

func (f Fault) isOn(object string) bool { return f.Object == "" || pattern.Matches(f.Object, object) }

// isEffect reports whether a call may change something itself.
func isEffect(c intercept.Call) bool { return c.Mutates() && c.Op != intercept.ProgramExec }
