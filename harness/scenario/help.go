package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// intro is what the forms of lines have in common, and the language within the language. It reads well in a terminal
// and is Markdown.
const intro = `
A script is a list of lines, each a verb and its words. A line that fails ends the scenario, unless "!" stands before
it: then it must fail, and "stderr" looks at the error, which names the errno as Linux does. A line that is not in the
language fails either way. "#" begins a comment; 'single quotes' keep words together; $NAME is a variable. Files are
those of the archive, the lines after "-- NAME --". NS is a namespace by its name; "host" is the machine's own.

What a file of "expect" says of the machine is a snapshot with only what matters in it:

    netns host
      link veth* type veth peer eth0@pod-a master cni0
      ! address 10.1.0.99/24
    netns pod-a
      address 10.1.0.2/24 dev eth0
    files
      file /var/lib/cni/networks/net/10.1.0.2 content "pod-a*"

Properties and objects that are not named may be as they like. "*" stands for any characters, and "!" says that there
is no such object. The "show" lines print what can be said; "cnilab test -v" shows it.`

// Vocabulary explains the language in Markdown, from the tables by which lines are understood.
func Vocabulary() string {
	var b strings.Builder
	fmt.Fprint(&b, intro[1:], "\n\n")
	for _, e := range entries() {
		fmt.Fprintf(&b, "- `%s`  \n  %s\n", e.usage, e.about)
	}
	fmt.Fprint(&b, "\n", opsHelp())
	return b.String()
}

// opsHelp says what OP stands for in the lines about faults.
func opsHelp() string {
	plain := slices.DeleteFunc(ops(), func(op string) bool { return strings.HasSuffix(op, " *") })
	text := "An OP is one of " + strings.Join(plain, ", ") + "; or a first word with *, for all of these that change something."
	return strings.Join(wrap(text, 118), "\n") + "\n"
}

// Help explains the language for a terminal.
func Help() string {
	var b strings.Builder
	fmt.Fprint(&b, intro[1:], "\n\n")
	for _, e := range entries() {
		fmt.Fprintf(&b, "  %s\n        %s\n", e.usage, e.about)
	}
	fmt.Fprint(&b, "\n", opsHelp())
	return b.String()
}

// An entry is one form of line.
type entry struct{ usage, about string }

func entries() []entry {
	var all []entry
	for _, f := range forms() {
		all = append(all, entry{f.usage, f.about})
	}
	for _, b := range builtins() {
		all = append(all, entry{b.usage, b.about})
	}
	return all
}
