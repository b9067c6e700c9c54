package scenario

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/cnilab/cnilab/kernel"
	"github.com/cnilab/cnilab/kernel/operation/words"
)

// heard is what programs write to standard error while a script runs: warnings, which fail nothing, and which runtimes
// throw away. Programs may run at the same time.
type heard struct {
	mu   sync.Mutex
	line string // of the script, that is being done
	at   int    // its number
	all  []saying
	old  int // how many of all are of lines before
}

// A saying is what one run of a program wrote to standard error.
type saying struct {
	line, program string
	at            int
	text          string // without a newline at its end
}

// A heardHost is a host on which it is heard what programs say.
type heardHost struct {
	kernel.Host
	heard *heard
}

func (h heardHost) Exec(ctx context.Context, file string, env []string, stdin []byte) (kernel.Output, error) {
	out, err := h.Host.Exec(ctx, file, env, stdin)
	h.heard.add(path.Base(file), strings.TrimSpace(string(out.Stderr)))
	return out, err
}

// next begins a line of the script, that has the number.
func (h *heard) next(line []string, at int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.line, h.at, h.old = strings.Join(line, " "), at, len(h.all)
}

func (h *heard) add(program, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if text != "" {
		h.all = append(h.all, saying{h.line, program, h.at, text})
	}
}

// now is what was said during the line.
func (h *heard) now() []saying {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all[h.old:]
}

// above puts on top of the log of a failure what it does not have: testscript keeps nothing of parts that passed, and
// what was warned of there may be the reason.
func (h *heard) above(log string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var missing strings.Builder
	for _, s := range h.all {
		if !strings.Contains(log, s.text+"\n") {
			fmt.Fprintf(&missing, "> %s\n%s\n", s.line, s)
		}
	}
	return missing.String() + log
}

// warnings are what programs have warned of, each with its place, but for what the script looks at itself.
func (h *heard) warnings(s Scenario) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all strings.Builder
	for _, said := range h.all {
		for line := range strings.Lines(said.text) {
			if strings.Contains(strings.ToLower(line), "warning") && !s.looksAtStderr(said.at) {
				fmt.Fprintf(&all, "%s:%d: %s\n", s.File, said.at, strings.TrimSpace(line))
			}
		}
	}
	return all.String()
}

// looksAtStderr reports whether the lines behind one of the script, counted from 1, are about what that has printed, and
// one of them about its standard error.
func (s Scenario) looksAtStderr(at int) bool {
	for _, line := range s.script()[at:] {
		words := append(wordsOf(line), "")
		switch words[0] {
		case "stderr":
			return true
		case "", "stdout", "cmp", "cmpenv", "jsoncmp", "grep", "cp":
		default:
			return false
		}
	}
	return false
}

// String is for people.
func (s saying) String() string {
	return s.program + " says on standard error\n  " + strings.ReplaceAll(s.text, "\n", "\n  ")
}

// expected is an error that a line had to have; any other one is the end of the script, and told there.
func expected(neg bool, err error) error {
	if !neg || words.IsUsage(err) {
		return nil
	}
	return err
}

// stderr is what a line has as its standard error: what programs said, and then why it failed.
func stderr(said []saying, err error) string {
	var b strings.Builder
	for _, s := range said {
		fmt.Fprintln(&b, s.text)
	}
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	return b.String()
}
