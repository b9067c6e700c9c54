// Package words reads a line of the scenario language word by word, from left to right, and says what is wrong with one
// that does not have its form.
package words

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A UsageError is a line that the language does not have. It fails a script, with "!" before the line too.
type UsageError struct{ Message string }

func (e UsageError) Error() string { return e.Message }

// IsUsage reports whether a UsageError is in err.
func IsUsage(err error) bool {
	_, ok := errors.AsType[UsageError](err)
	return ok
}

// A Reader holds the words of a line that follow the name of its form.
type Reader struct {
	Form  string   // the words that the line began with: "ip link add"
	Usage string   // what the whole line should look like
	Rest  []string // what has not been read yet
}

// Wrong returns the error for a line that does not have the form.
func (r *Reader) Wrong(format string, args ...any) error {
	return UsageError{fmt.Sprintf("%s: %s (usage: %s)", r.Form, fmt.Sprintf(format, args...), r.Usage)}
}

// Next takes the next word. what is its name in the usage.
func (r *Reader) Next(what string) (string, error) {
	if len(r.Rest) == 0 {
		return "", r.Wrong("%s is missing", what)
	}
	word := r.Rest[0]
	r.Rest = r.Rest[1:]
	return word, nil
}

// Names takes a word for each target. what is their names in the usage.
func (r *Reader) Names(what string, targets ...*string) error {
	for i, name := range strings.Fields(what) {
		word, err := r.Next(name)
		if err != nil {
			return err
		}
		*targets[i] = word
	}
	return nil
}

// Only takes a word for each target, and refuses what is left.
func (r *Reader) Only(what string, targets ...*string) error {
	if err := r.Names(what, targets...); err != nil {
		return err
	}
	return r.End()
}

// Skip passes over a word that people may leave out.
func (r *Reader) Skip(word string) {
	if len(r.Rest) > 0 && r.Rest[0] == word {
		r.Rest = r.Rest[1:]
	}
}

// End refuses what is left.
func (r *Reader) End() error {
	if len(r.Rest) > 0 {
		return r.Wrong("does not know %q", r.Rest[0])
	}
	return nil
}

// Keywords are the words that may follow in any order, and what to do at each: mostly, to take the next one.
type Keywords map[string]func() error

// Keywords reads to the end of the line.
func (r *Reader) Keywords(known Keywords) error {
	for len(r.Rest) > 0 {
		word := r.Rest[0]
		take, ok := known[word]
		if !ok {
			return r.Wrong("does not know %q here, but %s", word, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		r.Rest = r.Rest[1:]
		if err := take(); err != nil {
			return err
		}
	}
	return nil
}

// Dev reads "dev LINK", which must be there, and what else may be, to the end of the line.
func (r *Reader) Dev(more Keywords) (dev string, err error) {
	there := false
	known := maps.Clone(more)
	if known == nil {
		known = Keywords{}
	}
	known["dev"] = func() error {
		there = true
		return Value(r, "LINK", &dev, String)()
	}
	if err := r.Keywords(known); err != nil {
		return "", err
	}
	if !there {
		return "", r.Wrong("dev is missing")
	}
	return dev, nil
}

// Options reads the words before the operands: each "-name value".
func (r *Reader) Options(known Keywords) error {
	for len(r.Rest) > 0 && strings.HasPrefix(r.Rest[0], "-") {
		take, ok := known[r.Rest[0]]
		if !ok {
			return r.Wrong("does not know %q", r.Rest[0])
		}
		r.Rest = r.Rest[1:]
		if err := take(); err != nil {
			return err
		}
	}
	return nil
}

// Operands reads the rest of a line, in its order.
func (r *Reader) Operands(take ...func() error) error {
	for _, t := range take {
		if err := t(); err != nil {
			return err
		}
	}
	return r.End()
}

// Value returns what takes the next word, of the kind that parse knows, into target.
func Value[T any](r *Reader, what string, target *T, parse func(string) (T, error)) func() error {
	return func() error {
		word, err := r.Next(what)
		if err != nil {
			return err
		}
		*target, err = parse(word)
		if err != nil {
			return r.Wrong("%q is no %s", word, what)
		}
		return nil
	}
}

// Each returns what takes the next word and appends it to target: the word before it may come several times.
func Each[T any](r *Reader, what string, target *[]T, parse func(string) (T, error)) func() error {
	return func() error {
		var one T
		err := Value(r, what, &one, parse)()
		*target = append(*target, one)
		return err
	}
}

// Set returns what sets target, at a word that needs no other.
func Set[T any](target *T, to T) func() error {
	return func() error {
		*target = to
		return nil
	}
}
