package scenario

import (
	"context"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cnilab/cnilab/kernel"
)

// A transcript remembers what each line of a script did, for people who want to read that. It only looks: a scenario
// ends the same way with and without it.
type transcript struct {
	script Scenario
	start  kernel.Snapshot
	steps  []*step
}

// A step is one line that is done by a verb of ours.
type step struct {
	verb  string
	out   string
	err   error // of a line that had to fail
	said  []saying
	calls []call
	notes []string        // what a line wants to be known that is no state of the machine
	after kernel.Snapshot // nil where it cannot be read
}

// A call is what a runtime told a plugin.
type call struct {
	plugin string // its file
	env    []string
	stdin  []byte
}

// A watchedHost is a host on which it is seen what plugins are told.
type watchedHost struct {
	kernel.Host
	seen func(call)
}

func (h watchedHost) Exec(ctx context.Context, path string, env []string, stdin []byte) (kernel.Output, error) {
	h.seen(call{plugin: path, env: env, stdin: stdin})
	return h.Host.Exec(ctx, path, env, stdin)
}

// keepTranscript makes the session remember what is done from now on.
func (s *session) keepTranscript() {
	s.transcript = &transcript{script: s.scenario}
	s.host = s.transcript.watch(s.host)
	s.transcript.start = s.lastingState()
}

// watch makes the transcript see what plugins on a host are told.
func (t *transcript) watch(h kernel.Host) kernel.Host {
	return watchedHost{h, func(c call) {
		if now := t.now(); now != nil {
			now.calls = append(now.calls, c)
		}
	}}
}

// now is the step that is being done; nil before the first.
func (t *transcript) now() *step {
	if len(t.steps) == 0 {
		return nil
	}
	return t.steps[len(t.steps)-1]
}

// begin opens the transcript's next step, if there is a transcript.
func (s *session) begin(verb string) {
	if s.transcript != nil {
		s.transcript.steps = append(s.transcript.steps, &step{verb: verb})
	}
}

// note adds what is no state of the machine to the step, and is nothing that the line prints.
func (s *session) note(format string, args ...any) {
	if s.transcript != nil {
		now := s.transcript.now()
		now.notes = append(now.notes, fmt.Sprintf(format, args...))
	}
}

// finish closes the step, and leaves a mark in the log where it is to be told.
func (s *session) finish(ts *testscript.TestScript, out string, err error) {
	if s.transcript == nil {
		return
	}
	now := s.transcript.now()
	now.out, now.err, now.said, now.after = out, err, s.heard.now(), s.lastingState()
	ts.Logf("%s", mark(len(s.transcript.steps)-1))
}

// lastingState is the state of the machine; nil where it cannot be read.
func (s *session) lastingState() kernel.Snapshot {
	state, err := s.take(stateFolders...)
	if err != nil {
		return nil
	}
	return lasting(state)
}

// mark is the line of a log that stands for a step. No script prints it.
func mark(number int) string { return fmt.Sprintf(stepMark+"%d", number) }

const stepMark = "\x00step "

// marked returns the step that a line of a log stands for.
func (t *transcript) marked(line string) (number int, ok bool) {
	_, err := fmt.Sscanf(line, stepMark+"%d", &number)
	return number, err == nil && number < len(t.steps)
}

// cutPrinted takes out of a log what testscript writes there of a step's output: the step tells it.
func (s *step) cutPrinted(log string) string {
	if s.out != "" {
		log = strings.TrimPrefix(log, "[stdout]\n"+s.out+"\n")
		log = strings.TrimPrefix(log, "[stdout]\n"+s.out)
	}
	if printed := stderr(s.said, s.err); printed != "" {
		log = strings.TrimPrefix(log, "[stderr]\n"+printed+"\n")
		log = strings.TrimPrefix(log, "[stderr]\n"+printed)
	}
	return log
}

// changes returns what came of a step. A line that waits, such as expect, waits for what Linux does behind the caller's
// back: that came of the line before.
func (t *transcript) changes(number int) []string {
	if t.steps[number].waits() {
		return nil
	}
	last := number
	for last+1 < len(t.steps) && t.steps[last+1].waits() && t.steps[last+1].after != nil {
		last++
	}
	before := t.start
	if number > 0 {
		before = t.steps[number-1].after
	}
	if after := t.steps[last].after; before != nil && after != nil {
		return changes(before, after)
	}
	return nil
}

func (s *step) waits() bool { return s.verb == "expect" || s.verb == "same" }
