package scenario

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	lines "github.com/cnilab/cnilab/kernel/operation/words"
	"github.com/cnilab/cnilab/plugin/config"
)

// A usageError is a line that the language does not have. It fails a script, with "!" before the line too.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func isUsage(err error) bool {
	_, ours := errors.AsType[usageError](err)
	return ours || lines.IsUsage(err)
}

// words are those of a line that follow the name of its form, read from left to right.
type words struct {
	form *form
	rest []string
}

// wrong returns the error for a line that does not have the form.
func (w *words) wrong(format string, args ...any) error {
	return usageError{fmt.Sprintf("%s: %s (usage: %s)", w.form.name, fmt.Sprintf(format, args...), w.form.usage)}
}

// orRather asks, behind a message about a word that is none of those known, whether one of them was meant; "" where none
// seems to be.
func orRather(word string, known []string) string {
	i := slices.IndexFunc(known, func(k string) bool { return config.IsOneSlip(word, k) })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("; is it %q?", known[i])
}

// next takes the next word. what is its name in the usage.
func (w *words) next(what string) (string, error) {
	if len(w.rest) == 0 {
		return "", w.wrong("%s is missing", what)
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word, nil
}

// names takes a word for each target. what is their names in the usage.
func (w *words) names(what string, targets ...*string) error {
	for i, name := range strings.Fields(what) {
		word, err := w.next(name)
		if err != nil {
			return err
		}
		*targets[i] = word
	}
	return nil
}

// skip passes over a word that people may leave out.
func (w *words) skip(word string) {
	if len(w.rest) > 0 && w.rest[0] == word {
		w.rest = w.rest[1:]
	}
}

// end refuses what is left.
func (w *words) end() error {
	if len(w.rest) > 0 {
		return w.wrong("does not know %q", w.rest[0])
	}
	return nil
}

// keywords are the words that may follow in any order, and what to do at each: mostly, to take the next one.
type keywords map[string]func() error

// keywords reads to the end of the line.
func (w *words) keywords(known keywords) error {
	for len(w.rest) > 0 {
		word := w.rest[0]
		take, ok := known[word]
		if !ok {
			return w.wrong("does not know %q here, but %s", word, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		w.rest = w.rest[1:]
		if err := take(); err != nil {
			return err
		}
	}
	return nil
}

// options reads the words before the operands: each "-name value".
func (w *words) options(known keywords) error {
	for len(w.rest) > 0 && strings.HasPrefix(w.rest[0], "-") {
		take, ok := known[w.rest[0]]
		if !ok {
			return w.wrong("does not know %q", w.rest[0])
		}
		w.rest = w.rest[1:]
		if err := take(); err != nil {
			return err
		}
	}
	return nil
}

// operands reads the rest of a line, in its order.
func (w *words) operands(take ...func() error) error {
	for _, t := range take {
		if err := t(); err != nil {
			return err
		}
	}
	return w.end()
}

// value returns what takes the next word, of the kind that parse knows, into target.
func value[T any](w *words, what string, target *T, parse func(string) (T, error)) func() error {
	return func() error {
		word, err := w.next(what)
		if err != nil {
			return err
		}
		*target, err = parse(word)
		if err != nil {
			return w.wrong("%q is no %s", word, what)
		}
		return nil
	}
}

// each returns what takes the next word and appends it to target: the word before it may come several times.
func each[T any](w *words, what string, target *[]T, parse func(string) (T, error)) func() error {
	return func() error {
		var one T
		err := value(w, what, &one, parse)()
		*target = append(*target, one)
		return err
	}
}

func parseString(s string) (string, error)          { return s, nil }
func parseInt(s string) (int, error)                { return strconv.Atoi(s) }
func parseAddr(s string) (netip.Addr, error)        { return netip.ParseAddr(s) }
func parseDuration(s string) (time.Duration, error) { return time.ParseDuration(s) }
func parsePointer(s string) (*string, error)        { return &s, nil }
