package scenario

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// A recorder is a testing.T for one script outside of go test.
type recorder struct {
	verbose bool
	log     strings.Builder
	failed  bool
	skipped bool
}

var _ testscript.T = (*recorder)(nil)

// Run calls f and waits for it; in a goroutine of its own, because FailNow and its like end that.
func (r *recorder) Run(_ string, f func(testscript.T)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.recover()
		f(r)
	}()
	<-done
}

// recover turns a panic into a failure, so that the other scenarios go on.
func (r *recorder) recover() {
	if p := recover(); p != nil {
		r.failed = true
		fmt.Fprintf(&r.log, "panic: %v\n%s", p, debug.Stack())
	}
}

// Log keeps what a script did; of a skipped one, whose reason comes first, people want no more.
func (r *recorder) Log(args ...any) {
	if r.skipped && !r.verbose {
		return
	}
	if text := strings.TrimSpace(fmt.Sprint(args...)); text != "" {
		fmt.Fprintln(&r.log, text)
	}
}

func (r *recorder) Fatal(args ...any) {
	r.Log(args...)
	r.FailNow()
}

func (r *recorder) FailNow() {
	r.failed = true
	runtime.Goexit()
}

func (r *recorder) Skip(args ...any) {
	r.Log(args...)
	r.skipped = true
	runtime.Goexit()
}

func (r *recorder) Parallel()     {}
func (r *recorder) Verbose() bool { return r.verbose }

func (r *recorder) outcome() Outcome {
	switch {
	case r.failed:
		return Failed
	case r.skipped:
		return Skipped
	}
	return Passed
}

// shownAs is a testing.T whose log reads as people want it: it names files as they know them.
type shownAs struct {
	testscript.T
	names   *strings.Replacer
	session *session
}

// noFile is how verbs of testscript's tell that the archive has no such file.
var noFile = regexp.MustCompile(`(open|stat) \$WORK/(\S+): no such file or directory`)

// Log shows the log of a script: told, where the session has kept a transcript, and in any case with JSON laid out alike.
func (t shownAs) Log(args ...any) {
	log := noFile.ReplaceAllString(t.names.Replace(fmt.Sprint(args...)), missingFile("$2"))
	if kept := t.session.transcript; kept != nil {
		log = kept.tell(log)
	} else {
		log = t.session.layOutPrinted(log)
	}
	t.T.Log(log)
}

func (t shownAs) Fatal(args ...any) { t.T.Fatal(t.names.Replace(fmt.Sprint(args...))) }

func (t shownAs) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(inner testscript.T) { f(shownAs{inner, t.names, t.session}) })
}
