package scenario

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// Extension ends the name of a file that is a scenario.
const Extension = ".txtar"

// A Scenario is a script and its files.
type Scenario struct {
	Name string // the file's name without Extension, and the folders that it was found below
	File string // how messages name the file
	Text []byte // the txtar archive
}

// Load returns the scenario in a file. Messages name it by shown.
func Load(fsys fs.FS, file, shown string) (Scenario, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return Scenario{}, err
	}
	return Scenario{Name: strings.TrimSuffix(path.Base(file), Extension), File: shown, Text: text}, nil
}

// LoadAll returns the scenarios in fsys and its folders, sorted by file. Messages name them as files below folder, and
// results by what is below it: "tour/1-by-hand".
func LoadAll(fsys fs.FS, folder string) ([]Scenario, error) {
	var all []Scenario
	err := fs.WalkDir(fsys, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != Extension {
			return err
		}
		s, err := Load(fsys, file, path.Join(folder, file))
		s.Name = strings.TrimSuffix(file, Extension)
		all = append(all, s)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no file %s in %s", "*"+Extension, folder)
	}
	return all, err
}

// Until returns the scenario without what its script says behind a line of the file, counted from 1: to see what the
// machine is like there. Its files stay.
func (s Scenario) Until(line int) (Scenario, error) {
	archive := txtar.Parse(s.Text)
	script := slices.Collect(strings.Lines(string(archive.Comment)))
	if line < 1 || line > len(script) {
		return s, fmt.Errorf("%s: its script has the lines 1 to %d, and none %d", s.File, len(script), line)
	}
	archive.Comment = []byte(strings.Join(script[:line], ""))
	s.Text = txtar.Format(archive)
	return s, nil
}

// Summary returns the first comment of the script, which says what the scenario shows, in one line. A script begins
// with it; "" is one that does not.
func (s Scenario) Summary() string {
	var words []string
	for line := range strings.Lines(string(s.Text)) {
		comment, ok := strings.CutPrefix(line, "#")
		if !ok || strings.TrimSpace(comment) == "" || strings.HasPrefix(line, bindingMark) {
			break
		}
		words = append(words, strings.TrimSpace(comment))
	}
	return strings.Join(words, " ")
}

// commentsApart tells of each comment of the script whether a blank line is before it.
func (s Scenario) commentsApart() (apart []bool) {
	blank := false
	for line := range strings.Lines(string(s.Text)) {
		if strings.HasPrefix(line, "#") {
			apart = append(apart, blank)
		}
		blank = strings.TrimSpace(line) == ""
	}
	return apart
}

// script returns the lines of the script.
func (s Scenario) script() []string { return strings.Split(string(txtar.Parse(s.Text).Comment), "\n") }

// has reports whether a line of the script is one of some forms, on whichever machine.
func (s Scenario) has(forms []form) bool {
	for _, line := range s.script() {
		words := wordsOf(line)
		for _, words := range [][]string{words, cutHost(words)} {
			if len(words) > 0 && slices.ContainsFunc(forms, func(f form) bool { return f.verb() == words[0] }) {
				return true
			}
		}
	}
	return false
}

// lineOf returns the number of the line of the archive that is before the first one of a file in it; 0 where it has no
// such file.
func (s Scenario) lineOf(file string) int {
	number := 0
	for line := range strings.Lines(string(s.Text)) {
		number++
		if marked(line) == file {
			return number
		}
	}
	return 0
}

// marked returns the name in a line that begins a file of a txtar archive; "" where it is another line.
func marked(line string) string {
	files := txtar.Parse([]byte(line)).Files
	if len(files) == 0 {
		return ""
	}
	return files[0].Name
}
