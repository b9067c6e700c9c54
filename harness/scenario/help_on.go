package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// HelpOn explains the lines that begin with these words, for a terminal: "ip link" is all that can be said of links. It is
// "" where there are none. Synonyms of ip(8) are understood.
func HelpOn(words ...string) string {
	var b strings.Builder
	explain := func(name, usage, about string) {
		if beginsWith(strings.Fields(name), words) {
			fmt.Fprintf(&b, "  %s\n        %s\n", usage, about)
		}
	}
	for _, f := range forms() {
		explain(f.name, f.usage, f.about)
	}
	for _, f := range builtins() {
		explain(f.name, f.usage, f.about)
	}
	return b.String()
}

// beginsWith reports whether the name of a form begins with these words.
func beginsWith(name, words []string) bool {
	if len(words) > len(name) {
		return false
	}
	_, ok := cutName(words, name[:len(words)])
	return ok
}

// Verbs returns the first words of lines, sorted.
func Verbs() []string {
	var all []string
	for _, f := range forms() {
		all = append(all, f.verb())
	}
	for _, b := range builtins() {
		all = append(all, b.name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
