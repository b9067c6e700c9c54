package scenario

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cnilab/cnilab/kernel/operation/words"
)

// lint refuses a script that says what the language does not have, before its first line is run. testscript's own verbs
// cannot be taken out of it, and some would reach the machine that runs the scenario; so every line must begin with a
// verb of ours or of builtins, in plain letters, and name no file outside of the archive.
func (s Scenario) lint() error {
	if bytes.HasPrefix(s.Text, []byte("\ufeff")) {
		return fmt.Errorf("%s:1: the file begins with a byte order mark; save it without", s.File)
	}
	if _, err := s.Binding(); err != nil {
		return err
	}
	if err := s.lintFiles(); err != nil {
		return err
	}
	empty := true
	set := []string{"WORK"}
	for i, line := range s.script() {
		if err := cmp.Or(lintLine(line), lintVariables(line, set)); err != nil {
			return fmt.Errorf("%s:%d: %w", s.File, i+1, err)
		}
		set = append(set, variablesSet(line)...)
		empty = empty && len(wordsOf(line)) == 0
	}
	if empty {
		return fmt.Errorf("%s: there is no line that does anything", s.File)
	}
	return nil
}

// lintFiles refuses files that are not below the script's own folder, and one that would take another's place.
func (s Scenario) lintFiles() error {
	number := 0
	for line := range strings.Lines(string(s.Text)) {
		number++
		name := marked(line)
		switch first := s.lineOf(name); {
		case name == "":
		case !localFile(name):
			return fmt.Errorf("%s:%d: %q is no plain file name", s.File, number, name)
		case first != number:
			return fmt.Errorf("%s:%d: there is another file %s, at line %d", s.File, number, name, first)
		}
	}
	return nil
}

func lintLine(line string) error {
	args := wordsOf(line)
	if len(args) == 0 {
		return nil
	}
	verb := args[0]
	if slices.ContainsFunc(forms(), func(f form) bool { return f.verb() == verb }) {
		return nil
	}
	i := slices.IndexFunc(builtins(), func(b builtin) bool { return b.name == verb })
	if i < 0 && strings.HasPrefix(verb, "--") {
		return words.UsageError{Message: `a file begins with a line "-- NAME --", with these blanks`}
	}
	if i < 0 {
		message := fmt.Sprintf("%q is no verb%s (cnilab help scenario lists them)", verb, orRather(verb, Verbs()))
		return words.UsageError{Message: message}
	}
	for _, file := range builtins()[i].files(args[1:]) {
		if !localFile(file) {
			return words.UsageError{Message: fmt.Sprintf("%s: %q is no file of the archive", verb, file)}
		}
	}
	return nil
}

// lintVariables refuses a line that names a variable that no line before has set: it would stand for nothing.
func lintVariables(line string, set []string) (err error) {
	for i, part := range strings.Split(strings.Join(split(line), " "), "'") {
		if i%2 == 1 {
			continue // between quotes nothing is replaced
		}
		os.Expand(part, func(name string) string {
			name = strings.TrimSuffix(name, "@R")
			if plainName.MatchString(name) && !slices.Contains(set, name) {
				message := fmt.Sprintf("$%s is not set: a line \"env %s=VALUE\" before sets it%s", name, name, orRather(name, set))
				err = words.UsageError{Message: message}
			}
			return ""
		})
	}
	return err
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variablesSet are the names of those that a line sets.
func variablesSet(line string) (names []string) {
	words := wordsOf(line)
	if len(words) == 0 || words[0] != "env" {
		return nil
	}
	for _, word := range words[1:] {
		name, _, _ := strings.Cut(strings.ReplaceAll(word, "'", ""), "=")
		names = append(names, name)
	}
	return names
}

// localFile reports whether a name can only be that of a file in the script's own folder, or below it. What a variable
// holds is not known here.
func localFile(name string) bool {
	return name != "" && !path.IsAbs(name) && !strings.ContainsAny(name, `$\:'`) && path.Clean(name) == name &&
		name != ".." && !strings.HasPrefix(name, "../")
}

// wordsOf are the words of a line, without the "!" before it.
func wordsOf(line string) []string {
	words := split(line)
	if len(words) > 0 && words[0] == "!" {
		words = words[1:]
	}
	return words
}

// split splits a line at white space as testscript does, up to a comment; quotes are kept.
func split(line string) []string {
	var words []string
	var word strings.Builder
	quoted := false
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
		}
		word.Reset()
	}
	for _, r := range line {
		switch {
		case r == '#' && !quoted:
			end()
			return words
		case strings.ContainsRune(" \t\r", r) && !quoted:
			end()
			continue
		case r == '\'':
			quoted = !quoted
		}
		word.WriteRune(r)
	}
	end()
	return words
}
