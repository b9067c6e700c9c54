package scenario

import (
	"fmt"
	"strings"
)

// intro is what the forms of lines have in common. It stands in a terminal as in Markdown.
const intro = `A script is a list of lines, each a verb and its words. A line that fails ends the scenario, unless "!"
stands before it: then it must fail, and "stderr" looks at the error, which names the errno as Linux does. A line that
is not in the language fails either way. "#" begins a comment; 'single quotes' keep words together; $NAME is a
variable. Files are those of the archive, the lines after "-- NAME --". NS is a namespace by its name; "host" is the
machine's own.`

// Vocabulary explains the language in Markdown, from the tables by which lines are understood.
func Vocabulary() string {
	var b strings.Builder
	fmt.Fprint(&b, intro, "\n\n")
	for _, e := range entries() {
		fmt.Fprintf(&b, "- `%s`  \n  %s\n", e.usage, e.about)
	}
	return b.String()
}

// Help explains the language for a terminal.
func Help() string {
	var b strings.Builder
	fmt.Fprint(&b, intro, "\n\n")
	for _, e := range entries() {
		fmt.Fprintf(&b, "  %s\n        %s\n", e.usage, e.about)
	}
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
