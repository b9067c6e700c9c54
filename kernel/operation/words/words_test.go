package words_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cnilab/cnilab/kernel/operation/words"
)

// A line is what the tests read: "-n" and a number, two names, and then keywords.
type line struct {
	n           int
	first, last string
	size        *int
	all         []string
	up          bool
}

func read(text string) (l line, err error) {
	r := &words.Reader{Form: "do", Usage: "do [-n N] FIRST LAST [size N] [with WORD]... [up]", Rest: strings.Fields(text)}
	err = r.Options(words.Keywords{"-n": words.Value(r, "N", &l.n, words.Int)})
	if err == nil {
		err = r.Names("FIRST LAST", &l.first, &l.last)
	}
	if err == nil {
		err = r.Keywords(words.Keywords{
			"size": words.Value(r, "N", &l.size, words.Pointer(words.Int)),
			"with": words.Each(r, "WORD", &l.all, words.String),
			"up":   words.Set(&l.up, true),
		})
	}
	return l, err
}

func TestReader(t *testing.T) {
	for text, want := range map[string]string{
		"a b":                            "0 a b - [] false",
		"-n 3 a b up":                    "3 a b - [] true",
		"a b with x size 7 with y":       "0 a b 7 [x y] false",
		"a -n":                           "0 a -n - [] false",
		"-n":                             "N is missing",
		"-n x a b":                       `"x" is no N`,
		"-m 3 a b":                       `does not know "-m"`,
		"a":                              "LAST is missing",
		"a b down":                       `does not know "down" here, but size, up, with`,
		"a b with":                       "WORD is missing",
		"a b size seven with x and more": `"seven" is no N`,
	} {
		l, err := read(text)
		got := ""
		switch size := "-"; {
		case err != nil:
			got = err.Error()
			want = "do: " + want + " (usage: do [-n N] FIRST LAST [size N] [with WORD]... [up])"
			if !words.IsUsage(fmt.Errorf("at its line: %w", err)) {
				t.Errorf("%q: %v is no error of usage", text, err)
			}
		default:
			if l.size != nil {
				size = fmt.Sprint(*l.size)
			}
			got = fmt.Sprint(l.n, " ", l.first, " ", l.last, " ", size, " ", l.all, " ", l.up)
		}
		if got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want)
		}
	}
	if words.IsUsage(errors.New("do: no")) {
		t.Error("any error is one of usage")
	}
}

func TestReaderEnds(t *testing.T) {
	var a, b string
	for text, ends := range map[string]bool{"x y": true, "dev x y": true, "x": false, "x y z": false, "": false} {
		r := &words.Reader{Rest: strings.Fields(text)}
		r.Skip("dev")
		if err := r.Only("A B", &a, &b); (err == nil) != ends || ends && (a != "x" || b != "y") {
			t.Errorf("Only, of %q: %v, %q and %q", text, err, a, b)
		}
		r = &words.Reader{Rest: strings.Fields(text)}
		r.Skip("dev")
		take := words.Value(r, "A", &a, words.String)
		if err := r.Operands(take, words.Value(r, "B", &b, words.String)); (err == nil) != ends || ends && (a != "x" || b != "y") {
			t.Errorf("Operands, of %q: %v, %q and %q", text, err, a, b)
		}
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"0s": 0, "1m30s": 90 * time.Second, "5": -1, "-5s": -1, "": -1} {
		got, err := words.Duration(text)
		if (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
