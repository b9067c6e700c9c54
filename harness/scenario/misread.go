package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cnilab/cnilab/plugin/config"
)

// orRather asks, behind a message about a word that is none of those known, whether one of them was meant; "" where none
// seems to be.
func orRather(word string, known []string) string {
	i := slices.IndexFunc(known, func(k string) bool { return config.IsOneSlip(word, k) })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("; is it %q?", known[i])
}

// misread returns the error of a JSON document that could not be read, with where the mistake is: the line of the
// scenario, where the file is as it was there, and the file's own.
func (s *session) misread(file, text string, err error) error {
	wrong, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return fmt.Errorf("%s: %w", file, err)
	}
	before := text[:min(len(text), int(max(wrong.Offset, 1)-1))] // Offset counts the byte that is wrong, too
	line := 1 + strings.Count(before, "\n")
	place := fmt.Sprintf("%s:%d", file, line)
	if s.scenario.hasFile(file, text) {
		place = fmt.Sprintf("%s:%d (%s)", s.scenario.File, s.scenario.lineOf(file)+line, place)
	}
	return fmt.Errorf("%s: %w", place, err)
}

// hasFile reports whether the archive has a file with this text.
func (s Scenario) hasFile(name, text string) bool {
	for _, f := range txtar.Parse(s.Text).Files {
		if f.Name == name {
			return string(f.Data) == text
		}
	}
	return false
}
