package scenario

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cnilab/cnilab/kernel"
)

// update gives a file of the archive a new text, now and in the scenario that is written at the end.
func (s *session) update(file, text string) error {
	if s.scenario.lineOf(file) == 0 {
		return fmt.Errorf("%s is no file of %s, and cannot be written anew", file, s.scenario.File)
	}
	s.files.write(file, text)
	s.updates[file] = text
	return nil
}

func (s *session) updateJSON(file string, is any) error {
	text, err := json.MarshalIndent(is, "", "  ")
	if err != nil {
		return err
	}
	return s.update(file, string(text)+"\n")
}

// updateStatements writes the properties anew that are not as a file of expect says. Where no object, or more than one,
// is the one that is meant, people have to decide.
func (s *session) updateStatements(file string, all []statement, state kernel.Snapshot) error {
	lines := strings.Split(s.files.read(file), "\n")
	first := s.scenario.lineOf(file) + 1
	for _, st := range all {
		if st.diff(state) == "" {
			continue
		}
		is, ok := st.meant(state)
		if !ok {
			return fmt.Errorf("%s:%d cannot be written anew, for no single object is meant\n%s",
				s.scenario.File, st.line, st.diff(state))
		}
		line := &lines[st.line-first]
		indent := (*line)[:len(*line)-len(strings.TrimLeft(*line, " \t"))]
		*line = indent + st.corrected(is).String()
	}
	return s.update(file, strings.Join(lines, "\n"))
}

// meant returns the one object that the statement is about.
func (st statement) meant(state kernel.Snapshot) (o kernel.Object, ok bool) {
	count := 0
	for _, candidate := range state {
		if st.names(candidate) {
			o = candidate
			count++
		}
	}
	return o, count == 1 && !st.absent
}

// corrected is the statement with what the object has where they differ.
func (st statement) corrected(o kernel.Object) kernel.Object {
	is := kernel.Object{NetNS: st.NetNS, Noun: st.Noun, Name: st.Name}
	had := make(map[string]int) // how many of a key were stated
	for _, stated := range st.Attrs {
		got := allOf(o, stated.Key)
		at := had[stated.Key]
		had[stated.Key]++
		switch {
		case haveAll(got, []kernel.Attr{stated}):
			is.Attrs = append(is.Attrs, stated)
		case at < len(got):
			is.Attrs = append(is.Attrs, got[at])
		}
	}
	return is
}

// updated returns the scenario's new text; nil where nothing was written anew. file is the script as it was run, in
// which testscript has written what cmp found different.
func (s *session) updated(file string) []byte {
	text, err := os.ReadFile(file)
	if !s.updating || err != nil {
		return nil
	}
	archive := txtar.Parse(text)
	for i, f := range archive.Files {
		if new, ok := s.updates[f.Name]; ok {
			archive.Files[i].Data = []byte(new)
		}
	}
	if text = txtar.Format(archive); string(text) != string(s.scenario.Text) {
		return text
	}
	return nil
}

// WriteUpdated writes the new text of a scenario, if the run made one, into the file that it was loaded from: one of
// all, whose File must be its name from the current folder.
func (r Result) WriteUpdated(all []Scenario) error {
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == r.Name })
	if r.Updated == nil || r.Outcome != Passed || i < 0 {
		return nil
	}
	return os.WriteFile(filepath.FromSlash(all[i].File), r.Updated, 0o644)
}
