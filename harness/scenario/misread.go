package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := text[:min(len(text), int(max(wrong.Offset, 1)-1))] // Offset counts the byte that is wrong, too
		return fmt.Errorf("%s: %w", s.placeIn(file, text, lineAfter(before)), err)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		line, key := findValue(text, wrong)
		return fmt.Errorf("%s: %s", s.placeIn(file, text, line), wrongKind(key, wrong))
	}
	return fmt.Errorf("%s: %w", s.placeIn(file, text, 0), err)
}

// placeIn names a line of a file of the archive; line 0 is the file as a whole.
func (s *session) placeIn(file, text string, line int) string {
	place := file
	if line > 0 {
		place = fmt.Sprintf("%s:%d", file, line)
	}
	if !s.scenario.hasFile(file, text) {
		return place
	}
	return fmt.Sprintf("%s:%d (%s)", s.scenario.File, s.scenario.lineOf(file)+line, place)
}

// lineAfter is the line, counted from 1, of what follows a text.
func lineAfter(text string) int { return 1 + strings.Count(text, "\n") }

// wrongKind says which value has the wrong type, in the words of JSON.
func wrongKind(key string, wrong *json.UnmarshalTypeError) string {
	what := "the document"
	if key != "" {
		what = fmt.Sprintf("%q", key)
	}
	return fmt.Sprintf("%s is %s, and has to be %s", what, article(kindOf(wrong)), article(wantedKind(wrong.Type)))
}

// kindOf is the type of the value that is wrong; of a number, Value may have the digits too.
func kindOf(wrong *json.UnmarshalTypeError) string {
	kind, _, _ := strings.Cut(wrong.Value, " ")
	return kind
}

// wantedKind is the type of JSON for one of Go.
func wantedKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wantedKind(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return "number"
}

func article(kind string) string {
	if strings.ContainsAny(kind[:1], "ao") {
		return "an " + kind
	}
	return "a " + kind
}

// findValue returns the line of a document that has the value of the wrong type, and its key; 0 where it is not to be
// found. The error tells type and key, of what is in a map that of the map, and the place only in what libcni makes of the
// document. What is in "plugins" are documents of their own.
func findValue(text string, wrong *json.UnmarshalTypeError) (line int, key string) {
	for _, document := range []string{"", "plugins"} {
		w := jsonWalk{decoder: json.NewDecoder(strings.NewReader(text)), wanted: func(key, kind string) bool {
			key, ok := within(document, key)
			_, inner := within(wrong.Field, key)
			return ok && kind == kindOf(wrong) && (strings.EqualFold(key, wrong.Field) || wrong.Field != "" && inner)
		}}
		_ = w.value("") // a document that cannot be read is another mistake
		if w.end > 0 {
			key, _ = within(document, w.key)
			return lineAfter(text[:w.end]), key
		}
	}
	return 0, wrong.Field
}

// within returns a key as seen from an outer one, and whether it is in that, or that itself.
func within(outer, key string) (inner string, ok bool) {
	switch {
	case outer == "":
		return key, true
	case strings.EqualFold(outer, key):
		return "", true
	case len(key) > len(outer) && key[len(outer)] == '.' && strings.EqualFold(key[:len(outer)], outer):
		return key[len(outer)+1:], true
	}
	return key, false
}

// A jsonWalk looks for the first value that is wanted in a document. Keys are those from the root on, with dots between
// them and without places in lists.
type jsonWalk struct {
	decoder *json.Decoder
	wanted  func(key, kind string) bool
	key     string // of the value that was found
	end     int    // where its first token ends; 0: none was found
}

// value reads the next value, which has the key.
func (w *jsonWalk) value(key string) error {
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	if w.end == 0 && w.wanted(key, kindOfToken(token)) {
		w.key, w.end = key, int(w.decoder.InputOffset())
	}
	if _, nested := token.(json.Delim); !nested {
		return nil
	}
	for w.decoder.More() {
		if err := w.member(key, token == json.Delim('{')); err != nil {
			return err
		}
	}
	_, err = w.decoder.Token()
	return err
}

// member reads the next element of a list, or member of an object.
func (w *jsonWalk) member(key string, named bool) error {
	if !named {
		return w.value(key)
	}
	name, err := w.decoder.Token()
	if err != nil {
		return err
	}
	return w.value(strings.TrimPrefix(fmt.Sprintf("%s.%s", key, name), "."))
}

// kindOfToken is the type of the value that begins with a token, by encoding/json's name.
func kindOfToken(token json.Token) string {
	switch token {
	case json.Delim('{'):
		return "object"
	case json.Delim('['):
		return "array"
	}
	switch token.(type) {
	case string:
		return "string"
	case bool:
		return "bool"
	case float64:
		return "number"
	}
	return "null"
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
