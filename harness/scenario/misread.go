package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

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
