package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// A form is one thing that a line of a script can say.
type form struct {
	name  string // the words it begins with: "ip link add"
	usage string // the whole line
	about string // one line
	// run does it and returns what it prints; netns is the namespace that -n named.
	run func(s *session, netns string, w *words.Reader) (string, error)
}

// verb is the first word.
func (f form) verb() string {
	verb, _, _ := strings.Cut(f.name, " ")
	return verb
}

// forms returns our part of the language, in the order in which it is explained.
func forms() []form {
	return slices.Concat(netnsForms(), linkForms(), addressForms(), routeForms(), ruleForms(), neighbourForms(), sysctlForms(), netfilterForms(), flowForms(),
		cniForms(), pluginForms(), kubeletForms(), probeForms(), routerForms(), timeForms(), needForms(), stateForms(), fileForms(), faultForms(), hostForms())
}

// A builtin is a verb of testscript that scenarios may use: none of them reaches beyond the files of the archive.
type builtin struct {
	name, usage, about string
	files              func(args []string) []string // which of the arguments name files
}

func builtins() []builtin {
	return []builtin{
		{"stdout", "stdout [-count=N] 'REGEXP'", "the line before printed a match (with !: none)", noFiles},
		{"stderr", "stderr [-count=N] 'REGEXP'", "what plugins wrote to standard error in the line before, or its error where it began with !, has a match", noFiles},
		{"cmp", "cmp FILE1 FILE2", "the files have the same content; stdout and stderr are files too", allFiles},
		{"cmpenv", "cmpenv FILE1 FILE2", "as cmp, with $variables replaced in FILE2", allFiles},
		{"grep", "grep [-count=N] 'REGEXP' FILE", "the file has a match", lastFile},
		{"exists", "exists FILE...", "the files of the archive, or made by cp and snapshot, are there", allFiles},
		{"cp", "cp FILE... TO", "copy a file; cp stdout FILE keeps what was printed", allFiles},
		{"env", "env NAME=VALUE...", "set variables, which the lines that follow name as $NAME", noFiles},
		{"skip", "skip ['REASON']", "end here; the scenario counts as skipped", noFiles},
		{"stop", "stop ['REASON']", "end here; the scenario has passed", noFiles},
	}
}

func noFiles([]string) []string       { return nil }
func allFiles(args []string) []string { return args }
func lastFile(args []string) []string { return args[max(0, len(args)-1):] }

// synonyms are the other words that ip(8) takes for the ones in the names of our forms.
var synonyms = map[string]string{
	"a": "addr", "address": "addr",
	"l": "link",
	"r": "route",
	"n": "neigh", "neighbour": "neigh", "neighbor": "neigh",
	"delete": "del",
	"list":   "show", "ls": "show", "lst": "show",
}

// parseLine finds the form of a line. It returns the namespace that "-n" names and the words that follow the form's
// name.
func parseLine(line []string) (f *form, netns string, rest []string, err error) {
	netns, line, err = operation.CutNetNS(line)
	if err != nil {
		return nil, "", nil, err
	}
	for _, f := range forms() {
		rest, ok := cutName(line, strings.Fields(f.name))
		switch {
		case !ok:
			continue
		case netns != kernel.HostNetNS && !strings.Contains(f.usage, "[-n NS]"):
			return nil, "", nil, words.UsageError{Message: f.name + ": does not take -n: names of namespaces are the machine's"}
		}
		return &f, netns, rest, nil
	}
	return nil, "", nil, unknownForm(line)
}

// cutName returns the words after the name of a form, if the line begins with it. As in ip(8), what says only a noun
// ("ip link") is to show it.
func cutName(line, name []string) (rest []string, ok bool) {
	if len(line) == 2 && len(name) == 3 && name[2] == "show" {
		line = append(slices.Clone(line), "show")
	}
	if len(line) < len(name) {
		return nil, false
	}
	for i, want := range name {
		if word := line[i]; word != want && (i == 0 || synonyms[word] != want) {
			return nil, false
		}
	}
	return line[len(name):], true
}

// unknownForm says how far a line could be understood, and what could have followed.
func unknownForm(line []string) error {
	for known := len(line) - 1; known > 0; known-- {
		if next := wordsAfter(line[:known]); len(next) > 0 {
			return words.UsageError{Message: fmt.Sprintf("%s: does not know %q, but %s",
				strings.Join(line[:known], " "), line[known], strings.Join(next, ", "))}
		}
	}
	return words.UsageError{Message: fmt.Sprintf("%s: a word is missing; it takes %s",
		strings.Join(line, " "), strings.Join(wordsAfter(line), ", "))}
}

// wordsAfter returns the words that follow these in the names of forms.
func wordsAfter(line []string) []string {
	var next []string
	for _, f := range forms() {
		name := strings.Fields(f.name)
		if len(name) <= len(line) {
			continue
		}
		if _, ok := cutName(line, name[:len(line)]); ok && !slices.Contains(next, name[len(line)]) {
			next = append(next, name[len(line)])
		}
	}
	return next
}
